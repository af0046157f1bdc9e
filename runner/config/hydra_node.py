"""Hydra's own part of the configuration: it can start programs and write anywhere, so files may say little of it.

A recipe, an option file or the record of a sweep may come from somebody else. What they may say is how to search, and
the name of the job; everything else only a command may.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from runner.config.options import CONF
from runner.config.targets import inside, refuse
from runner.errors import ConfigError

# Keys of hydra.sweeper that files may set: not where the study is stored, nor whose sweeper it is.
_SEARCH = [
    "n_trials",
    "workers",
    "seed",
    "params",
    "pruner",
    "timeout",
    "max_failures",
    "fail_fast",
    "repeats",
    "repeat_key",
    "retries",
    "objectives",
    "directions",
    "enqueue",
    "test",
    "plots",
    "dry_run",
    "study_name",
    "sampler",
]
_OF_FILES = f"Files may set hydra.job.name and of hydra.sweeper {', '.join(_SEARCH)}"
# What Hydra fills in itself, whatever files say.
_FILLED = re.compile(
    r"hydra\.(overrides|runtime\.(choices|config_sources|cwd)|job\.(override_dirname|config_name|id|num))\b.*"
)
_PLAIN_NAME = re.compile(r"[\w+-][\w.+ -]{0,99}")
_SAMPLERS, _LAUNCHERS = "runner.sweep.samplers", "runner.sweep.launcher"

# What Hydra builds: where its class is named, and what that must descend from.
_BUILT = {
    "hydra.launcher": f"hydra.plugins.launcher.Launcher {_LAUNCHERS}.base.Launcher",
    "hydra.sweeper": "hydra.plugins.sweeper.Sweeper",
    "hydra.sweeper.sampler": f"{_SAMPLERS}.Sampler",
    "hydra.callbacks": "hydra.experimental.callback.Callback",
    "hydra.job_logging": "logging.Handler logging.Formatter logging.Filter",
    "hydra.hydra_logging": "logging.Handler logging.Formatter logging.Filter",
}
_DEFINED_IN = ("hydra", "hydra_plugins", "logging", _SAMPLERS, _LAUNCHERS)


def check_hydra_node(config: DictConfig) -> None:
    """Refuse what files say of Hydra's part beyond how to search, and what nobody can have Hydra build.

    Raises:
        ConfigError: names the entry.
    """
    check_said_by_files(config)
    _check_plugins(config.hydra)
    check_hydra(config.hydra, trusted=config.get("trusted_targets") or ())


def _check_plugins(hydra: DictConfig) -> None:
    """Refuse Hydra's part without one of the two that every command needs, also that of a single run."""
    for name in ("launcher", "sweeper"):
        part = followed(hydra, name)
        if not isinstance(part, DictConfig):
            raise ConfigError(f"hydra.{name}: nothing is chosen for it. Leave it out, or choose hydra/{name}=basic.")
        if followed(part, "_target_") is None:
            raise ConfigError(
                f"hydra/{name}={hydra.runtime.choices.get(f'hydra/{name}')}: names no class. Expected an entry "
                f"_target_, as hydra/{name}=basic has one."
            )


def check_hydra(node: Any, key: str = "hydra", trusted: Iterable[str] = ()) -> None:
    """Refuse what Hydra would build of its own part of the config, unless it is of the kind that belongs there.

    References are followed: Hydra would build what they lead to.

    Args:
        node: Hydra's part, or what is inside of it.
        key: where it stands.
        trusted: modules that the user trusts; callbacks may be theirs.

    Raises:
        ConfigError: another class is named.
    """
    verbose = followed(node, "verbose") if key == "hydra" else False
    loggers = verbose if isinstance(verbose, ListConfig) else [""]
    if not isinstance(verbose, (bool, str, ListConfig)) or not all(isinstance(name, str) for name in loggers):
        raise ConfigError(f"hydra.verbose={verbose}: expected true, false or the names of loggers.")
    if isinstance(node, ListConfig):
        for number in range(len(node)):
            check_hydra(followed(node, number), f"{key}[{number}]", trusted)
    elif isinstance(node, DictConfig):
        for name in node:
            value = followed(node, name)
            if name in ("_target_", "()", "class"):
                _check_class(value, f"{key}.{name!s}", trusted)
            check_hydra(value, f"{key}.{name!s}", trusted)


def _check_class(target: Any, key: str, trusted: Iterable[str]) -> None:
    place = key.rpartition(".")[0]
    bases = _BUILT.get(place) or _BUILT.get(place.rpartition(".")[0] if place.count(".") == 2 else "")
    bases = bases or next((kinds for part, kinds in _BUILT.items() if "logging" in part and inside(place, [part])), "")
    modules = (*_DEFINED_IN, *trusted) if inside(place, ["hydra.callbacks"]) else _DEFINED_IN
    if not isinstance(target, str) or not inside(target, modules):
        raise refuse(key, target, modules)
    found = _named(target)
    kinds = tuple(_named(base) for base in bases.split())
    if not (inspect.isclass(found) and kinds and issubclass(found, kinds) and inside(found.__module__, modules)):
        expected = f"a subclass of {' or '.join(bases.split())}" if bases else "nothing to be built"
        raise ConfigError(f"{key}={target}: expected {expected} of a trusted module ({', '.join(modules)}).")


def _named(target: str) -> Any:
    module, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


def followed(node: Any, name: Any) -> Any:
    """An entry; for a reference what it leads to, None where that is not known yet (the number of a job)."""
    if OmegaConf.is_missing(node, name):
        return None
    try:
        return node[name]
    except OmegaConfBaseException:
        return None


def is_of_hydra(override: Override) -> bool:
    """Whether an override sets something in Hydra's own part, be it by the package of a group."""
    return _leads_to_hydra(override.key_or_group) or "hydra" in (override.package or "").split(".")


def check_search_path(loader: ConfigLoader, config_name: str | None) -> None:
    """Refuse a primary config that adds to the search path: Hydra imports the packages that are named there.

    Raises:
        ConfigError: it does.
    """
    assert isinstance(loader, ConfigLoaderImpl)
    try:
        primary = loader.repository.load_config(config_name) if config_name else None
        added = OmegaConf.select(primary.config, "hydra.searchpath") if primary is not None else None
    except Exception:  # it is told what is wrong with it when it is composed
        return
    if added:
        raise _only_typed(f"hydra.searchpath={added}", f"{config_name}.yaml")


def check_said_by_files(config: DictConfig) -> None:
    """Refuse what files say of Hydra's part beyond how to search.

    The measure is what there would be without them: our own primary config, or Hydra's defaults, and the command. Where
    neither a recipe nor somebody's folder has been read, there is nothing to compare, which costs a tenth of a second.

    Raises:
        ConfigError: a file says more.
    """
    hydra, typed = config.hydra, tuple(str(line) for line in _plain(config.hydra.overrides.hydra))
    others = any(source.provider.startswith(("command-line", "hydra.searchpath")) for source in _sources(hydra))
    if not others and not any(hydra.runtime.choices.get(group) for group in ("experiment", "debug", "space")):
        return
    parsed = OverridesParser.create().parse_overrides(list(typed))
    keys = [tuple(o.key_or_group.split(".")) for o in parsed if "/" not in o.key_or_group]
    copied = _plain(hydra.job.env_copy) if ("hydra", "job", "env_copy") in keys else []
    own = _of_command("config", typed)
    bare = _of_command(None, typed) if hydra.job.config_name != "config" else None
    for path, value in _differences(_plain(hydra), own, ("hydra",)):
        if any(path[: len(key)] == key for key in keys) or _by_hydra(path, copied) or _allowed(path, value):
            continue
        if value == _at(bare, path[1:]):
            continue
        chosen = hydra.runtime.choices
        recipes = " or ".join(f"{g}={chosen[g]}" for g in ("experiment", "debug", "space") if chosen.get(g))
        raise _only_typed(f"{'.'.join(map(str, path))}={value}", recipes or "a config file")


def check_recorded(lines: Iterable[str], where: str) -> None:
    """Refuse what the record of a sweep or a run wants of Hydra beyond how to search.

    Args:
        lines: overrides that were recorded.
        where: the folder, for the message.

    Raises:
        ConfigError: the first line that only a command may say.
    """
    for line in lines:
        try:
            override = OverridesParser.create().parse_override(str(line))
        except (HydraException, ValueError) as error:
            raise ConfigError(f"{where}: its record is damaged: {line!r} is not an override.") from error
        if is_of_hydra(override) and not _may_be_recorded(override):
            raise ConfigError(
                f"{where}: was started with {line}, and a folder's own word is not taken for that: it could start "
                f"programs or write elsewhere. If you want it, add '{line}', or another value for it."
            )


def _may_be_recorded(override: Override) -> bool:
    key, value = override.key_or_group, override.value()
    if override.package is not None or override.is_delete():
        return False
    if "/" in key:
        return key == "hydra/sweeper" and isinstance(value, str)
    return _allowed(tuple(key.split(".")), value)


def _allowed(path: tuple[Any, ...], value: Any) -> bool:
    """Whether files may give that entry of Hydra's part that value."""
    if path == ("hydra", "job", "name"):
        return isinstance(value, str) and _PLAIN_NAME.fullmatch(value) is not None
    if path[:2] != ("hydra", "sweeper") or len(path) < 3 or path[2] not in _SEARCH:
        return False
    if path[2] == "sampler" and path[3:] in ((), ("_target_",)):
        return isinstance(value, str) and value.rpartition(".")[0] == _SAMPLERS  # of which kind is checked for all
    if path[2] == "params" and path[3:]:
        return not _leads_to_hydra(path[3])
    if path[2] == "params":
        return value is None or (isinstance(value, Mapping) and not any(map(_leads_to_hydra, value)))
    if path[2] == "repeat_key":
        return not _leads_to_hydra(value)
    return not any(str(part).startswith("_") for part in path) and not _has_private_keys(value)


def _leads_to_hydra(key: Any) -> bool:
    name, _, package = str(key).lstrip("+~/").partition("@")
    return re.split(r"[./]", name)[0] == "hydra" or "hydra" in package.split(".")


def _has_private_keys(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(str(key).startswith("_") or _has_private_keys(entry) for key, entry in value.items())
    return isinstance(value, (list, tuple)) and any(map(_has_private_keys, value))


def _by_hydra(path: tuple[Any, ...], copied: Iterable[str]) -> bool:
    """Whether Hydra fills an entry in itself, whatever files say."""
    if path[:3] == ("hydra", "job", "env_set"):
        return path[-1] in copied
    return _FILLED.fullmatch(".".join(map(str, path))) is not None


def _differences(said: Any, own: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Entries that differ from what there would be otherwise, by their path."""
    if isinstance(said, dict) and (isinstance(own, dict) or said):
        for name, value in said.items():
            yield from _differences(value, own.get(name) if isinstance(own, dict) else None, (*path, name))
    elif said != own:
        yield path, said


def _at(node: Any, path: Iterable[Any]) -> Any:
    for name in path:
        node = node.get(name) if isinstance(node, dict) else None
    return node


@cache
def _of_command(config_name: str | None, typed: tuple[str, ...]) -> Any:
    """Hydra's part as a primary config of ours, or none, and the options of it that were typed make it."""
    loader = ConfigLoaderImpl(create_config_search_path(str(CONF)))
    choices = []
    for override in OverridesParser.create().parse_overrides(list(typed)):
        key = override.key_or_group
        if "/" in key and override.package is None and override.value() in (None, *loader.get_group_options(key)):
            choices.append(override.input_line or "")
    return _plain(loader.load_configuration(config_name, choices, RunMode.RUN).hydra)


def _sources(hydra: DictConfig) -> Iterable[Any]:
    return hydra.runtime.config_sources or ()


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=False, enum_to_str=True)


def _only_typed(line: str, where: str) -> ConfigError:
    shown = line if len(line) < 200 else f"{line[:200]}..."
    return ConfigError(
        f"{shown} (in {where}): only the command can say that, no file, since it could start programs or write "
        f"elsewhere. {_OF_FILES}. If you want it: '{shown}'."
    )
