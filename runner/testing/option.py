"""One option with what it must go with, and short runs of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from runner.config.compose import Command
from runner.config.groups import BY_NAME, Group
from runner.config.targets import resolve
from runner.engine.progress import Progress
from runner.errors import ConfigError, Interrupted
from runner.model.base import declared
from runner.run import compose, resume, run

if TYPE_CHECKING:
    from runner.config.options import Options
    from runner.engine.fit import Fit
    from runner.engine.spec import Spec

Config = dict[str, Any]

SHORT = (
    "trainer.max_epochs=2",
    "trainer.limit_batches=6",
    "trainer.accumulate=2",
    "trainer.threads=1",
    "trainer.log_every=1",
    "trainer.images=0",
    "trainer.checkpoint.every_seconds=1e9",
    "data.batch_size=8",
)
# Data are tried in this order, the others behind them; networks by the number of their settings, published ones last.
_FIRST = ("digits", "iris", "diabetes")


@dataclass
class TestedOption:
    """An option that is checked.

    Attributes:
        group: such as ``optimizer``; a nested one as ``optimizer/wrapper``.
        name: of its file.
        folder: where its runs may lie; empty.
        config_dir: a folder of options of one's own, as for ``--config-dir``.
        trusted_targets: modules of one's own.
        overrides: what it needs to work: ``regularization.mine.strength=0.1``, ``data=wine``.
    """

    __test__ = False  # its name is not one of a test

    group: str
    name: str
    folder: Path
    config_dir: str | None = None
    trusted_targets: Sequence[str] = ()
    overrides: Sequence[str] = field(default=())

    @cached_property
    def options(self) -> Options:
        """The options that there are."""
        return Command([], self.config_dir).options

    @cached_property
    def entry(self) -> Group:
        """Its group in the table of groups."""
        return BY_NAME[self.group.replace("/", ".")]

    def values(self, group: str, name: str) -> Config:
        """An option as its file has it; of a group that takes lists the part under its name."""
        content: Any = OmegaConf.to_container(OmegaConf.load(self.options.file(group, name)), resolve=False)
        return dict(content[name] if group in BY_NAME and BY_NAME[group].many and name in content else content)

    def target_of(self, group: str, name: str) -> Any:
        """The class that an option names."""
        return resolve(self.values(group, name)["_target_"], f"{group}={name}", tuple(self.trusted_targets))

    @property
    def target(self) -> Any:
        """Its class."""
        return self.target_of(self.group, self.name)

    @property
    def choice(self) -> str:
        """What is typed for it."""
        return f"{self.group}=[{self.name}]" if self.entry.many else f"{self.group}={self.name}"

    def _given(self, group: str) -> bool:
        return self.group == group or any(word.startswith(f"{group}=") for word in self.overrides)

    def probes(self) -> Iterator[tuple[str, Spec]]:
        """Data that need no file, by name, with what is known of them before they are loaded."""
        from runner.data.source.available import available

        missing = {name for name, there in available().items() if there.startswith("missing")}
        names = self.options.names("data")
        for name in (*_FIRST, *(name for name in names if name not in _FIRST)):
            if name not in missing and "???" not in self.values("data", name).values():
                yield name, self.target_of("data", name)().probe()

    @cached_property
    def words(self) -> list[str]:
        """What is typed for a short run: the option, with the first data and the plainest network that go with it.

        Raises:
            ConfigError: none do; what the last of them was refused for.
        """
        trusted = [f"trusted_targets=[{','.join(self.trusted_targets)}]"] if self.trusted_targets else []
        fixed = [self.choice, *SHORT, *trusted]
        tasks, takes = getattr(self.target, "tasks", None), getattr(self.target, "takes", None)
        data: list[str] = [""]
        if not self._given("data"):
            data = [
                f"data={name}"
                for name, spec in self.probes()
                if (tasks is None or spec.task in tasks)
                and (not isinstance(takes, tuple) or (spec.inputs is not None and spec.inputs.kind in takes))
            ]
        models = [""] if self._given("model") else [f"model={name}" for name in self._models()]
        refused: list[ConfigError] = []
        for number, chosen in enumerate((d, m) for d in data for m in models):
            words = [*filter(None, chosen), *fixed, *self.overrides]
            try:
                run(compose([*words, "trainer.max_steps=1"], self.config_dir), self.folder / f"tried_{number}")
            except ConfigError as error:
                refused.append(error)
                if self._whatever_is_chosen(refused):
                    break
            else:
                return words
        if refused:
            raise refused[0]
        raise ConfigError(f"{self.choice}: no data are for {tasks or takes}. Give overrides=['data=NAME'].")

    def _whatever_is_chosen(self, refused: Sequence[ConfigError]) -> bool:
        """Whether it is a word of `overrides` that was refused, twice alike, and neither data nor model."""
        typed = tuple(f"{word}:" for word in self.overrides if not word.startswith(("data", "model")))
        last = [str(error) for error in refused[-2:]]
        return len(last) == 2 and last[0] == last[1] and last[0].startswith(typed)

    def _models(self) -> list[str]:
        def rank(name: str) -> tuple[bool, int, str]:
            return declared(self.target_of("model", name)).published, len(self.values("model", name)), name

        return sorted(self.options.names("model"), key=rank)

    def run(self, name: str, *more: str, progress: Progress | None = None) -> Config:
        """A short run in the folder `name`; what stands in its ``result.json``."""
        return run(compose([*self.words, *more], self.config_dir), self.folder / name, progress)

    def interrupted(self, name: str, at: int, *more: str) -> Config:
        """The same run, stopped behind update `at` and resumed; what stands in its ``result.json``."""
        try:
            self.run(name, *more, progress=_StopAt(at))
        except Interrupted:
            return resume(self.folder / name, trusted_targets=list(self.trusted_targets))
        raise AssertionError(f"{self.choice}: the run was over before update {at}")


class _StopAt(Progress):
    def __init__(self, step: int) -> None:
        self.at = step

    def interval(self, fit: Fit, scores: dict[str, float]) -> None:
        """Ask the run to stop, as Ctrl-C does."""
        if fit.state.step == self.at:
            fit.interrupt.requested = "a check"
