"""From the text of a `_target_` to the object that it names, if that is one to be trusted."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from runner.errors import ConfigError, did_you_mean

# Modules whose classes a config may name, each where its group takes one of its kind. Narrow on purpose: torch.hub,
# torch.load and torch.os (Python's own os) are inside torch too, and a config from somebody else must not be able to
# run a program. Of our own modules only classes are taken: some of their functions start programs.
OWN = (
    "runner.data",
    "runner.cleaning",
    "runner.features",
    "runner.adapter",
    "runner.balance",
    "runner.compression",
    "runner.task",
    "runner.metric",
    "runner.model",
    "runner.init",
    "runner.loss",
    "runner.optimizer",
    "runner.scheduler",
    "runner.warmup",
    "runner.batch_growth",
    "runner.regularization",
    "runner.augmentation",
    "runner.diagnostics",
    "runner.tracking",
    "runner.engine.settings",
)
TRUSTED = (*OWN, "torch.optim", "torch.nn", "torchvision.models", "timm.optim", "timm.models")
INNER = ("runner.engine.settings", "runner.optimizer.params")  # whose classes stand inside of options of ours
# What timm's models would read weights from: a file of somebody's choice, which is unpickled.
_WEIGHTS_FROM = ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir")


def inside(name: str, modules: Iterable[str]) -> bool:
    """Whether a dotted name is one of `modules` or below one."""
    return any(name == module or name.startswith(module + ".") for module in modules)


def is_trusted(target: Any, trusted: Iterable[str]) -> bool:
    """Whether a name lies in a trusted module."""
    return isinstance(target, str) and inside(target, (*TRUSTED, *trusted))


def refuse(key: str, target: Any, trusted: Iterable[str]) -> ConfigError:
    """The refusal; it says how to trust a module only where that can be the user's own."""
    shown = ", ".join(dict.fromkeys("runner" if name.startswith("runner.") else name for name in trusted))
    module = target.rpartition(".")[0] if isinstance(target, str) else ""
    package = module.partition(".")[0]
    foreign = package in sys.stdlib_module_names or package in ("torch", "torchvision", "hydra", "omegaconf", "runner")
    own = f" If it is your own code, name its module: trusted_targets=[{module}]." if module and not foreign else ""
    given = "null" if target is None else target
    return ConfigError(f"{key}={given}: expected a class of a trusted module ({shown}).{own}")


def check_trusted(node: dict[str, Any], key: str, trusted: Iterable[str]) -> None:
    """Refuse names outside trusted modules in `node` and the nodes inside it, without importing anything.

    Raises:
        ConfigError: a name is not to be trusted.
    """
    modules = (*TRUSTED, *trusted)
    if not isinstance(node["_target_"], str) or not inside(node["_target_"], modules):
        raise refuse(f"{key}._target_", node["_target_"], modules)
    for name, value in node.items():
        if name in _WEIGHTS_FROM and inside(node["_target_"], ("timm",)) and not inside(node["_target_"], trusted):
            raise ConfigError(f"{key}.{name}: could name a file that runs a program when it is read. Leave it out.")
        if isinstance(value, dict) and "_target_" in value:
            check_trusted(value, f"{key}.{name}", trusted)


def resolve(target: Any, key: str, trusted: Iterable[str] = ()) -> Callable[..., Any]:
    """The class or function called `target`.

    The name is looked at before anything is imported; afterwards the object that was found must itself come from a
    trusted module, so that a name which only passes through one leads nowhere.

    Args:
        target: dotted name.
        key: where it stands in the config, for messages.
        trusted: modules that the user trusts besides `TRUSTED`.

    Raises:
        ConfigError: not trusted, or there is no such object.
    """
    modules = (*TRUSTED, *trusted)
    if not isinstance(target, str) or not inside(target, modules):
        raise refuse(key, target, modules)
    module_name, _, attribute = target.rpartition(".")
    if not inside(target, trusted):
        _refuse_namesake(target, key)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not inside(module_name, [error.name]):  # the module is there, and lacks another
            raise ConfigError(f"{key}={target}: module {module_name} can't be imported ({error}).") from error
        raise ConfigError(
            f"{key}={target}: there is no module {error.name!r} here or among the installed packages."
        ) from error
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{key}={target}: module {module_name} can't be imported ({what}).") from error
    found: Any = getattr(module, attribute, None)
    if found is None:
        raise ConfigError(
            f"{key}={target}: {module_name} has no {attribute!r}.{did_you_mean(attribute, public(module))}"
        )
    if inspect.ismodule(found):
        raise ConfigError(f"{key}={target}: a module, not a class.{did_you_mean(key.split('.')[0], public(found))}")
    home = getattr(found, "__module__", None) or ""
    function = inspect.isfunction(found) and not inside(home, OWN) and (inside(home, trusted) or _builds(found, home))
    if inspect.isfunction(found) and not function and inside(home, modules):
        raise ConfigError(
            f"{key}={target}: a function, where a class is expected. Of functions only models are trusted."
        )
    if not (function or inspect.isclass(found)) or attribute.startswith("_") or not inside(home, modules):
        raise refuse(key, target, modules)
    return found  # type: ignore[no-any-return]


def _builds(function: Any, home: str) -> bool:
    """Whether a function is registered as a model of torchvision or timm; others are helpers, and some load files."""
    if not inside(home, ("torchvision.models", "timm.models")):
        return False
    name = function.__name__
    if inside(home, ("timm",)):
        models = importlib.import_module("timm.models")
        return bool(models.is_model(name)) and models.model_entrypoint(name) is function
    models = importlib.import_module("torchvision.models")
    return any(models.get_model_builder(known) is function for known in models.list_models())


def _refuse_namesake(target: str, key: str) -> None:
    """Refuse a package of the working directory that is called as a trusted one which is not installed.

    Raises:
        ConfigError: with what to type if it is meant.
    """
    package = target.partition(".")[0]
    if package in sys.modules or package == "runner":
        return
    found = importlib.util.find_spec(package)
    places = [Path(place) for place in (found and found.submodule_search_locations) or ()]
    if any(place.parent == Path.cwd() for place in places) or (found and found.origin == f"{Path.cwd()}/{package}.py"):
        raise ConfigError(
            f"{key}={target}: {package} is not installed, and the one in this directory is not taken for it. If you "
            f"trust it: trusted_targets=[{package}]."
        )


def named(path: str) -> Any:
    """What ``module.name`` of ours or of torch's names; imports it."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def check_kind(found: Any, base: str | None, key: str, trusted: Iterable[str]) -> None:
    """Refuse a class of another kind than belongs there, whatever module it is from.

    Args:
        found: what `resolve` gave.
        base: what the group's classes descend from; None for an object inside of an option.
        key: where it stands in the config, for messages.
        trusted: modules that the user trusts, whose classes may stand inside of others.

    Raises:
        ConfigError: it can't be used there.
    """
    if base is None and inside(found.__module__, (*INNER, *trusted)):
        return
    wanted = base or "torch.nn.Module"
    kind = named(wanted)
    if not (issubclass(found, kind) if inspect.isclass(found) else wanted == "torch.nn.Module"):
        group = key.partition("._target_")[0]
        shown = f"; `python -m runner list {group.replace('.', '/')}` shows what there is" if base else ""
        raise ConfigError(
            f"{key}={found.__module__}.{found.__qualname__}: can't be used there. Expected a subclass of "
            f"{wanted}{shown}."
        )


def public(module: Any) -> list[str]:
    """Names that a module shows."""
    return [name for name in dir(module) if not name.startswith("_")]
