"""From overrides to a composed configuration, with names checked on the way. Nothing here imports torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, OverrideType, QuotedString, Sweep
from hydra.core.utils import setup_globals
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException

from runner.config.groups import LISTS
from runner.config.hydra_node import check_hydra_node, check_search_path, followed
from runner.config.options import CONF, Options, refuse_names_of_ours, refuse_traps
from runner.config.signature import signature_of
from runner.config.targets import resolve
from runner.errors import ConfigError, did_you_mean, nearest


@dataclass
class Command:
    """What was typed, apart from the verb.

    Attributes:
        overrides: ``group=option`` and ``key=value``.
        config_dir: a folder of the user's own options (``--config-dir``).
        config_name: name of the primary config.
    """

    overrides: list[str]
    config_dir: str | None = None
    config_name: str = "config"
    options: Options = field(init=False)

    def __post_init__(self) -> None:
        folders = [CONF]
        if self.config_dir is not None:
            folder = Path(self.config_dir)
            if not folder.is_dir():
                raise ConfigError(f"--config-dir {self.config_dir}: there is no such folder.")
            refuse_traps(folder)
            refuse_names_of_ours(folder)
            folders.insert(0, folder)
        self.options = Options(folders)

    @cached_property
    def parsed(self) -> list[Override]:
        """The overrides, taken apart.

        Raises:
            ConfigError: one of them can't be read.
        """
        parser = OverridesParser.create()
        parsed = []
        for text in self.overrides:
            if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
                raise ConfigError(
                    f"{text!r} holds bytes that are no text in the encoding of this terminal. LANG=C.UTF-8 in front of "
                    "the command has them read as UTF-8."
                )
            if "=" not in text and not text.startswith("~"):
                raise ConfigError(f"{text!r} is not an override: there is no = in it. Expected key=value, no spaces.")
            try:
                parsed.append(parser.parse_override(text))
            except RecursionError as error:
                raise ConfigError(f"{text[:60]!r}... is nested too deep.") from error
            except (OverrideParseException, HydraException) as error:
                where = str(error).splitlines()[0].partition(" expecting ")[0]
                raise ConfigError(
                    f"{text!r} is not an override ({where}). Expected key=value or group=option; quote values with "
                    "spaces, commas or brackets for the shell and for Hydra: 'key=\"a, b\"'."
                ) from error
        return parsed

    def typed(self) -> set[str]:
        """Keys that were given a value, such as ``optimizer.lr``."""
        return {override.key_or_group for override in self.parsed}


def as_typed(overrides: Any) -> list[str]:
    """Hydra's list of overrides as they were typed: what stands for a secret stays a reference."""
    plain: Any = OmegaConf.to_container(overrides, resolve=False)
    return [str(text) for text in plain]


def choices(override: Override) -> Iterator[Any]:
    """The values that an override can take: one, or each of a sweep's."""
    value: Any = override.value()
    if isinstance(value, Glob):
        return  # takes what there is
    if isinstance(value, Sweep):
        entries = getattr(value, "list", None) or []
        for entry in entries:
            yield Override._convert_value(entry.text if isinstance(entry, QuotedString) else entry)
    else:
        yield value


def check_names(command: Command) -> None:
    """Refuse unknown groups, options and top-level keys.

    Raises:
        ConfigError: with the nearest valid name.
    """
    groups = command.options.groups()
    for override in command.parsed:
        key = override.key_or_group
        first = re.split(r"[./]", key)[0]
        if first == "hydra":
            continue
        if first not in groups and first not in command.options.top_level_keys():
            having = [g for g in groups if any(str(c) in command.options.names(g) for c in choices(override))]
            raise ConfigError(_unknown(command, override.input_line or "", first, having))
        if override.is_delete():
            check_deletion(override)
        elif key in groups:
            if (override.is_add() or override.is_force_add()) and (CONF / key).is_dir():
                raise ConfigError(
                    f"{override.input_line}: every group has a choice already, so + has nothing to add. "
                    f"Write {override.input_line.lstrip('+') if override.input_line else key}."
                )
            for choice in choices(override):
                _check_choice(command, override, key, choice)


def _unknown(command: Command, given: str, key: str, likely: Sequence[str] = ()) -> str:
    groups, keys = command.options.groups(), command.options.top_level_keys()
    below = _keys_below(command)
    meant = nearest(key, likely) or nearest(key, [*groups, *keys, *below])
    hint = f" Did you mean {below.get(meant, meant)!r}?" if meant else ""
    if len(likely) == 1 and meant != likely[0]:  # the one group that has this option
        hint = f" Did you mean '{likely[0]}={given.partition('=')[2]}'?"
    return (
        f"{given}: there is no {key!r}.{hint} "
        f"Groups: {', '.join(g for g in groups if '/' not in g)}. Keys: {', '.join(keys)}. "
        "`python -m runner list` shows the options."
    )


def _keys_below(command: Command) -> dict[str, str]:
    """Keys of the default choices by their last name, such as ``{"lr": "optimizer.lr"}``."""
    try:
        with _hydra(command) as hydra:
            config = _composed(hydra, command, [])
    except Exception:  # a broken file is told of when it is chosen
        return {}
    groups = [group for group in command.options.groups() if OmegaConf.is_dict(config.get(group))]
    return {str(key): f"{group}.{key}" for group in groups for key in config[group] if not str(key).startswith("_")}


def check_deletion(override: Override) -> None:
    """Refuse to take away anything but a technique: a missing key would mean a default that nobody sees.

    Raises:
        ConfigError: says how to give another value.
    """
    key = override.key_or_group
    group = re.split(r"[./]", key)[0]
    if group in LISTS and key.count(".") == 1:
        return
    what = f"{key}=OPTION" if key == group and "." not in key else f"{key}=VALUE"
    raise ConfigError(f"{override.input_line}: {key} can't be left out. Give it another value: {what}.")


def refuse_sweeps(command: Command) -> None:
    """Refuse several values for a key, where one run is asked for.

    Raises:
        ConfigError: says how either is written.
    """
    for override in command.parsed:
        if override.is_sweep_override():
            key, _, value = (override.input_line or "").partition("=")
            listed = f", and a list is written '{key}=[{value}]'" if "(" not in value else ""
            raise ConfigError(
                f"{override.input_line}: several values, and this is one run. Add --multirun to run each{listed}."
            )


def _check_choice(command: Command, override: Override, group: str, choice: Any) -> None:
    known = command.options.names(group)
    if isinstance(choice, list):
        if group not in LISTS:
            raise ConfigError(
                f"{override.input_line}: {group} takes one option, not a list. To compare several, sweep over them: "
                f"--multirun {group}={','.join(map(str, choice))}."
            )
        if "none" in choice and len(choice) > 1:
            raise ConfigError(f"{override.input_line}: none can't be combined with other options. Leave it out.")
        twice = next((name for name in choice if choice.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(f"{override.input_line}: {twice} is named twice. Leave one out.")
        names = choice
    elif choice is None or isinstance(choice, dict):
        if isinstance(choice, dict) or group not in ("experiment", "debug", "space"):
            raise ConfigError(f"{override.input_line}: expected the name of an option: {', '.join(known)}.")
        return
    else:
        names = [choice]
    for name in names:
        if str(name) not in known:
            files = [path for folder in command.options.folders for path in (folder / group).glob("*")]
            others = [path for path in files if path.stem == str(name)]
            hint = f" {others[0]} is none: option files end in .yaml." if others else did_you_mean(str(name), known)
            if not hint:  # another name of it, such as kaiming, is in the first line of its file
                word = re.compile(rf"\b{re.escape(str(name))}\b", re.IGNORECASE)
                alias = next((k for k in known if word.search(command.options.description(group, k))), None)
                hint = f" Did you mean {alias!r}?" if alias else ""
            raise ConfigError(
                f"{override.input_line}: {group} has no option {str(name)!r}.{hint} "
                f"Options: {', '.join(known)}. `python -m runner list {group}` describes them."
            )


@contextmanager
def _hydra(command: Command) -> Iterator[Hydra]:
    version.setbase("1.3")
    search_path = create_config_search_path(str(CONF))
    if command.config_dir is not None:
        search_path.prepend(
            provider="command-line",
            path=f"file://{Path(command.config_dir).absolute()}",
            anchor=SearchPathQuery(provider="schema"),
        )
    GlobalHydra.instance().clear()
    try:
        hydra = Hydra.create_main_hydra2(task_name="runner", config_search_path=search_path)
        if command.config_dir is not None and "hydra.searchpath" not in command.typed():
            check_search_path(hydra.config_loader, command.config_name)
        yield hydra
    finally:
        GlobalHydra.instance().clear()


def check_folder(command: Command) -> None:
    """Refuse a ``--config-dir`` that would have packages imported.

    Raises:
        ConfigError: its primary config says so.
    """
    with _hydra(command):
        pass


def compose_run(command: Command) -> DictConfig:
    """The configuration of the run that the command stands for, Hydra's own node included.

    Raises:
        ConfigError: an unknown or missing key, a value that can't be read, a malformed file.
    """
    check_names(command)
    refuse_sweeps(command)
    return _checked(command, command.parsed)


def compose_sweep(command: Command) -> list[str]:
    """The overrides of a sweep, for Hydra, checked as far as one configuration can tell: that of its first values.

    Values of groups that are searched over mean "where the chosen option has such a key". They become choices of one
    value, which Hydra leaves to the sweep.

    Raises:
        ConfigError: as `compose_run`.
    """
    check_names(command)
    kept = _without_searched(command)
    config = _checked(command, kept)
    own = str(config.hydra.launcher.get("_target_")).startswith("runner.")
    if own and not str(config.hydra.sweeper.get("_target_")).endswith(".RunnerSweeper"):
        choices = config.hydra.runtime.choices
        raise ConfigError(
            f"hydra/launcher={choices['hydra/launcher']}: not with hydra/sweeper={choices['hydra/sweeper']}, which "
            "waits for batches. Take hydra/sweeper=grid, or leave hydra/sweeper out."
        )
    try:
        OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(unresolved(error)) from error
    overrides = []
    for override in command.parsed:
        line = override.input_line or ""
        if override not in kept and override.type == OverrideType.CHANGE and not override.is_sweep_override():
            key, _, value = line.partition("=")
            line = f"{key}=choice({value})"
        overrides.append(line)
    return overrides


@contextmanager
def sweep_config(command: Command, overrides: list[str]) -> Iterator[tuple[ConfigLoader, DictConfig]]:
    """A sweep's own config, with Hydra's node, and the loader that composes its trials.

    Args:
        command: what was typed.
        overrides: as `compose_sweep` gave them.
    """
    with _hydra(command) as hydra:
        master = hydra.compose_config(command.config_name, overrides, RunMode.MULTIRUN, with_log_configuration=False)
        yield hydra.config_loader, master


def first_trial(command: Command) -> list[str]:
    """The overrides of a sweep with the first value of each, such as `compose_run` takes."""
    kept = _without_searched(command)
    with _hydra(command) as hydra:
        config = _composed_in_words(hydra, command, kept)
    chosen = [o for o in command.parsed if o in kept or o.is_add() or _is_there(config, o.key_or_group)]
    return [text for override in chosen if (text := _first(override))]


def _is_there(config: DictConfig, key: str) -> bool:
    """Whether the configuration has a key; a value that is still required counts."""
    node: Any = config
    for part in key.split("."):
        if not OmegaConf.is_dict(node) or part not in node.keys():  # noqa: SIM118 - see `_explain_key`
            return False
        node = followed(node, part)
    return True


def _without_searched(command: Command) -> list[Override]:
    """The overrides, without values of groups that are searched over."""
    below = tuple(f"{group.replace('/', '.')}." for group in _searched(command))
    return [o for o in command.parsed if not o.key_or_group.startswith(below) or o.key_or_group.startswith("hydra.")]


def _searched(command: Command) -> set[str]:
    """The groups that are searched over, on the command line or by a ready space."""
    groups = command.options.groups()
    choices = [o for o in command.parsed if o.key_or_group in groups or o.key_or_group.startswith(("hydra.", "hydra/"))]
    if len(choices) == len(command.parsed):
        return set()  # nobody asks: there are no values
    with _hydra(command) as hydra:
        config = _composed_in_words(hydra, command, choices)
    typed = {o.key_or_group for o in choices if o.is_sweep_override()}
    params = (followed(config.hydra, "sweeper") or {}).get("params")
    keys = {str(key).lstrip("+") for key in params} if isinstance(params, DictConfig) else set()
    return {key for key in typed | keys if key in groups}


def _composed_in_words(hydra: Hydra, command: Command, overrides: Sequence[Override]) -> DictConfig:
    """What Hydra makes of the first values of `overrides`; what it refuses is explained."""
    try:
        return _composed(hydra, command, [text for o in overrides if (text := _first(o))])
    except HydraException as error:
        if left_to_class := _left_to_class(hydra, command, overrides):
            for override in left_to_class:
                override.type, override.input_line = OverrideType.FORCE_ADD, f"++{override.input_line}"
            return _composed_in_words(hydra, command, overrides)
        raise ConfigError(_explain(hydra, command, error)) from error
    except yaml.YAMLError as error:
        raise ConfigError(_malformed(command, error)) from error
    except RecursionError as error:
        raise ConfigError(_circular(command)) from error
    except KeyError as error:  # of what hydra.job.env_copy names
        raise ConfigError(f"hydra.job.env_copy: the environment has no {error.args[0]!r}.") from error
    except OmegaConfBaseException as error:
        raise ConfigError(_first_line(error)) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:  # Hydra's own on files of a strange form
        raise ConfigError(_strange(hydra, command, error)) from error


def _checked(command: Command, overrides: Sequence[Override]) -> DictConfig:
    """Compose, and refuse what Hydra does not."""
    with _hydra(command) as hydra:
        config = _composed_in_words(hydra, command, overrides)
    known = {"hydra", *command.options.groups(), *command.options.top_level_keys()}
    for key in config:
        if key not in known:
            raise ConfigError(_unknown(command, f"{key!s} (in {recipe_of(config) or 'a config file'})", str(key)))
    _check_trust(config, command)
    given = [line for o in overrides if (line := _first(o))]
    if len(given) < len(config.hydra.overrides.hydra) + len(config.hydra.overrides.task):
        raise ConfigError(
            f"hydra.overrides (in {recipe_of(config) or 'a config file'}): holds what was typed. Leave it out."
        )
    check_hydra_node(config)
    _check_hydra_keys(config, command)
    _check_lists(config, command)
    settle(config)
    try:
        missing = sorted(OmegaConf.missing_keys(without_hydra(config)))
    except OmegaConfBaseException as error:
        raise ConfigError(unresolved(error)) from error
    if missing:
        key = missing[0]
        raise ConfigError(
            f"{key}: a value is required and none was given. Add {key}=... to the command; "
            f"`python -m runner show {_choice(config, key)}` says what it means."
        )
    return config


def _check_hydra_keys(config: DictConfig, command: Command) -> None:
    """Refuse references in Hydra's part that lead nowhere; those to what Hydra fills in later are left to it."""
    setup_globals()  # ${now:...}
    for key in command.typed():
        if key.startswith("hydra."):
            try:
                OmegaConf.select(config, key)
            except InterpolationToMissingValueError:
                continue
            except OmegaConfBaseException as error:
                raise ConfigError(unresolved(error)) from error


def _check_trust(config: DictConfig, command: Command) -> None:
    """Refuse files that say which code is trusted: a recipe from somebody else would trust its own."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    if (told := plain.get("trusted_targets")) and "trusted_targets" not in command.typed():
        names = ",".join(map(str, told)) if isinstance(told, list) else told
        raise ConfigError(
            f"trusted_targets=[{names}] (in {recipe_of(config) or 'a config file'}): only the command can say which "
            f"code is trusted, no file. If you trust it: 'trusted_targets=[{names}]'."
        )


def _first(override: Override) -> str:
    """The override with the first value of its sweep; an interval begins at its lower end."""
    value: Any = override.value()
    if isinstance(value, Glob):
        return ""  # the default option stands for them
    if isinstance(value, IntervalSweep):
        return f"{override.get_key_element()}={value.start}"
    if override.is_sweep_override():
        for text in override.sweep_string_iterator():
            return f"{override.get_key_element()}={text}"
        raise ConfigError(f"{override.input_line}: no values to search over.")
    return override.input_line or ""


def unresolved(error: OmegaConfBaseException) -> str:
    """What is wrong with an interpolation, in one sentence."""
    return f"{error.full_key}: {_first_line(error)}. A reference is written ${{key.of.another.value}}."


def recipe_of(config: DictConfig) -> str | None:
    """What was chosen of recipes, such as ``experiment=plateau``; None without one."""
    chosen = config.hydra.runtime.choices if "hydra" in config else {}
    return " or ".join(f"{group}={chosen[group]}" for group in ("experiment", "debug") if chosen.get(group)) or None


def without_hydra(config: DictConfig) -> DictConfig:
    """The configuration without Hydra's own node."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def _composed(hydra: Hydra, command: Command, overrides: list[str]) -> DictConfig:
    return hydra.compose_config(
        config_name=command.config_name, overrides=overrides, run_mode=RunMode.RUN, with_log_configuration=False
    )


def _choice(config: DictConfig, key: str) -> str:
    group = key.partition(".")[0]
    choice = config.hydra.runtime.choices.get(group)
    return f"{group}/{choice}" if choice else group


def settle(config: DictConfig) -> None:
    """Drop values that a recipe holds for techniques that are not selected."""
    for group in LISTS:
        node = config.get(group) or OmegaConf.create()
        for name in _unselected(config, group):
            OmegaConf.set_struct(node, False)
            del node[name]


def _unselected(config: DictConfig, group: str) -> list[str]:
    """Names in a group that takes lists without a class: values for techniques that are not selected.

    Raises:
        ConfigError: a file holds something else in the place of techniques.
    """
    node = config.get(group) or OmegaConf.create()
    if not OmegaConf.is_dict(node):
        raise ConfigError(
            f"{group}={node} (in {recipe_of(config) or 'a config file'}): expected techniques by name. A recipe "
            f"chooses them in its defaults, as '- override /{group}: [NAME]', and gives values as {group}.NAME.KEY."
        )
    return [str(name) for name in node if not (OmegaConf.is_dict(node[name]) and "_target_" in node[name])]


def _check_lists(config: DictConfig, command: Command) -> None:
    """Refuse values for techniques that do not exist, or are not selected although somebody typed the value."""
    for group in LISTS:
        for name in _unselected(config, group):
            keys = [key for key in command.typed() if f"{key}.".startswith(f"{group}.{name}.")]
            if keys or name not in command.options.names(group):
                raise ConfigError(_not_selected(command, group, name, keys[0] if keys else f"{group}.{name}"))


def _not_selected(command: Command, group: str, name: str, key: str) -> str:
    known = command.options.names(group)
    if name == "_target_":
        return (
            f"{key}: a file of {group} holds its technique under the technique's name, as several can be chosen: "
            f"NAME: {{_target_: ...}} in {group}/NAME.yaml."
        )
    if name not in known:
        return (
            f"{key}: {group} has no option {name!r}.{did_you_mean(name, known)} Options: {', '.join(known)}. "
            f"`python -m runner list {group}` describes them."
        )
    return f"{key}: {name} is not selected, so its value would do nothing. Add {group}=[{name}] to the command."


def _circular(command: Command) -> str:
    """Which files of the user's own may stand in one another's defaults in a circle."""
    own = [
        path for path in command.options.folders[0].rglob("*.yaml") if "defaults:" in path.read_text(errors="replace")
    ]
    return (
        f"{', '.join(map(str, sorted(own)[:5]))}: the defaults lists lead in a circle. Take a file out of its own list."
    )


def _strange(hydra: Hydra, command: Command, error: Exception) -> str:
    """What is wrong with a command or a file on which Hydra itself stumbled."""
    chosen = {f"{o.key_or_group}/{choice}.yaml" for o in command.parsed for choice in choices(o)}
    broken = command.options.broken()
    for path in [path for path in broken if any(path.match(name) for name in chosen)] or broken:
        if isinstance(error, (OSError, UnicodeDecodeError)) or path.relative_to(path.parents[1]).as_posix() in chosen:
            return f"{path}: can't be read: {_first_line(error)}."
    explained = _explain_keys(hydra, command)
    return explained or f"A config file is not of the form that Hydra expects: {_first_line(error)}."


def _explain(hydra: Hydra, command: Command, error: HydraException) -> str:
    """What is wrong with a command that Hydra refused, in one paragraph."""
    if isinstance(error.__cause__, yaml.YAMLError):
        return _malformed(command, error.__cause__)
    if isinstance(error, MissingConfigException):
        return _missing_file(command, error)
    return _explain_keys(hydra, command) or f"{_first_line(error)}."


def _explain_keys(hydra: Hydra, command: Command) -> str | None:
    """The first key that leads nowhere in what the group choices compose to; None where these alone are refused."""
    config = _composed_choices(hydra, command)
    if config is None:
        return None
    values = [o for o in command.parsed if not _is_choice(o, command)]
    return next((text for o in values if (text := _explain_key(command, config, o.key_or_group, o))), None)


def _composed_choices(hydra: Hydra, command: Command) -> DictConfig | None:
    """What the group choices compose to, without any values; None where these alone are refused."""
    kept = [o.input_line or "" for o in command.parsed if _is_choice(o, command) and not o.is_sweep_override()]
    try:
        return _composed(hydra, command, kept)
    except Exception:
        return None


def _is_choice(override: Override, command: Command) -> bool:
    return override.key_or_group in command.options.groups() or override.key_or_group.startswith("hydra/")


def _left_to_class(hydra: Hydra, command: Command, overrides: Sequence[Override]) -> list[Override]:
    """Values for arguments that a class takes and its option file, one of the user's own, does not list.

    Hydra refuses them; written with ``++`` it takes them.
    """
    config = _composed_choices(hydra, command)
    if config is None:
        return []
    found = []
    for override in overrides:
        parent, _, name = override.key_or_group.rpartition(".")
        node: Any = config
        for part in parent.split("."):
            node = followed(node, part) if OmegaConf.is_dict(node) and part in node else None
        if override.type == OverrideType.CHANGE and OmegaConf.is_dict(node) and name not in node.keys():  # noqa: SIM118
            found += [override] * (name in _arguments(command, node))
    return found


def _arguments(command: Command, node: DictConfig) -> list[str]:
    """What the class of `node` takes; empty without options of the user's own: ours list all, and torch stays out."""
    if command.config_dir is None or "_target_" not in node:
        return []
    typed: list[Any] = [o.value() for o in command.parsed if o.key_or_group == "trusted_targets"]
    try:
        target = resolve(node["_target_"], "_target_", typed[0] if typed and isinstance(typed[0], list) else ())
    except ConfigError:
        return []
    return list(signature_of(target).arguments)


def _explain_key(command: Command, config: DictConfig, key: str, override: Override) -> str | None:
    node: Any = config
    path = key.split(".")
    for depth, part in enumerate(path):
        if not OmegaConf.is_dict(node):
            return f"{override.input_line}: {'.'.join(path[:depth])} is a value, it has no key {part!r}."
        keys = [str(k) for k in node if not str(k).startswith("_") and (depth or str(k) != "hydra")]
        there = part in node.keys()  # noqa: SIM118 - `in node` says no where the value is still required or unresolved
        if not there and (override.is_add() or override.is_force_add()):
            return None
        if not there:
            if depth == 1 and path[0] in LISTS:
                return _not_selected(command, path[0], part, key)
            where = ".".join(path[:depth])
            choice = config.hydra.runtime.choices.get(path[0])
            shown = f"{where} ({path[0]}={choice})" if choice and depth == 1 else where
            keys += [name for name in _arguments(command, node) if name not in keys]
            return (
                f"{override.input_line}: {shown} has no key {part!r}.{did_you_mean(part, keys)} "
                f"Keys: {', '.join(keys) or 'none'}."
            )
        node = followed(node, part)
    value: Any = override.value() if override.type == OverrideType.CHANGE else None
    if OmegaConf.is_dict(node) and isinstance(value, dict):
        keys = [str(k) for k in node]
        if (unknown := next((str(k) for k in value if str(k) not in keys), None)) is not None:
            return (
                f"{override.input_line}: {key} has no key {unknown!r}.{did_you_mean(unknown, keys)} "
                f"Keys: {', '.join(keys) or 'none'}."
            )
    return None


def _malformed(command: Command, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or _first_line(error)
    place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    file = mark.name if mark else "a config file"
    if mark and not Path(str(file)).is_file():
        file = next((str(path) for path in command.options.broken()), file)
    return f"{file}: not valid YAML{place}: {problem}."


def _missing_file(command: Command, error: MissingConfigException) -> str:
    name = str(error.missing_cfg_file)
    if name == command.config_name:
        return f"--config-name {name}: there is no such config. Leave it out for the usual one."
    given, _, group = _first_line(error).partition(":")[0], "", name.rpartition("/")[0]
    known = list(error.options or command.options.names(group))
    short = name.rpartition("/")[2]
    given = f"{group}={short}" if group.startswith("hydra/") else given
    return (
        f"{given}: {group} has no option {short!r}.{did_you_mean(short, known)} Options: {', '.join(known) or 'none'}."
    )


def _first_line(error: BaseException) -> str:
    """The sentence that says most: that of the innermost cause, after the error's own where that names the override."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    own = " ".join(lines[: 2 if lines and lines[0].endswith(":") else 1])
    cause = error.__cause__
    if cause is None or str(cause) in own:
        return own.rstrip(".") or type(error).__name__
    return ": ".join(dict.fromkeys(part for part in (own.rstrip("."), _first_line(cause)) if part))
