"""From a checked command to Hydra, and from Hydra to a run."""

from __future__ import annotations

import functools
import os
import re
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.completion import complete
from runner.cli.flags import hydra_flags, is_sweep, showing
from runner.cli.together import refuse_in_sweep
from runner.cli.trials import Trials, config_dir_of
from runner.errors import ConfigError, RunnerError
from runner.record.folder import RunFolder, kept_when_started, make

if TYPE_CHECKING:
    from argparse import Namespace

    from omegaconf import DictConfig

    from runner.config.compose import Command


def train(arguments: list[str]) -> int:
    """Check a command, then hand it to Hydra: one run, or with ``--multirun`` a sweep."""
    from runner.config.compose import Command, check_folder, compose_run, compose_sweep

    flags, arguments = hydra_flags(arguments)
    options = arguments[: len(arguments) - len(flags.overrides)]
    command = Command(flags.overrides, flags.config_dir, flags.config_name or "config")
    if flags.shell_completion:
        check_folder(command)
        return complete(flags, _hydra)
    if flags.hydra_help:
        compose_run(command)
        check_folder(command)
        return _hydra(arguments)
    if flags.cfg or flags.info:
        _refuse_habits(flags)
        return _show(flags, command)
    config = of_one_run(flags, command)
    if config is None:
        refuse_in_sweep(flags.overrides)
        return _hydra([*options, *compose_sweep(command)])
    from runner.config.check import check_run
    from runner.run import RUNS, new_folder
    from runner.run.together import processes

    recipe = check_run(config)
    arguments = [*options, *(override.input_line or "" for override in command.parsed)]
    given = _typed_folder(config) if "hydra.run.dir" in command.typed() else None
    with processes(recipe) as ranks, kept_when_started(RUNS if given is None else Path(given)) as made:
        if ranks.main:
            folder = new_folder(config) if given is None else chosen_folder(given)
            made += [folder] * (given is None)
        folder = ranks.agreed(folder if ranks.main else Path())
        # Also where it was typed: a time of day in it would be another one by now.
        return _hydra([*arguments, f"hydra.run.dir={quoted(str(folder))}"], one_run=True)


def _refuse_habits(flags: Namespace) -> list[str]:
    """Refuse sweepers as other tools name them; gives the words that are about the sweeper."""
    from runner.sweep import habits

    words = [word for word in flags.overrides if word.lstrip("+").startswith(("hydra/sweeper", "hydra.sweeper."))]
    for word in words:
        habits.refuse_choice(word)
    return words


def of_one_run(flags: Namespace, command: Command) -> DictConfig | None:
    """The configuration of the one run that a command asks for; None where it asks for a sweep.

    Raises:
        ConfigError: it is malformed, or has parts that one run has no use for.
    """
    from omegaconf import OmegaConf

    from runner.config.compose import compose_run
    from runner.sweep import habits

    of_sweeps = _refuse_habits(flags)
    if is_sweep(flags):
        return None
    config = compose_run(command)
    if of_sweeps:
        habits.refuse_unknown(OmegaConf.to_container(config.hydra.sweeper, resolve=False))  # type: ignore[arg-type]
    if config.hydra.mode is not None and config.hydra.mode.name == "MULTIRUN":  # such as hydra.mode=${oc.env:MODE}
        return None
    launcher = config.hydra.runtime.choices.get("hydra/launcher")
    if launcher not in (None, "basic"):
        raise ConfigError(
            f"hydra/launcher={launcher}: is where the trials of a sweep run, and this is one run. Add --multirun, or "
            "leave it out."
        )
    if searched := config.hydra.runtime.choices.get("space"):
        raise ConfigError(f"space={searched}: a space to search, not a run. Add --multirun and hydra/sweeper=bayes.")
    return config


def quoted(text: str) -> str:
    """A text as Hydra's grammar and OmegaConf take it, whatever is in it."""
    text = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + "\\" * bool(m[2]) + m[2], text)
    return "'" + re.sub(r"(\\*)\$\{", lambda m: m[1] * 2 + "\\${", text) + "'"


def _show(flags: Namespace, command: Command) -> int:
    """Let Hydra show the configuration of a run, or of the first trial of a sweep; nothing is run."""
    from omegaconf import OmegaConf

    from runner.config.compose import Command, compose_run, compose_sweep, first_trial

    if is_sweep(flags):
        compose_sweep(command)
        overrides = [word for word in first_trial(command) if not word.lstrip("+").startswith("hydra.mode=")]
        command = Command([*overrides, "hydra.mode=MULTIRUN"], command.config_dir, command.config_name)
    config = compose_run(command)
    if flags.package and flags.package != "_global_" and OmegaConf.select(config, flags.package) is None:
        raise ConfigError(f"--package {flags.package}: there is no such part of the config, such as optimizer.")
    return _hydra([*showing(flags), *(override.input_line or "" for override in command.parsed)])


def _typed_folder(config: DictConfig) -> str:
    """What ``hydra.run.dir`` says."""
    from omegaconf.errors import OmegaConfBaseException

    from runner.config.compose import unresolved

    try:
        return str(config.hydra.run.dir)
    except OmegaConfBaseException as error:  # it refers to what Hydra fills in later
        raise ConfigError(unresolved(error)) from error


def chosen_folder(given: str | None) -> Path:
    """The folder that ``hydra.run.dir`` names, made unless it is there.

    Raises:
        ConfigError: no run can be started there.
    """
    if not given:
        raise ConfigError("hydra.run.dir=: expected a folder. Leave it out for one in outputs/runs.")
    if "${" in given:  # in what it fills in itself
        raise ConfigError(
            f"hydra.run.dir={given}: Hydra takes ${{ in the name of a folder for a reference. Leave it out."
        )
    folder = Path(given)
    make(folder)
    RunFolder(folder).refuse_second_run()
    return folder


def _hydra(arguments: list[str], one_run: bool = False) -> int:
    """Run Hydra's own command line with our config folder and our way of reporting errors."""
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from runner.config.compose import unresolved
    from runner.config.options import CONF

    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions come to us instead of being printed and turned into exit 1
    sys.argv = [sys.argv[0], *arguments]
    errors: list[Exception] = []

    @functools.wraps(task)
    def job(config: DictConfig) -> float | None:
        try:
            return task(config)
        except (RunnerError, OSError) as error:  # out of Hydra's sight: it would print a line of its own
            errors.append(error)
            return None

    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job if one_run else task)()
    except RunnerError:  # a sweep's are of both kinds
        raise
    except HydraException as error:
        raise ConfigError(" ".join(str(error).split())) from error
    except OmegaConfBaseException as error:
        raise ConfigError(unresolved(error)) from error
    except Exception as error:
        if not _hydras_own(error):
            raise
        typed = arguments[:-1] if one_run else arguments
        own = " ".join(word for word in typed if word.lstrip("+~").startswith("hydra"))
        raise ConfigError(f"Hydra can't start with its part of the command ({own}): {error}.") from error
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
    if errors:
        raise errors[0]
    return 0


def _hydras_own(error: Exception) -> bool:
    """Whether Hydra itself stumbled, before it called anything of ours."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return not any(f"{os.sep}{name}{os.sep}" in file for file in files[1:] for name in ("runner", "hydra_plugins"))


def task(config: DictConfig) -> float | None:
    """What Hydra calls for each job: one run. Returns the best value of the monitored score."""
    from hydra.core.hydra_config import HydraConfig

    from runner.cli.progress import Terminal
    from runner.config.compose import as_typed, settle
    from runner.run import run

    settle(config)
    hydra = HydraConfig.get()
    folder = Path(os.path.relpath(hydra.runtime.output_dir))
    with Terminal() as terminal:
        result = run(config, folder, terminal, as_typed(hydra.overrides.task), config_dir_of(hydra))
        terminal.finished(result, folder)
    value = result["best_value"]
    return float(value) if value is not None else None


task.sweep_protocol = Trials()  # type: ignore[attr-defined]
