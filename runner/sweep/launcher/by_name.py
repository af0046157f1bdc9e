"""An application found by its name: what a process on another machine needs in order to run its trials."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pickle
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra.core.utils import JobRuntime, setup_globals
from hydra.types import TaskFunction
from omegaconf import DictConfig
from packaging.version import Version

from runner.errors import ConfigError
from runner.sweep.run_trial import Application

Kind = Literal["module", "program", "script"]


@dataclass(frozen=True)
class ByName:
    """Where a task function is found, since none can be pickled, and what Hydra has settled in its process.

    What the application registers while it is imported (resolvers, structured configs) is there in a worker; what it
    registers later is not.

    Attributes:
        module: the module's name; of a script that was started by its path, that path.
        kind: ``module``; or the program itself, which ``python -m`` started (``program``) or its path (``script``).
        name: of the task function, or of what is wrapped around it, in that module.
        depth: how many wrappers are around it, such as ``@hydra.main``.
        path: where the driver's process looks for modules.
        folder: the directory that the driver works in; relative paths begin there.
        version_base: what ``@hydra.main`` was given; empty for nothing.
        job: ``hydra.job.name``.
        config: the sweep's own config, pickled, where it has callbacks; each worker process makes its own of these.
    """

    module: str
    kind: Kind
    name: str
    depth: int
    path: tuple[str, ...]
    folder: str
    version_base: str
    job: str
    config: bytes

    @classmethod
    def of(cls, task: TaskFunction, config: DictConfig) -> ByName:
        """Find a task function.

        Args:
            task: the function itself, as Hydra calls it.
            config: the sweep's own config, with the ``hydra`` node.

        Raises:
            ConfigError: no other process could find it.
        """
        main = sys.modules["__main__"]
        for module in (sys.modules.get(getattr(task, "__module__", None) or "", main), main):
            for name, value in vars(module).items():
                if (depth := _wrappers(value, task)) is not None:
                    place: tuple[str, Kind] = (module.__name__, "module")
                    where, kind = _place(main, task) if module is main else place
                    return cls(
                        where,
                        kind,
                        name,
                        depth,
                        tuple(os.path.abspath(entry) for entry in sys.path),
                        os.getcwd(),
                        str(base) if isinstance(base := version.getbase(), Version) else "",
                        str(config.hydra.job.name),
                        pickle.dumps(config) if config.hydra.callbacks else b"",
                    )
        raise _refusal(task, "no module has it under a name: it is a lambda, or made inside of a function")

    def load(self) -> Application:
        """The application, imported once in each process; its working directory is the driver's from then on.

        Raises:
            OSError: the directory is not there.
            ImportError: the module is not there, or something that it imports.
            AttributeError: it has no such function.
        """
        os.chdir(self.folder)
        return _loaded(self)


@cache
def _loaded(found: ByName) -> Application:
    sys.path.extend(entry for entry in found.path if entry not in sys.path)
    if found.version_base:
        version.VersionBase.instance().setbase(Version(found.version_base))
    setup_globals()
    JobRuntime.instance().set("name", found.job)
    module = _script(found.module) if found.kind == "script" else importlib.import_module(found.module)
    if found.kind == "program":
        sys.modules["__main__"] = module  # what was pickled there is found in it
    task: Any = getattr(module, found.name)
    for _ in range(found.depth):
        task = task.__wrapped__
    return Application(task, Callbacks(pickle.loads(found.config) if found.config else None))


def _script(path: str) -> ModuleType:
    """A script as a module that does not start by itself; what was pickled as ``__main__`` is found in it."""
    spec = importlib.util.spec_from_file_location("__mp_main__", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["__main__"] = sys.modules["__mp_main__"] = module
    spec.loader.exec_module(module)
    return module


def _wrappers(value: Any, task: Any) -> int | None:
    """How many wrappers `value` has around `task`; None where that is not in it."""
    for depth in range(100):
        if value is task:
            return depth
        value = getattr(value, "__dict__", {}).get("__wrapped__")
        if value is None:
            return None
    return None


def _place(main: ModuleType, task: TaskFunction) -> tuple[str, Kind]:
    """Name or path of the program that was started, and which of them."""
    if spec := getattr(main, "__spec__", None):
        return str(spec.name), "program"
    if not Path(file := getattr(main, "__file__", None) or "").is_file():
        raise _refusal(task, "it was typed in and lies in no file")
    return os.path.abspath(file), "script"


def _refusal(task: Any, why: str) -> ConfigError:
    return ConfigError(
        f"The task function {getattr(task, '__qualname__', task)!s} can't be found by processes on other machines: "
        f"{why}. Define it at the top level of a module or a script, or leave out hydra/launcher: trials on this "
        "machine are forked and need no name."
    )
