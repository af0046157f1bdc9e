"""What a task function may offer a sweep beyond returning a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from omegaconf import DictConfig

StopStatus = Literal["pruned"]


class SweepProtocol(Protocol):
    """Carried by a task function as its attribute ``sweep_protocol``.

    Trial and driver talk through the trial's run folder. The trial appends a line per epoch to ``metrics.jsonl``
    (``{"epoch": 3, "val/loss": 0.21, ..}``), looks for ``stop.json`` at the end of each epoch and, when it is there,
    saves itself and ends with the ``status`` that stands there (``pruned``, or ``interrupted`` where a sweep on other
    machines is stopped; on this one it gets SIGTERM); last it writes ``result.json``: ``status`` (``completed``,
    ``pruned``, ``failed``, ``interrupted``), ``cause``, ``best_epoch``, ``monitor``, ``best_value`` and any further
    scores.

    Attributes:
        modules: what a trial imports; workers are forked from a process that has imported it once.
        commanded: keys that the command alone may set; neither config files nor a trial's record are believed.
    """

    modules: tuple[str, ...]
    commanded: tuple[str, ...]

    def check(self, cfg: DictConfig) -> None:
        """Raise `runner.errors.ConfigError` when a trial with this config could not run. Loads no data.

        Args:
            cfg: the trial's config, ``hydra`` node included.
        """

    def objectives(self, cfg: DictConfig, names: Sequence[str]) -> dict[str, Literal["minimize", "maximize"]]:
        """The scores `names`, or when it is empty what the config itself watches, each with its direction.

        Raises:
            runner.errors.ConfigError: a run with this config has no such score.
        """

    def whole_numbers_only(self, cfg: DictConfig, key: str) -> bool:
        """Whether the numbers that `key` takes are whole ones, so that an interval of it has no others.

        Args:
            cfg: a trial's config that has the key.
            key: such as ``data.batch_size``.
        """

    def run(self, cfg: DictConfig, folder: Path, resume: bool) -> Any:
        """Train in `folder`, without looking at the test split.

        Args:
            cfg: the trial's config.
            folder: its folder; may hold files that are none of the run's.
            resume: continue from the checkpoint in `folder`, or start over when there is none.
        """

    def test(self, folder: Path, commanded: Mapping[str, Any]) -> dict[str, float]:
        """Scores of the completed run in `folder` on the test split; asked once, of the winner.

        Args:
            folder: the run's folder.
            commanded: what the command says of the keys in `commanded`.

        Returns:
            Scores by name; empty where the data have no test split.
        """

    def closing(self, sweep: Path) -> list[str]:
        """Sentences that remain to be said when the sweep in `sweep` has ended."""
