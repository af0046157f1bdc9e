"""What a run recorded, as the checks of `runner.analysis.advice` read it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from runner.analysis.run import number
from runner.config.run_config import thaw
from runner.errors import ConfigError
from runner.record.folder import RunFolder

EVALUATION = Path("evaluation/evaluation.json")


@dataclass(frozen=True)
class Record:
    """What a run recorded.

    What comes from its files may be of somebody else's making, or of an older version: it is asked for through methods
    that give None for whatever is not there or of another type.

    Attributes:
        path: the run folder.
        config: the configuration in plain containers.
        manifest: the content of ``manifest.json``.
        result: the content of ``result.json``; empty while the run goes on.
        rows: the lines of ``metrics.jsonl``.
        evaluation: the content of ``evaluation/evaluation.json``; empty where nothing was evaluated.
    """

    path: Path
    config: Mapping[str, Any]
    manifest: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[Mapping[str, Any], ...] = ()
    evaluation: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: str | Path) -> Record:
        """Read a run folder; a file that is damaged counts as not there, but for the configuration.

        Raises:
            ConfigError: `folder` is no run folder.
        """
        from omegaconf import OmegaConf

        place = RunFolder.existing(folder)
        config: Any = OmegaConf.to_container(thaw(place.config), resolve=False)

        def told(path: Path) -> dict[str, Any]:
            try:
                return place.read_json(path)
            except ConfigError:
                return {}

        files = (told(place.manifest), told(place.result))
        return cls(place.path, config, *files, tuple(place.read_metrics()), told(place.path / EVALUATION))

    def setting(self, key: str) -> Any:
        """A value of the configuration by its dotted key; None where there is none."""
        return _at(self.config, key)

    def amount(self, key: str) -> float | None:
        """A finite number of the configuration by its dotted key; None where there is none."""
        return number(self.setting(key))

    def observed(self, key: str) -> Any:
        """What the end of the run looked at; see `runner.run.observed`."""
        return _at(self.result.get("observed"), key)

    def number(self, key: str) -> float | None:
        """A finite number of ``result.json`` by its dotted key, such as ``val.ece``."""
        return number(_at(self.result, key))

    @property
    def task(self) -> str | None:
        """What is predicted: the name of a file in ``runner/task``."""
        task = self.observed("task")
        return task if isinstance(task, str) else None

    @property
    def examples(self) -> dict[str, int]:
        """Examples in each part of the data."""
        sizes = self.manifest.get("data")
        return {n: v for n, v in sizes.items() if type(v) is int} if isinstance(sizes, dict) else {}

    def curve(self, name: str) -> list[tuple[int, float]]:
        """A score by epoch, where it was recorded and is a number."""
        pairs = ((row["epoch"], number(row.get(name))) for row in self.rows)
        return [(epoch, value) for epoch, value in pairs if value is not None]

    def values(self, name: str) -> list[float]:
        """The values of `curve`."""
        return [value for _, value in self.curve(name)]

    @property
    def epochs(self) -> int:
        """Epochs that were completed."""
        return max((row["epoch"] for row in self.rows), default=0)

    @property
    def status(self) -> str:
        """How the run ended, or ``running``."""
        return str(self.result.get("status", "running"))

    @property
    def chosen(self) -> list[str]:
        """Names of the chosen regularization techniques."""
        return self._names("regularization")

    @property
    def metrics(self) -> list[str]:
        """Names of the chosen metrics."""
        return self._names("metric")

    def _names(self, group: str) -> list[str]:
        found = self.config.get(group)
        return [str(name) for name in found] if isinstance(found, Mapping) else []

    def kind(self, group: str) -> str:
        """The name of the class that a group's ``_target_`` names, such as ``Cosine``."""
        return str(self.setting(f"{group}._target_") or "").rpartition(".")[2]

    def counts(self, name: str) -> list[int] | None:
        """Examples by class: ``train_counts``, ``val_counts`` or ``val_predicted``."""
        found = self.observed(name)
        good = isinstance(found, list) and found and all(type(n) is int and n >= 0 for n in found)
        return found if good and sum(found) else None

    def class_name(self, number: int) -> str:
        """The name of a class by its number."""
        names = self.observed("classes")
        return str(names[number]) if isinstance(names, list) and number < len(names) else str(number)

    def layers(self, key: str) -> dict[str, Any]:
        """What was observed of each layer: ``units`` or ``gradients``."""
        found = self.observed(key)
        return found if isinstance(found, dict) else {}

    @cached_property
    def gradient_norms(self) -> list[float]:
        """Norms of the gradients before clipping, at every log interval, from the TensorBoard events."""
        return list(_scalars(self.path, "step/gradient_norm"))


def _at(node: Any, key: str) -> Any:
    for name in key.split("."):
        if not isinstance(node, Mapping):
            return None
        node = node.get(name)
    return node


def _scalars(folder: Path, tag: str) -> Iterator[float]:
    """The values of one tag in a folder's event files; what is damaged is left out."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    for file in sorted(folder.glob("events.out.tfevents.*")):
        try:
            for content in RawEventFileLoader(str(file)).Load():
                for value in Event.FromString(content).summary.value:
                    if value.tag == tag and math.isfinite(value.simple_value):
                        yield value.simple_value
        except Exception:  # a torn or foreign file raises many kinds
            continue
