"""Any other launcher of Hydra's: it is handed jobs in batches, and each batch is as slow as its slowest job."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from runner.errors import ConfigError
from runner.sweep.launcher.base import Launcher, Outcome
from runner.sweep.launcher.local import in_a_line
from runner.sweep.run_trial import Application


@dataclass(frozen=True)
class Batch:
    """The task function that such a launcher is given: a trial as every launcher runs it.

    Attributes:
        task: the application's.
        jobs: function, folder and arguments of each.
        first: the number that the launcher gives the first of them.
    """

    task: TaskFunction
    jobs: list[tuple[Callable[..., Any], Path, tuple[Any, ...]]]
    first: int

    def __call__(self, config: DictConfig) -> tuple[Any, Any, str, float]:
        """Do the job that the launcher says it is: kind, value, cause and seconds of its outcome."""
        begin = time.monotonic()
        function, folder, args = self.jobs[int(HydraConfig.get().job.num) - self.first]
        kind, value, cause = "returned", None, ""
        try:
            value = function(Application(self.task, Callbacks()), folder, *args)  # Hydra itself calls the callbacks
        except KeyboardInterrupt:
            kind, cause = "interrupted", "the sweep was stopped"
        except BaseException as error:
            kind, cause = "raised", in_a_line(error)
        return kind, value, cause, time.monotonic() - begin


class BatchLauncher(Launcher):
    """Collects jobs until as many are there as may run at the same time, and hands them over at once.

    Args:
        count: jobs in a batch.
        context: Hydra's.
        task: the application's task function; whether it can be pickled is the other launcher's affair.
        config: the sweep's own config, whose ``hydra.launcher`` is the other launcher.

    Raises:
        ConfigError: there is no such launcher.
    """

    def __init__(self, count: int, context: HydraContext, task: TaskFunction, config: DictConfig) -> None:
        self.count, self.context, self.task, self.config = count, context, task, config
        try:
            self._launcher = Plugins.instance().instantiate_launcher(context, task, config)
        except Exception as error:
            raise ConfigError(
                f"hydra/launcher={config.hydra.runtime.choices.get('hydra/launcher')}: {' '.join(str(error).split())}. "
                "Without it trials run on this machine, hydra.sweeper.workers=4 at the same time; there are also "
                "hydra/launcher=ray and slurm."
            ) from error
        self._waiting: dict[int, tuple[Callable[..., Any], Path, tuple[Any, ...]]] = {}
        self._launched = 0

    @property
    def jobs(self) -> list[int]:
        """The jobs of the batch."""
        return list(self._waiting)

    def elapsed(self, job: int) -> float:
        """Not known: 0."""
        return 0.0

    def start(
        self, job: int, function: Callable[..., Any], folder: Path, *args: Any, timeout: float | None = None
    ) -> None:
        """Put a job into the batch; nobody can kill it for its time."""
        if not self.idle:
            raise RuntimeError("the batch is full")
        self._waiting[job] = (function, folder, args)

    def wait(self, seconds: float) -> list[Outcome]:
        """Hand the batch over; comes back when all of it has ended."""
        if not self._waiting:
            return []
        numbers, jobs = list(self._waiting), list(self._waiting.values())
        first, self._launched, begin = self._launched, self._launched + len(jobs), time.monotonic()
        batch = Batch(self.task, jobs, first)
        self._launcher.setup(hydra_context=self.context, task_function=batch, config=self.config)
        try:
            answers = [job.return_value for job in self._launcher.launch([_overrides(job[1]) for job in jobs], first)]
        except Exception as error:
            seconds = time.monotonic() - begin
            answers = [("lost", None, f"its batch was lost ({in_a_line(error)})", seconds)] * len(jobs)
        self._waiting = {}
        return [Outcome(number, *answer) for number, answer in zip(numbers, answers, strict=True)]

    def close(self, grace: float = 0.0) -> list[Outcome]:
        """Drop what was not handed over."""
        outcomes = [Outcome(number, "interrupted", cause="the sweep was stopped") for number in self._waiting]
        self._waiting = {}
        return outcomes


def _overrides(folder: Path) -> list[str]:
    """What such a launcher composes a job from: the trial's overrides, and that Hydra itself writes nothing more."""
    own = json.loads((folder / "trial.json").read_text(encoding="utf-8"))["overrides"]
    sweep = str(folder.parents[1]).replace("'", "\\'")
    place = [f"hydra.sweep.dir='{sweep}'", f"hydra.sweep.subdir='trials/{folder.name}'"]
    return [*own, *place, "hydra.output_subdir=null", "hydra/job_logging=none"]
