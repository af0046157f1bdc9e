"""What ``hydra.sweeper`` may hold, checked before anything is composed."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt

from runner.errors import ConfigError, did_you_mean
from runner.sweep.pruning import PRUNERS, Pruner
from runner.sweep.samplers import Sampler

Direction = Literal["minimize", "maximize"]
Tested = Literal["best", "all", "none"]
_NAME = re.compile(r"[\w+-][\w.+ -]{0,99}")


@dataclass(frozen=True)
class Settings:
    """What ``hydra.sweeper`` may hold beside the sampler and the pruner.

    Attributes:
        n_trials: points in all, those of an earlier start included; None: the whole grid.
        workers: processes that run trials at the same time.
        seed: of the sampler.
        params: the search space, beside what is typed on the command line.
        storage: an Optuna URL for the study; None: a journal file in the sweep's folder.
        timeout: seconds that one attempt at a trial may take.
        max_failures: stop when more trials than this failed; None: never.
        fail_fast: stop at the first failure.
        repeats: trials per point, told apart by `repeat_key`.
        repeat_key: a key of the application with whole numbers, counted up from what it is: ``seed``, or the fold of a
            cross-validation.
        retries: how often a failed trial is tried again.
        objectives: names of the scores; empty: what the application watches.
        directions: ``minimize`` or ``maximize`` for each; empty: what the application knows, or minimize.
        enqueue: points to be tried first, each a mapping from key to value.
        test: whose trials are evaluated on the test split at the end: those of the best point, all, or none.
        plots: whether pictures are drawn.
        dry_run: show the space and the first points, and stop.
        study_name: name of the sweep, of its study in a shared storage, and of its folder unless ``hydra.sweep.dir``
            says where that is; None: made from the command.
        shared_study: name of a study in `storage` on which other drivers work too, each with a folder of its own.
        take_over: the folder of another driver of that study that will not come back; its unfinished points are tried
            here.
    """

    n_trials: Annotated[int, Ge(1)] | None = None
    workers: Annotated[int, Ge(1)] = 1
    seed: Annotated[int, Ge(0)] = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    storage: str | None = None
    timeout: Annotated[float, Gt(0)] | None = None
    max_failures: Annotated[int, Ge(0)] | None = None
    fail_fast: bool = False
    repeats: Annotated[int, Ge(1)] = 1
    repeat_key: str = "seed"
    retries: Annotated[int, Ge(0)] = 0
    objectives: Sequence[str] = ()
    directions: Sequence[str] = ()
    enqueue: Sequence[Mapping[str, Any]] = ()
    test: Tested = "best"
    plots: bool = True
    dry_run: bool = False
    study_name: str | None = None
    shared_study: str | None = None
    take_over: str | None = None

    def __post_init__(self) -> None:
        least_of = {"n_trials": 1, "workers": 1, "seed": 0, "max_failures": 0, "repeats": 1, "retries": 0}
        for name, least in least_of.items():
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
                raise ConfigError(f"hydra.sweeper.{name}={value}: expected a whole number of at least {least}.")
        if self.timeout is not None and not (isinstance(self.timeout, (int, float)) and self.timeout > 0):
            raise ConfigError(f"hydra.sweeper.timeout={self.timeout}: expected seconds above 0, or null.")
        for name in ("fail_fast", "plots", "dry_run"):
            if not isinstance(value := getattr(self, name), bool):
                raise ConfigError(f"hydra.sweeper.{name}={value}: expected true or false.")
        if self.test not in get_args(Tested):
            raise ConfigError(f"hydra.sweeper.test={self.test}: expected best, all or none.")
        if self.study_name is not None and not _NAME.fullmatch(str(self.study_name)):
            raise ConfigError(
                f"hydra.sweeper.study_name={self.study_name}: expected a plain name, since a folder is called that: "
                "letters, digits and - _ + . inside."
            )
        self._check_forms()
        self._check_shared()
        for direction in self.directions:
            if direction not in get_args(Direction):
                known = did_you_mean(direction, get_args(Direction))
                raise ConfigError(f"hydra.sweeper.directions: {direction!r} is neither minimize nor maximize.{known}")

    def _check_forms(self) -> None:
        space = "keys with spaces, such as {optimizer.lr: 'interval(0.01, 1)'}"
        forms = {
            "params": (isinstance(self.params, Mapping), space),
            "enqueue": (_all(Mapping, self.enqueue), "a list of points, such as [{optimizer.lr: 0.1}]"),
            "objectives": (_all(str, self.objectives), "the name of a score, or a list of some"),
            "directions": (_all(str, self.directions), "minimize or maximize, or a list of these"),
            "storage": (self.storage is None or isinstance(self.storage, str), "a URL, such as postgresql://me@db/all"),
        }
        for name, (right, expected) in forms.items():
            if not right:
                raise ConfigError(f"hydra.sweeper.{name}={getattr(self, name)}: expected {expected}.")

    def _check_shared(self) -> None:
        if self.take_over is not None and self.shared_study is None:
            raise ConfigError("hydra.sweeper.take_over: goes with hydra.sweeper.shared_study, the study of both.")
        if self.shared_study is None:
            return
        if not _NAME.fullmatch(str(self.shared_study)):
            raise ConfigError(f"hydra.sweeper.shared_study={self.shared_study}: expected a plain name.")
        if self.storage is None:
            raise ConfigError(
                "hydra.sweeper.shared_study: drivers share a study in a database, not in a file. Say which: "
                "hydra.sweeper.storage=postgresql://USER@HOST/DATABASE."
            )
        if self.enqueue:
            raise ConfigError("hydra.sweeper.enqueue: each of the drivers would try these points. Leave it out.")


def _all(kind: type, entries: Any) -> bool:
    return isinstance(entries, (list, tuple)) and all(isinstance(entry, kind) for entry in entries)


def make_sampler(given: Any) -> Sampler:
    """The sampler that ``hydra.sweeper.sampler`` describes: ``_target_`` and its arguments.

    Raises:
        ConfigError: it is no sampler, or has no such argument.
    """
    target = str(given.get("_target_") if isinstance(given, Mapping) else given)
    module, _, name = target.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name, None)
    except (ImportError, ValueError):
        kind = None
    if not (inspect.isclass(kind) and issubclass(kind, Sampler)):
        raise ConfigError(
            f"hydra.sweeper.sampler={target}: no sampler. One is chosen as the sweeper, such as "
            "hydra/sweeper=bayes; its file says _target_ and arguments."
        )
    options = {str(key): value for key, value in given.items() if key != "_target_"}
    if "seed" in options:
        raise ConfigError("hydra.sweeper.sampler.seed: there is no such argument. Write hydra.sweeper.seed.")
    return kind(**checked(f"hydra.sweeper.sampler: {kind.__name__.lower()}", kind, options))


def make_pruner(given: Any) -> Pruner:
    """The pruner that ``hydra.sweeper.pruner`` names: a name, or a mapping with ``name`` and its arguments."""
    options = dict(given) if isinstance(given, Mapping) else {"name": given}
    name = str(options.pop("name", None) or "none").lower()
    if name not in PRUNERS:
        hint = f"{did_you_mean(name, PRUNERS)} There are: {', '.join(PRUNERS)}."
        raise ConfigError(f"hydra.sweeper.pruner={name}: no such pruner.{hint}")
    return PRUNERS[name](**checked(f"hydra.sweeper.pruner: {name}", PRUNERS[name], options))


def checked(whose: str, kind: type, options: Mapping[Any, Any], supplied: Sequence[str] = ()) -> dict[str, Any]:
    """The arguments for a class, as its signature wants them.

    Args:
        whose: the key that they are typed under.
        kind: the class.
        options: what was given.
        supplied: arguments that the program supplies.

    Raises:
        ConfigError: one that it does not take, or that is not as annotated.
    """
    known = [name for name in inspect.signature(kind).parameters if name not in supplied]
    if unknown := [str(key) for key in options if key not in known]:
        raise ConfigError(
            f"{whose} has no argument {unknown[0]!r}.{did_you_mean(unknown[0], known)} "
            f"Arguments: {', '.join(known) or 'none'}."
        )
    hints = get_type_hints(kind.__init__, include_extras=True)  # type: ignore[misc]
    for key, value in options.items():
        _check_argument(f"{whose}: {key}", value, hints[key])
    return dict(options)


def _check_argument(key: str, value: Any, hint: Any) -> None:
    """Refuse what is not as annotated: a truth value, or a number with its lower bound; null where that is allowed."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if value is None and NoneType in kinds:
        return
    if get_origin(kinds[0]) is Literal:
        if value not in (names := get_args(kinds[0])):
            raise ConfigError(f"{key}={value}: expected {' or '.join(names)}.")
        return
    if inspect.isclass(mapping := get_origin(kinds[0])) and issubclass(mapping, Mapping):
        _check_mapping(key, value, get_args(kinds[0])[1])
        return
    bounds = [bound for kind in kinds for bound in getattr(kind, "__metadata__", ())]
    least = [bound.ge for bound in bounds if isinstance(bound, Ge)]
    above = [bound.gt for bound in bounds if isinstance(bound, Gt)]
    plain = {getattr(kind, "__origin__", kind) for kind in kinds}
    if isinstance(value, bool) or plain == {bool}:
        if plain != {bool} or not isinstance(value, bool):
            raise ConfigError(f"{key}={value}: expected {'true or false' if plain == {bool} else 'a number'}.")
        return
    if plain <= {str, NoneType}:
        if not isinstance(value, str):
            raise ConfigError(f"{key}={value}: expected a text.")
        return
    number = isinstance(value, (int, float) if float in plain else int)
    if not (number and all(value >= bound for bound in least) and all(value > bound for bound in above)):
        what = "a number" if float in plain else "a whole number"
        limit = f" of at least {least[0]}" if least else f" above {above[0]}" if above else ""
        raise ConfigError(f"{key}={value}: expected {what}{limit}.")


def _check_mapping(key: str, value: Any, hint: Any) -> None:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{key}={value}: expected a mapping, such as {{name: 1}}.")
    for name, entry in value.items():
        if hint is float and (isinstance(entry, bool) or not isinstance(entry, (int, float)) or entry <= 0):
            raise ConfigError(f"{key}.{name}={entry}: expected a number above 0.")


_REFERENCE = re.compile(r"\$\{[^{},]*\}")  # without a default, which would stand there in plain sight
_PASSWORD = re.compile(
    r"://[^:/@\s]*:[^@\s]+@|[?&;](\w*(password|passwd|pwd|secret|token)|\w*key)=[^&;\s]", re.IGNORECASE
)


def check_storage(raw: Any) -> None:
    """Refuse a password in plain sight: it would be written into configs and tables."""
    if isinstance(raw, str) and _PASSWORD.search(_REFERENCE.sub("", raw)):
        raise ConfigError(
            "hydra.sweeper.storage: holds a password. Put the URL in an environment variable and name that: "
            "hydra.sweeper.storage='${oc.env:STUDY_URL}'."
        )
