"""A run as it stands before its first update."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.engine.fit import Fit


@contextmanager
def prepared(overrides: Sequence[str], config_dir: str | None) -> Iterator[Fit]:
    """Compose, check and build a run; it leaves nothing behind.

    Raises:
        ConfigError: the command is wrong.
    """
    from runner.config.check import check_run
    from runner.config.compose import Command, compose_run
    from runner.engine.interrupt import Interrupt
    from runner.engine.progress import Progress
    from runner.record.folder import RunFolder
    from runner.record.recorder import Recorder
    from runner.run.assembly import prepare

    config = compose_run(Command(list(overrides), config_dir))
    recipe = check_run(config)
    with tempfile.TemporaryDirectory() as name:
        folder = RunFolder(Path(name, "run"))
        folder.create(recipe.text or "")
        recorder = Recorder(folder)
        try:
            fit, _ = prepare(recipe, recorder, Interrupt(), Progress())
            yield fit
        finally:
            recorder.close()
