"""What runs inside a worker: the application's task function, on one trial's config, in that trial's folder."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, env_override, setup_globals
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf._utils import get_omega_conf_dumper

from runner.errors import ConfigError


@dataclass(frozen=True)
class TaskName:
    """Where a task function is found; the function itself does not pickle, since `hydra.main` hides it."""

    module: str
    name: str

    @classmethod
    def of(cls, task: Callable[..., Any]) -> TaskName:
        """The name of a task function.

        Raises:
            ConfigError: it has none that another process could import.
        """
        named = cls(task.__module__, task.__qualname__)
        if "<locals>" in named.name or "<lambda>" in named.name:
            raise ConfigError(
                f"{named.name}: a sweep runs trials in processes of their own, which must be able to import the task "
                "function. Define it at the top of its module."
            )
        return named

    def load(self) -> Callable[..., Any]:
        """The function, without the decorator of `hydra.main`."""
        found: Any = importlib.import_module(self.module)
        for part in self.name.split("."):
            found = getattr(found, part)
        task: Callable[..., Any] = inspect.unwrap(found)
        return task


@dataclass(frozen=True)
class Setup:
    """Makes a fresh process ready: Hydra's registries, the task function."""

    task: TaskName
    singletons: Any
    loader: ConfigLoader

    @classmethod
    def of(cls, task: TaskName, loader: ConfigLoader) -> Setup:
        """Everything a fresh process lacks. Resolvers don't pickle: importing the task's module registers them."""
        return cls(task, Singleton.get_state()["instances"], loader)

    def __call__(self) -> tuple[Callable[..., Any], ConfigLoader]:
        """Give the task function and Hydra's config loader."""
        task = self.task.load()
        setup_globals()
        Singleton.set_state(
            {"instances": self.singletons, "omegaconf_resolvers": Singleton.get_state()["omegaconf_resolvers"]}
        )
        return task, self.loader


def run_trial(
    state: tuple[Callable[..., Any], ConfigLoader], pickled: bytes, folder: Path, resume: bool
) -> list[float] | None:
    """Run one trial; its output goes to ``output.log`` in its folder.

    Does what Hydra's own `run_job` does for a job, at a tenth of its cost: a config that came through a pipe is ours
    and needs no copies, and YAML is written by the C library.

    Args:
        state: what `Setup` made.
        pickled: the full config, ``hydra`` node included.
        folder: the trial's folder.
        resume: whether it ran before.

    Returns:
        The numbers that the task returned; None when it returned nothing.
    """
    task = state[0]
    protocol = getattr(task, "sweep_protocol", None)
    full, cfg = pickle.loads(pickled), pickle.loads(pickled)
    with read_write(cfg), open_dict(cfg):
        del cfg["hydra"]
    with read_write(full.hydra.runtime), open_dict(full.hydra.runtime):
        full.hydra.runtime.output_dir = str(folder)
    HydraConfig.instance().cfg = full
    hydra = full.hydra
    job = JobReturn(list(hydra.overrides.task), cfg, full, os.getcwd(), hydra.job.name)
    callbacks = Callbacks(full)
    with _output_to(folder / "output.log"), env_override(hydra.job.env_set), _working_in(folder, hydra.job.chdir):
        configure_log(hydra.job_logging, hydra.verbose)
        if hydra.output_subdir is not None:
            _describe(folder / hydra.output_subdir, cfg, hydra)
        callbacks.on_job_start(config=full, task_function=task)
        try:
            job.return_value = protocol.run(cfg, folder, resume) if protocol else task(cfg)
            job.status = JobStatus.COMPLETED
            returned = numbers(job.return_value)
        except Exception as error:
            traceback.print_exception(error)
            job.return_value, job.status = error, JobStatus.FAILED
            raise
        finally:
            callbacks.on_job_end(config=full, job_return=job)
    return returned


def _describe(folder: Path, cfg: DictConfig, hydra: DictConfig) -> None:
    """Hydra's own three files about a job."""
    folder.mkdir(exist_ok=True)
    plain, own = (OmegaConf.to_container(config, resolve=False, enum_to_str=True) for config in (cfg, hydra))
    for name, content in (("config", plain), ("hydra", {"hydra": own}), ("overrides", list(hydra.overrides.task))):
        text = yaml.dump(content, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


class _Dumper(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]
    """OmegaConf's way of quoting, with the C library's speed."""


_Dumper.add_representer(str, get_omega_conf_dumper().str_representer)


@contextlib.contextmanager
def _working_in(folder: Path, chdir: bool | None) -> Iterator[None]:
    """Work in the trial's folder where Hydra would."""
    if not (chdir or (chdir is None and not version.base_at_least("1.2"))):
        yield
        return
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def test_trial(
    state: tuple[Callable[..., Any], ConfigLoader], folder: Path, commanded: Mapping[str, Any]
) -> dict[str, float]:
    """Evaluate a completed trial on the test split."""
    with _output_to(folder / "output.log"):
        try:
            scores: dict[str, float] = state[0].sweep_protocol.test(folder, commanded)  # type: ignore[attr-defined]
        except Exception as error:
            traceback.print_exception(error)
            raise
        return scores


def numbers(value: Any) -> list[float] | None:
    """What a task returned, as plain numbers.

    Raises:
        TypeError: it is neither a number nor several.
    """
    if value is None:
        return None
    try:
        return (
            [float(v) for v in value] if isinstance(value, Sequence) and not isinstance(value, str) else [float(value)]
        )
    except (TypeError, ValueError):
        raise TypeError(f"the task function returned {type(value).__name__}, not a number or several") from None


@contextlib.contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send everything this process prints, compiled code included, to the end of a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with open(path, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in enumerate(kept, start=1):
            os.dup2(copy, number)
            os.close(copy)
