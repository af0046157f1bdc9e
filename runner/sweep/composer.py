"""Trial configs: each combination of groups is composed once by Hydra, values are set on copies of it."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, IntegerNode, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from runner.errors import ConfigError, did_you_mean


class UnknownKey(ConfigError):
    """An override that leads nowhere; `key` is what it sets, `problem` what is wrong with it."""

    def __init__(self, line: str, key: str, problem: str) -> None:
        super().__init__(f"{line}: {problem}")
        self.key, self.problem = key, problem


class Composer:
    """Composes trial configs as Hydra itself would.

    Args:
        loader: Hydra's config loader.
        master: the sweep's own config, with the ``hydra`` node.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        setup_globals()
        self.loader, self.master = loader, master
        self._templates: dict[tuple[str, ...], bytes] = {}
        self._parser = OverridesParser.create()
        self._options: dict[tuple[str, ObjectType | None], list[str]] = {}
        self._outlines: dict[tuple[str, ...], DictConfig] = {}

    def options(self, group: str, kind: ObjectType | None = ObjectType.CONFIG) -> list[str]:
        """The options of a config group; empty for what is no group."""
        if (group, kind) not in self._options:
            name = self.master.hydra.job.config_name
            found = (
                []
                if "." in group
                else self.loader.get_group_options(group, kind, name, as_typed(self.master.hydra.overrides.hydra))
            )
            self._options[group, kind] = found
        return self._options[group, kind]

    def is_group(self, override: Override) -> bool:
        """Whether the override chooses a config file."""
        return not isinstance(override._value, dict) and bool(self.options(override.key_or_group, None))

    def current(self, key: str) -> str | None:
        """What `key` is in the sweep's own config: a group's option or a value, as text; None when it is not there."""
        choices = self.master.hydra.runtime.choices
        if key in choices:
            return "null" if choices[key] is None else str(choices[key])
        try:
            value = OmegaConf.select(self.master, key)
        except OmegaConfBaseException:  # it is made of something that has no value yet
            return None
        return None if value is None else Override._get_value_element_as_str(_plain(value))

    def outline(self, overrides: Sequence[str]) -> DictConfig:
        """What `overrides` compose to, without the groups that have no choice yet."""
        lines = tuple(overrides)
        if lines not in self._outlines:
            name = self.master.hydra.job.config_name
            try:
                found = self.loader.load_configuration(
                    name, [*as_typed(self.master.hydra.overrides.hydra), *lines], RunMode.MULTIRUN
                )
            except (HydraException, OmegaConfBaseException) as error:
                unknown = self._unknown(self._parser.parse_overrides(list(lines)))
                raise unknown or _refusal(lines, error) from error
            self._outlines[lines] = found
        return self._outlines[lines]

    def keys(self, overrides: Sequence[str], node: str) -> list[str]:
        """The keys below a node of what `overrides` compose to; empty where there is no such node."""
        found = OmegaConf.select(self.outline(overrides), node)
        return [str(key) for key in found if key != "_target_"] if OmegaConf.is_dict(found) else []

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The full config (with the ``hydra`` node) of a trial.

        Raises:
            ConfigError: Hydra can't compose it.
        """
        parsed = self._parser.parse_overrides(list(overrides))
        task = [o for o in parsed if not o.is_hydra_override()]
        settings = [o for o in task if not self.is_group(o)]
        values = [o for o in settings if o.type == OverrideType.CHANGE and _is_leaf(o)]
        keys = [o.key_or_group for o in settings]
        if len(set(keys)) < len(keys) or any(b.startswith(f"{a}.") for a in keys for b in keys):
            values = []  # one sets a part of what another sets: their order matters
        rest = tuple(o.input_line or "" for o in parsed if o not in values)
        try:
            if rest not in self._templates:
                self._templates[rest] = pickle.dumps(self.loader.load_sweep_config(self.master, list(rest)))
            config: DictConfig = pickle.loads(self._templates[rest])  # a third of what a deep copy costs
            for override in values:
                ConfigLoaderImpl._apply_overrides_to_config([override], config)
        except (HydraException, OmegaConfBaseException) as error:
            unknown = self._unknown(parsed)
            raise unknown or _refusal(overrides, error) from error
        dirname = config.hydra.job.config.override_dirname
        with open_dict(config.hydra):
            config.hydra.overrides.task = [o.input_line for o in task]
            lines = [o.input_line for o in parsed if o.is_hydra_override()]
            config.hydra.overrides.hydra = [
                *as_typed(self.master.hydra.overrides.hydra),
                *lines,
            ]  # whatever files say was typed
            config.hydra.job.override_dirname = get_overrides_dirname(
                task, list(dirname.exclude_keys), dirname.item_sep, dirname.kv_sep
            )
        OmegaConf.copy_cache(from_config=self.master, to_config=config)
        return config

    def _unknown(self, parsed: Sequence[Override]) -> UnknownKey | None:
        """The first override that names an option or a key that does not exist; None where it is not that."""
        groups = [o for o in parsed if self.is_group(o)]
        for override in groups:
            known, value = self.options(override.key_or_group), override.value()
            for name in value if isinstance(value, list) else [value]:
                if name is not None and str(name) not in known:
                    hint = f"{did_you_mean(str(name), known)} Options: {', '.join(known)}."
                    problem = f"{override.key_or_group} has no option {str(name)!r}.{hint}"
                    return UnknownKey(override.input_line or "", override.key_or_group, problem)
        try:
            config = self.loader.load_sweep_config(self.master, [o.input_line or "" for o in groups])
        except (HydraException, OmegaConfBaseException):
            return None
        for override in parsed:
            key = override.key_or_group
            if override.type == OverrideType.CHANGE and override not in groups and (astray := _astray(config, key)):
                return UnknownKey(override.input_line or "", key, astray)
        return None

    def recipe(self, overrides: Sequence[str], remark: str) -> str:
        """An experiment file that means the same as `overrides`."""
        added: list[dict[str, Any]] = []
        chosen: list[dict[str, Any]] = []
        values = OmegaConf.create()
        removed = []
        config = self.compose(overrides)
        for override in self._parser.parse_overrides(list(overrides)):
            if override.is_delete():
                removed.append(override.input_line)
            elif self.is_group(override):
                key = override.get_key_element().lstrip("+")
                if override.is_add():
                    added.append({f"/{key}": override.value()})
                else:
                    chosen.append({f"override /{key}": override.value()})
            else:
                key, value = _whole(config, override.key_or_group, override.value())
                OmegaConf.update(values, key, value, force_add=True)
        lines = ["# @package _global_", f"# {remark}"]
        lines += [f"# Also needs on the command line: {line}" for line in removed]
        if added or chosen:
            lines.append(OmegaConf.to_yaml(OmegaConf.create({"defaults": [*added, "_self_", *chosen]})).rstrip())
        if values:
            lines.append(OmegaConf.to_yaml(values).rstrip())
        return "\n".join(lines) + "\n"


def _astray(config: DictConfig, key: str) -> str | None:
    """Where the path of `key` leaves the config; None where it does not."""
    node: Any = config
    path = key.split(".")
    for depth, part in enumerate(path):
        where = ".".join(path[:depth])
        if not OmegaConf.is_dict(node):
            return None if OmegaConf.is_config(node) else f"{where} is a value, it has no key {part!r}."
        if part not in node:
            choices = [] if depth else config.hydra.runtime.choices
            keys = sorted({str(name) for name in (*node, *choices) if not str(name).startswith(("_", "hydra"))})
            what = f"{where} has no key {part!r}" if depth else f"there is no key {part!r}"
            return f"{what}.{did_you_mean(part, keys)} Keys: {', '.join(keys) or 'none'}."
        node = node._get_node(part)
        node = node if OmegaConf.is_config(node) else node._value()
    return None


def _whole(config: DictConfig, key: str, value: Any) -> tuple[str, Any]:
    """A key and its value as a config file can set them: of a list's element, the list as it is in `config`."""
    path = key.split(".")
    for depth in range(1, len(path)):
        above = ".".join(path[:depth])
        if OmegaConf.is_list(found := OmegaConf.select(config, above)):
            return above, OmegaConf.to_container(found, resolve=False)
    return key, value


def is_integer(config: DictConfig, key: str) -> bool:
    """Whether a structured config types `key` as a whole number."""
    parent, _, name = key.rpartition(".")
    owner = OmegaConf.select(config, parent) if parent else config
    return isinstance(owner, DictConfig) and isinstance(owner._get_node(name, validate_access=False), IntegerNode)


def as_typed(overrides: Any) -> list[str]:
    """Hydra's list of overrides as they were typed: what stands for a secret stays a reference."""
    plain: Any = OmegaConf.to_container(overrides, resolve=False) if OmegaConf.is_config(overrides) else overrides
    return [str(text) for text in plain]


def _is_leaf(override: Override) -> bool:
    return override.package is None and not isinstance(override.value(), dict)


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def _refusal(overrides: Sequence[str], error: BaseException) -> ConfigError:
    """What Hydra says about overrides that it can't compose, in one paragraph."""
    told, _, listed = str(error).partition("Available options:")
    what = " ".join(overrides)
    if not told.startswith("You must specify '"):
        return ConfigError(f"{what}: {_reason(error)}" if what else _reason(error))
    group, options = told.split("'")[1], [line.strip() for line in listed.splitlines() if line.strip()]
    return ConfigError(
        f"{group} has to be chosen{f' for {what}' if what else ''}: the config leaves it open. Write {group}=.., with "
        f"several options to search over them. Options: {', '.join(options) or 'none'}."
    )


def _reason(error: BaseException) -> str:
    """The lines of Hydra's message, and of what caused it, that tell something."""
    parts = []
    cause: BaseException | None = error
    while cause is not None:
        parts += [line.strip() for line in str(cause).splitlines() if line.strip()]
        cause = cause.__cause__
    seen = dict.fromkeys(p for p in parts if not p.startswith(("full_key:", "object_type=", "reference_type=")))
    return " ".join(seen)[:600] or type(error).__name__
