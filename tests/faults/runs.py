"""The run that the faults of single runs are tried on, what it must come to, and how that is judged."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

from runner.testing.comparison import content, same
from tests.faults import moments
from tests.faults.fault import Seen, leftovers, manners, said
from tests.faults.process import Ended, Setting, command

COMMAND = ["data=iris", "data.batch_size=40", "model.hidden=[8]", "regularization=[dropout]", "trainer.max_epochs=3"]
COMMAND += ["trainer.images=0", "trainer.threads=1", "trainer.checkpoint.every_epochs=2", "hydra.run.dir=run"]


def save_always() -> None:
    """Save after every update, and look at nothing that goes by the clock: the same moments come every time."""
    from runner.engine import pace, saver

    saver.Saver.is_due = pace.Pace.is_due = lambda self: True  # type: ignore[method-assign]


@cache
def home() -> Path:
    """A folder for what is made once; removed at the end of this process."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def whole() -> Path:
    """The run that nothing happened to, beside ``names``: the moments at which it wrote."""
    folder = home() / "whole"
    folder.mkdir()
    done = command(COMMAND, folder, save_always, partial(moments.record, folder / "run", folder / "names"))
    assert not manners(done), manners(done)
    return folder / "run"


@cache
def half() -> Path:
    """The same run, killed in its third epoch while it saved: two states, the weights of a best epoch."""
    folder = home() / "half"
    folder.mkdir()
    at = "write checkpoints/.last.pt.tmp #9"
    done = command(COMMAND, folder, save_always, partial(moments.kill_at, folder / "run", at, folder / "mark"))
    assert done.code == -9, done
    return folder / "run"


@cache
def moments_of(*words: str, begun: bool) -> tuple[str, ...]:
    """The moments at which a command writes into the folder of the run, which was begun or is not there."""
    folder = Path(tempfile.mkdtemp(dir=home()))
    if begun:
        shutil.copytree(half(), folder / "run")
    done = command(words, folder, save_always, partial(moments.record, folder / "run", folder / "names"))
    assert not manners(done), manners(done)
    return tuple(dict.fromkeys((folder / "names").read_text().splitlines()))


def finish(folder: Path, *settings: Setting) -> Ended:
    """Bring a run to its end: ``resume`` where there is something to go on with, else the command again."""
    run = folder / "run"
    if (run / "result.json").exists() and json.loads((run / "result.json").read_text())["status"] == "completed":
        return Ended(0, "", "", ())
    begun = (run / "config.yaml").exists()
    return command(["resume", "run"] if begun else COMMAND, folder, save_always, *settings)


def judged(folder: Path, told: str, ends: Sequence[Ended], wrong: Sequence[str] = ()) -> Seen:
    """Compare the run in a folder, now at its end, with the one that nothing happened to.

    Args:
        folder: it is in ``run`` there.
        told: what was said of the fault.
        ends: commands that had to end well.
        wrong: what was found before.
    """
    wrong = [*wrong, *(word for ended in ends for word in manners(ended))]
    run = folder / "run"
    try:
        found = content(run)
    except (OSError, ValueError, RuntimeError) as error:
        return Seen(told, [*wrong, f"no whole run: {error}"], lost=1)
    differ = same(content(whole()), found)
    epochs = [row["epoch"] for row in found["metrics"]]
    if (run / "manifest.json").exists() and json.loads((run / "manifest.json").read_text())["status"] != "completed":
        wrong.append("the manifest does not say completed")
    return Seen(
        told,
        [*wrong, *leftovers(folder), *differ[:5]],
        lost=int(bool(differ)),
        double=len(epochs) - len(set(epochs)),
    )


def put_aside(run: Path) -> list[str]:
    """Files that were taken for damaged, where none were."""
    aside = [f"put aside: {path.relative_to(run)}" for path in run.rglob("*.damaged*")]
    log = (run / "run.log").read_text() if (run / "run.log").exists() else ""
    return aside + [f"log: {line}" for line in log.splitlines() if "damaged" in line or "Starting over" in line]


def reported(ended: Ended) -> str:
    """What was said of a fault."""
    return said(ended)
