"""Places that can't be written to: full disks, modes, folders that go away, streams that nobody reads."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from tests.faults import moments, runs, sweeps
from tests.faults.fault import Fault, Seen, manners, said, told_of_disk
from tests.faults.process import command

LARGE = "64m"


def heed_modes() -> None:
    """Take from root what lets it write where modes forbid it; other users have never had it."""
    if os.getuid() == 0:
        library, header, data = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        library.capget(header, data)
        for part in range(3):  # effective, permitted, inheritable: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
            data[part] &= ~0b110
        library.capset(header, data)


@cache
def no_mounts() -> str | None:
    """Why no small file system can be mounted here; None where it can."""
    if os.getuid():
        return "only root can mount a small file system"
    place = runs.home() / "mount"
    place.mkdir()
    with disk(place, "64k"):
        return None if os.path.ismount(place) else "no small file system can be mounted"


@contextmanager
def disk(place: Path, size: str) -> Iterator[Callable[[str], object]]:
    """A file system of its own at a folder; what is yielded gives it another size."""

    def mount(options: str) -> object:
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "faults", str(place)], capture_output=True)

    mount(f"size={size}")
    try:
        yield lambda larger: mount(f"remount,size={larger}")
    finally:
        subprocess.run(["umount", "-l", str(place)], capture_output=True)


class DiskFull(Fault):
    """A file system that is as large as a part of what a run writes."""

    name = "disk full in the middle of a run (a small file system)"
    holds = "one sentence with the cause, exit 1; with space again `resume` ends with the same bits"

    def missing(self) -> str | None:
        """Mounting takes root."""
        return no_mounts()

    def ways(self) -> Sequence[str]:
        """Sizes, in pages."""
        pages = sum(-(-path.stat().st_size // 4096) for path in runs.whole().rglob("*") if path.is_file())
        return [f"{4 * size}k" for size in range(3, pages, max(1, pages // 30))]

    def inject(self, way: str, folder: Path) -> Seen:
        """Run on it, enlarge it, bring the run to its end."""
        (folder / "run").mkdir()
        with disk(folder / "run", way) as enlarge:
            full = command(runs.COMMAND, folder, runs.save_always)
            wrong = manners(full, [1, 2]) + told_of_disk(full)
            enlarge(LARGE)
            return runs.judged(folder, said(full), [runs.finish(folder)], wrong)


class DiskFullInSweep(Fault):
    """The same under a sweep, which waits for space."""

    name = "disk full in the middle of a sweep"
    holds = "the sweep waits, says so, goes on when there is space; every point once"
    slow = True

    def missing(self) -> str | None:
        """Mounting takes root."""
        return no_mounts()

    def ways(self) -> Sequence[str]:
        """Sizes."""
        return [f"{size}k" for size in range(24, 97, 8)]

    def inject(self, way: str, folder: Path) -> Seen:
        """Sweep on it, and enlarge it when it is full."""
        (folder / "sweep").mkdir()
        with disk(folder / "sweep", way) as enlarge:
            sweep = sweeps.start(sweeps.GRID, folder)
            sweep.until(lambda: any("disk is full" in path.read_text() for path in sweep.said))
            enlarge(LARGE)
            ended = sweep.end()
            waited = "waits for space, then " if "disk is full" in ended.out + ended.err else ""
            return sweeps.judged(folder, waited + said(ended), {}, sweeps.GRID, [ended])


class SharedMemoryFull(Fault):
    """Workers that read images find no room to hand them over."""

    name = "/dev/shm full under the workers that read data"
    holds = "exit 1, /dev/shm is named; with room again the same command trains"
    slow = True
    words: ClassVar[Sequence[str]] = (
        *("data=image_folder", "data.root=images", "data.image_size=32", "data.batch_size=64", "data.in_memory=false"),
        *("data.num_workers=2", "model.hidden=[4]", "trainer.max_epochs=1", "trainer.images=0", "hydra.run.dir=run"),
    )

    def missing(self) -> str | None:
        """Mounting takes root."""
        return no_mounts()

    def ways(self) -> Sequence[str]:
        """Sizes: not even for the queues, for those alone, for some of the batches."""
        return ["16k", "64k", "256k"]

    def inject(self, way: str, folder: Path) -> Seen:
        """Train with that little of it."""
        draw = np.random.default_rng(0)
        for number in range(200):
            images = folder / "images" / "ab"[number % 2]
            images.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(images / f"{number}.png")
        full = command(self.words, folder, partial(_own_shared_memory, way))
        wrong = manners(full, [1])
        if "/dev/shm" not in full.err:
            wrong.append(f"the cause is not named: {full.err[-300:]!r}")
        again = command(["rerun", "run", "hydra.run.dir=again"], folder)
        return Seen(said(full), [*wrong, *manners(again)])


def _own_shared_memory(size: str) -> None:
    """Give this process, and what it starts, a /dev/shm of its own."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x20000):  # CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "faults", "/dev/shm"], check=True)


class Forbidden(Fault):
    """Modes that forbid what is to be done."""

    name = "read-only folder, permission denied: at the start, on `resume`, in the middle"
    holds = "one sentence with the path and the cause, exit 2 (1 in the middle); nothing is lost"
    moments: ClassVar[Sequence[str]] = (
        "open checkpoints/.last.pt.tmp #2",
        "open checkpoints/.best.pt.tmp #1",
        "open metrics.jsonl #1",
        "open .result.json.tmp #1",
    )

    def ways(self) -> Sequence[str]:
        """Where and when."""
        return ["start", "resume", "sweep", "last.pt", "config.yaml", *self.moments]

    def inject(self, way: str, folder: Path) -> Seen:
        """Forbid it, allow it again, bring the run to its end."""
        if way == "start":
            (folder / "run").mkdir(mode=0o555)
            refused = command(runs.COMMAND, folder, runs.save_always, heed_modes)
        elif way == "sweep":
            (folder / "sweep").mkdir(mode=0o555)
            refused = command([*sweeps.RUNS], folder, heed_modes)
            wrong = manners(refused, [2]) + self._unnamed(refused.err)
            (folder / "sweep").chmod(0o755)
            again = sweeps.start(sweeps.GRID, folder).end()
            return sweeps.judged(folder, said(refused), {}, sweeps.GRID, [again], wrong)
        elif way in self.moments:
            refused = command(
                runs.COMMAND, folder, runs.save_always, heed_modes, partial(_forbid_at, folder / "run", way)
            )
        else:
            shutil.copytree(runs.half(), folder / "run")
            closed = {"resume": folder / "run", "last.pt": folder / "run/checkpoints/last.pt"}
            closed.get(way, folder / "run" / way).chmod(0o555 if way == "resume" else 0)
            refused = command(["resume", "run"], folder, runs.save_always, heed_modes)
        wrong = manners(refused, [1] if way in self.moments else [1, 2]) + self._unnamed(refused.err)
        for path in (folder / "run", *(folder / "run").rglob("*")):
            path.chmod(0o755)
        again = runs.finish(folder)
        return runs.judged(folder, said(refused), [again], [*wrong, *runs.put_aside(folder / "run")])

    def _unnamed(self, told: str) -> list[str]:
        return [] if "ermission denied" in told else [f"the cause is not named: {told[-300:]!r}"]


def _forbid_at(run: Path, moment: str) -> None:
    """Make a run's folders read-only when it comes to a moment."""

    def act(watch: moments.Watch, now: str, half: Callable[[], None]) -> None:
        if now == moment:
            for path in (run, run / "checkpoints", run / "metrics.jsonl"):
                if path.exists():
                    path.chmod(0o555)

    moments.Watch(run, act)


class Removed(Fault):
    """Somebody removes the folder of a run that is at work."""

    name = "the folder is removed in the middle of a run"
    holds = "one sentence with the cause, exit 1; no folder appears again"

    def ways(self) -> Sequence[str]:
        """Some of the moments at which it writes."""
        found = runs.moments_of(*runs.COMMAND, begun=False)
        return [moment for moment in found if " checkpoints/" in moment or "metrics" in moment][::3]

    def inject(self, way: str, folder: Path) -> Seen:
        """Remove it then."""
        ended = command(runs.COMMAND, folder, runs.save_always, partial(_rename_at, folder / "run", way, "run"))
        wrong = manners(ended, [1])
        if (folder / "run").exists():
            wrong.append(f"there again: {[str(p.relative_to(folder)) for p in (folder / 'run').rglob('*')][:5]}")
        return Seen(said(ended), wrong)


class RemovedFromSweep(Fault):
    """Somebody removes the folder of a sweep that is at work, or that of a trial."""

    name = "the folder of a sweep, or of its first trial, is removed in the middle"
    holds = "one sentence with the cause, exit 1; a trial whose folder went is run again by the same command"
    slow = True

    def ways(self) -> Sequence[str]:
        """All moments at which the driver writes, behind the first trial's beginning."""
        found = sweeps.moments_of(*sweeps.RUNS)
        begun = next(number for number, moment in enumerate(found) if "trials/" in moment and "rename" in moment)
        return [f"{which} {moment}" for moment in found[begun + 1 :] for which in ("sweep", "trial")]

    def inject(self, way: str, folder: Path) -> Seen:
        """Remove it then; without a trial's folder, give the same command again."""
        which, _, moment = way.partition(" ")
        target = "sweep" if which == "sweep" else "sweep/trials/0000-*"
        ended = sweeps.start(sweeps.RUNS, folder, partial(_rename_at, folder / "sweep", moment, target)).end()
        gone = (folder / "gone").exists()
        shutil.rmtree(folder / "gone", ignore_errors=True)
        wrong = manners(ended, [1] if which == "sweep" and gone else [0, 1])
        causes = ("is gone, removed or renamed while", "could not be tested: FileNotFoundError")
        if ended.code == 1 and not any(cause in ended.err for cause in causes):
            wrong.append(f"the cause is not named: {ended.err[-300:]!r}")
        if which == "sweep" and gone:
            made = (*folder.glob("sweep/*"), *folder.glob("sweep/trials/*/output.log"))
            if back := [path.name for path in made if path.name != "trials"]:
                wrong.append(f"there again: {back}")  # but for a run that began in that very moment
            return Seen(said(ended), wrong)
        again = sweeps.start(sweeps.RUNS, folder).end()
        return sweeps.judged(folder, f"{said(ended)}, then the same command", {}, sweeps.RUNS, [again], wrong)


def _rename_at(root: Path, moment: str, pattern: str) -> None:
    """Take a folder away, by its name from beside `root`, at a moment of that one."""

    def act(watch: moments.Watch, now: str, half: Callable[[], None]) -> None:
        for place in root.parent.glob(pattern) if now == moment else ():
            os.rename(place, root.with_name("gone"))

    moments.Watch(root, act)


class NobodyReads(Fault):
    """Standard streams that are closed, full or without a reader."""

    name = "standard output and error closed, full, or without a reader"
    holds = "the run goes on to its end with the same bits"

    def ways(self) -> Sequence[str]:
        """Which, and what is there instead."""
        return [f"{which} {what}" for what in ("closed", "full", "pipe") for which in ("out", "err", "both")]

    def inject(self, way: str, folder: Path) -> Seen:
        """Run so."""
        ended = command(runs.COMMAND, folder, runs.save_always, partial(_close, *way.split()))
        allowed = [0, 1] if "full" in way else [0]
        wrong = manners(ended, allowed)
        return runs.judged(folder, said(ended), [], wrong)


def _close(which: str, what: str) -> None:
    for number in {"out": (1,), "err": (2,), "both": (1, 2)}[which]:
        if what == "closed":
            os.close(number)
        elif what == "full":
            os.dup2(os.open("/dev/full", os.O_WRONLY), number)
        else:
            ours, theirs = os.pipe()
            os.dup2(theirs, number)
            os.close(ours)
            os.close(theirs)


FAULTS = (DiskFull(), DiskFullInSweep(), SharedMemoryFull(), Forbidden(), Removed(), RemovedFromSweep(), NobodyReads())
