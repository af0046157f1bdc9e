"""Death and refusal at every moment at which a run writes: starting, saving, resuming."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from tests.faults import moments, runs
from tests.faults.fault import Fault, Seen, manners, said, told_of_disk
from tests.faults.process import command


class KilledAnywhere(Fault):
    """SIGKILL before every change of a file, and in the middle of every write."""

    holds = "the run goes on from its last whole state and ends with the same bits; nothing is taken for damaged"
    words: ClassVar[Sequence[str]]
    begun: ClassVar[bool]
    cut: ClassVar[bool] = False

    def ways(self) -> Sequence[str]:
        """Every moment."""
        return runs.moments_of(*self.words, begun=self.begun)

    def inject(self, way: str, folder: Path) -> Seen:
        """Kill it there, then bring it to its end."""
        if self.begun:
            shutil.copytree(runs.half(), folder / "run")
        death = partial(moments.kill_at, folder / "run", way, folder / "mark", self.cut)
        killed = command(self.words, folder, runs.save_always, death)
        if not (folder / "mark").exists():  # TensorBoard's thread has moments of its own
            return runs.judged(folder, "not reached", [killed])
        wrong = manners(killed, [-9])
        again = runs.finish(folder)
        return runs.judged(folder, said(killed) + ", then resumed", [again], [*wrong, *runs.put_aside(folder / "run")])


class KilledWhileSaving(KilledAnywhere):
    """From the first file of a run to its last."""

    name = "SIGKILL at every write of a run"
    words, begun = runs.COMMAND, False


class KilledWhileResuming(KilledAnywhere):
    """From the lock to the end."""

    name = "SIGKILL at every write of `resume`"
    words, begun = ("resume", "run"), True


class PowerCut(KilledWhileSaving):
    """What was not synced is gone too."""

    name = "power cut at every write of a run: what was not synced is gone"
    cut = True


class PowerCutWhileResuming(KilledWhileResuming):
    """What was not synced is gone too."""

    name = "power cut at every write of `resume`"
    cut = True


class DiskErrorWhileResuming(Fault):
    """One change of a file fails."""

    name = "one write fails (disk full, input/output error), at every write of `resume`"
    holds = "one sentence with the file and the cause, exit 1 or 2; afterwards `resume` ends with the same bits"

    def ways(self) -> Sequence[str]:
        """Every moment, with the two errors in turn."""
        found = runs.moments_of("resume", "run", begun=True)
        return [f"{('ENOSPC', 'EIO')[number % 2]} {moment}" for number, moment in enumerate(found)]

    def inject(self, way: str, folder: Path) -> Seen:
        """Let it fail, then bring it to its end."""
        shutil.copytree(runs.half(), folder / "run")
        name, _, moment = way.partition(" ")
        refusal = partial(moments.refuse_at, folder / "run", moment, folder / "mark", getattr(errno, name))
        refused = command(["resume", "run"], folder, runs.save_always, refusal)
        wrong = manners(refused, [0, 1, 2]) + (told_of_disk(refused) if refused.code else [])
        return runs.judged(folder, said(refused), [runs.finish(folder)], wrong)


FAULTS = (KilledWhileSaving(), KilledWhileResuming(), PowerCut(), PowerCutWhileResuming(), DiskErrorWhileResuming())
