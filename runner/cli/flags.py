"""How the words of a command are read: flags, folders, and what a verb does not take."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from runner.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from omegaconf import DictConfig

# Flags of Hydra that would go round our checks, and what there is instead.
HIDDEN = {
    "--config-path": "The program has its own folder of options; --config-dir DIR adds yours.",
    "--experimental-rerun": "`python -m runner rerun RUN_DIR` repeats a run.",
}


def hydra_flags(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Hydra's flags, and the arguments with the flags in front, as Hydra's own parser wants them."""
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        known = [flag for flag in parser._option_string_actions if flag.startswith("--") and flag not in HIDDEN]
        word = next((word for word in arguments if word.startswith("-") and word in message), "")
        hint = "" if word in known else did_you_mean(word, known)
        raise ConfigError(f"{message}.{hint} Flags: {', '.join(known)}.")

    parser.error = refuse  # type: ignore[method-assign]
    flags = parser.parse_intermixed_args(arguments)
    for flag, instead in HIDDEN.items():
        if getattr(flags, flag.strip("-").replace("-", "_")):
            raise ConfigError(f"{flag}: not taken here. {instead}")
    _check_together(flags)
    return flags, [*(word for word in arguments if word not in flags.overrides), *flags.overrides]


def _check_together(flags: argparse.Namespace) -> None:
    """Refuse flags that Hydra refuses together, or would ignore."""
    doing = {"--run": flags.run, "--cfg": flags.cfg, "--info": flags.info, "--shell-completion": flags.shell_completion}
    given = [flag for flag, value in doing.items() if value]
    if flags.run and flags.multirun:
        given = ["--run", "--multirun"]
    if len(given) > 1:
        raise ConfigError(f"{given[0]} and {given[1]}: one of them at a time.")
    if (flags.resolve or flags.package) and not flags.cfg:
        alone = "--resolve" if flags.resolve else f"--package {flags.package}"
        raise ConfigError(f"{alone}: goes with --cfg job, which shows the configuration.")


def one_configuration(arguments: list[str], flags: Sequence[str] = ()) -> tuple[list[str | None], DictConfig]:
    """The values of some flags of a verb's own, and the configuration that the other words compose.

    Raises:
        ConfigError: several configurations, or none, are asked for.
    """
    from runner.config.compose import Command, compose_run

    values, rest = [], arguments
    for flag in flags:
        value, rest = take(rest, flag)
        values.append(value)
    known, _ = hydra_flags(rest)
    if known.multirun or known.cfg or known.info:
        raise ConfigError("--multirun, --cfg and --info have no meaning here: one configuration is tried.")
    return values, compose_run(Command(known.overrides, known.config_dir, known.config_name or "config"))


def is_sweep(flags: argparse.Namespace) -> bool:
    """Whether a command asks for a sweep: by ``--multirun``, or as Hydra also has it, by ``hydra.mode=MULTIRUN``."""
    return flags.multirun or any(word.lstrip("+") == "hydra.mode=MULTIRUN" for word in flags.overrides)


def showing(flags: argparse.Namespace) -> list[str]:
    """The flags that show a configuration, without ``--multirun``, beside which Hydra does not take them."""
    words = ["--resolve"] if flags.resolve else []
    for flag in ("cfg", "info", "package", "config-dir", "config-name"):
        if value := getattr(flags, flag.replace("-", "_")):
            words += [f"--{flag}", value]
    return words


def verb_first(arguments: list[str]) -> list[str]:
    """The same words with the flags that stand before the first other word put behind it."""
    from hydra._internal.utils import get_args_parser

    actions = get_args_parser()._option_string_actions
    place = 0
    while place < len(arguments) and arguments[place].startswith("-"):
        action, place = actions.get(arguments[place]), place + 1
        if action is not None and action.nargs != 0:
            place += 1  # past its value
    return [*arguments[place : place + 1], *arguments[:place], *arguments[place + 1 :]]


def take(arguments: list[str], flag: str) -> tuple[str | None, list[str]]:
    """The value of ``flag VALUE`` or ``flag=VALUE``, and the arguments without it."""
    value, rest = None, []
    words = iter(arguments)
    for word in words:
        if word == flag:
            value = next(words, None)
            if value is None:
                raise ConfigError(f"{flag}: a value is expected after it.")
        elif word.startswith(flag + "="):
            value = word.partition("=")[2]
        else:
            rest.append(word)
    return value, rest


def take_all(arguments: list[str], flag: str) -> tuple[list[str], list[str]]:
    """The values of a flag that may be given several times, and the arguments without it."""
    values = []
    while any(word == flag or word.startswith(f"{flag}=") for word in arguments):
        at = max(i for i, word in enumerate(arguments) if word == flag or word.startswith(f"{flag}="))
        value, rest = take(arguments[at:], flag)
        values.append(value or "")
        arguments = arguments[:at] + rest
    return values[::-1], arguments


def switch(arguments: list[str], flag: str) -> tuple[bool, list[str]]:
    """Whether a flag that takes no value is there, and the arguments without it."""
    return flag in arguments, [word for word in arguments if word != flag]


def trusted_of(arguments: list[str], verb: str) -> tuple[list[str] | None, list[str]]:
    """The modules of ``trusted_targets=[...]``, and the arguments without it.

    Raises:
        ConfigError: there is another override, which `verb` does not take.
    """
    from runner.config.compose import Command, choices

    trusted = None
    overrides = [word for word in arguments if "=" in word and not os.path.exists(word)]
    for override in Command(overrides).parsed:
        if override.key_or_group != "trusted_targets":
            raise ConfigError(f"{override.input_line}: {verb} takes the run as it was; only trusted_targets=[...].")
        trusted = [str(module) for module in next(choices(override))]
    return trusted, [word for word in arguments if word not in overrides]


def run_folder(arguments: list[str], usage: str) -> tuple[str, list[str]]:
    """The folder that comes first, and what follows it."""
    known_flags(arguments, usage)
    key = arguments[0].partition("=")[0] if arguments else ""
    if not arguments or (key != arguments[0] and "/" not in key and not os.path.isdir(arguments[0])):
        raise ConfigError(f"expected the folder of a run: python -m runner {usage}.")
    return arguments[0], arguments[1:]


def known_flags(arguments: list[str], usage: str) -> None:
    """Refuse flags."""
    unknown = next((word for word in arguments if word.startswith("-")), None)
    if unknown:
        raise ConfigError(f"{unknown}: not known here. Usage: python -m runner {usage}.")


def no_more(arguments: list[str], usage: str) -> None:
    """Refuse words."""
    if arguments:
        raise ConfigError(f"{arguments[0]}: not expected. Usage: python -m runner {usage}.")


def one_of(given: Mapping[str, str | None], flag: str, choices: tuple[str, ...]) -> Any:
    """The value of a flag, which must be one of some words; None where it was not given."""
    value = given[flag]
    if value is not None and value not in choices:
        *others, last = choices
        raise ConfigError(f"{flag} {value}: expected {', '.join(others)} or {last}.{did_you_mean(value, choices)}")
    return value


def refuse_recorded(folder: Path | str, lines: Sequence[str], typed: Sequence[str]) -> None:
    """Refuse what a sweep's folder says for which its own word is not taken, unless it was typed again.

    Args:
        folder: the sweep's.
        lines: overrides that it recorded.
        typed: those of the command.

    Raises:
        ConfigError: the first such line.
    """
    from runner.config.hydra_node import check_recorded

    again = {word.lstrip("+~").partition("=")[0] for word in typed}
    left = [line for line in lines if line.lstrip("+~").partition("=")[0] not in again]
    check_recorded(left, str(folder))
    for line in left:
        if line.lstrip("+").startswith("trusted_targets="):
            raise ConfigError(
                f"{folder}: this sweep was started with {line}, and a folder's own word is not taken for which "
                f"code is trusted. If you trust it, add '{line}'."
            )


def beams_of(beams: str | None, length_penalty: str | None) -> tuple[int | None, float | None]:
    """The values of ``--beams`` and ``--length-penalty``; None where one was not given."""
    penalty = number("--length-penalty", length_penalty)
    if penalty is not None and not 0 <= penalty < float("inf"):
        raise ConfigError(f"--length-penalty {penalty}: expected a number of at least 0.")
    return None if beams is None else whole_number("--beams", beams, 1), penalty


def number(flag: str, text: str | None) -> float | None:
    """The value of a flag that takes a number; None where it was not given."""
    try:
        return None if text is None else float(text)
    except ValueError:
        raise ConfigError(f"{flag} {text}: expected a number.") from None


def whole_number(flag: str, text: str, least: int) -> int:
    """The value of a flag that takes a whole number."""
    if not (text.isdecimal() and int(text) >= least):
        raise ConfigError(f"{flag} {text}: expected a whole number of at least {least}.")
    return int(text)
