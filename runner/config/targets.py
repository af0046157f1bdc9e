"""From the text of a `_target_` to the object that it names, if that is one to be trusted."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any

from runner.errors import ConfigError, did_you_mean

# Modules whose classes a config may name. Narrow on purpose: torch.hub, torch.load and torch.os (Python's own os) are
# inside torch too, and a config from somebody else must not be able to run a program. Of our own modules only classes
# are taken: some of their functions start programs.
OWN = (
    "runner.data",
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
    "runner.engine.settings",
)
TRUSTED = (*OWN, "torch.optim", "torch.nn", "torchvision.models", "timm.optim", "timm.models")
# What timm's models would read weights from: a file of somebody's choice, which is unpickled.
_WEIGHTS_FROM = ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir")


def inside(name: str, modules: Iterable[str]) -> bool:
    """Whether a dotted name is one of `modules` or below one."""
    return any(name == module or name.startswith(module + ".") for module in modules)


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
    if not (function or inspect.isclass(found)) or attribute.startswith("_") or not inside(home, modules):
        raise refuse(key, target, modules)
    return found  # type: ignore[no-any-return]


def _builds(function: Any, home: str) -> bool:
    """Whether a function is more than a helper: of timm's, those that are registered as models; others load files."""
    if not inside(home, ("timm",)):
        return True
    models = importlib.import_module("timm.models")
    name = function.__name__
    return bool(models.is_model(name)) and models.model_entrypoint(name) is function


def public(module: Any) -> list[str]:
    """Names that a module shows."""
    return [name for name in dir(module) if not name.startswith("_")]
