"""A network made ready to be tried, whose run is never kept."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from runner.config.check import check_run
from runner.config.recipe import Recipe
from runner.errors import Interrupted
from runner.record.folder import RunFolder
from runner.run.assembly import prepare

if TYPE_CHECKING:
    from runner.engine.batch import Batch
    from runner.engine.data import Data
    from runner.engine.fit import Fit
    from runner.engine.progress import Progress


@dataclass
class Trial:
    """What a run of the config would start with.

    Attributes:
        recipe: the checked configuration.
        fit: everything built, at the first update.
        data: the data.
    """

    recipe: Recipe
    fit: Fit
    data: Data

    def updates(self) -> Iterator[list[Batch]]:
        """Updates without end, epoch after epoch.

        Raises:
            Interrupted: the user asked to stop.
        """
        for epoch in count():
            for update in self.fit.train.updates(epoch, kept=True):
                if self.fit.interrupt.requested:
                    raise Interrupted("Interrupted; nothing was changed.")
                yield update


@contextmanager
def trial(config: DictConfig, progress: Progress | None = None) -> Iterator[Trial]:
    """Build what `config` chooses; its folder is a temporary one.

    Args:
        config: composed configuration.
        progress: hears what there is to say about the data.

    Raises:
        ConfigError: the configuration is wrong.
    """
    from runner.engine.interrupt import Interrupt
    from runner.engine.progress import Progress
    from runner.record.recorder import Recorder

    recipe = check_run(config)
    with tempfile.TemporaryDirectory(prefix="runner-find-") as name, Interrupt() as interrupt:
        place = RunFolder(Path(name))
        place.create(recipe.text or "")
        recorder = Recorder(place)
        try:
            fit, data = prepare(recipe, recorder, interrupt, progress or Progress())
            yield Trial(recipe, fit, data)
        finally:
            recorder.close()


@contextmanager
def kept(fit: Fit) -> Iterator[None]:
    """Whatever is done to `fit` meanwhile, afterwards weights, optimizer, techniques and position are as before."""
    from runner.engine.saver import Saver, restore

    before, rate, train = copy.deepcopy(Saver(fit).content()), fit.learning_rate, fit.train
    try:
        yield
    finally:
        fit.learning_rate, fit.train = rate, train
        for parameter in fit.model.parameters():
            parameter.grad = None
        restore(fit, before)
