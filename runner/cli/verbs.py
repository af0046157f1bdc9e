"""The command line: verbs, help, and everything that is printed."""

from __future__ import annotations

import argparse
import atexit
import functools
import logging
import os
import shutil
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from runner import __version__
from runner.cli.trials import Trials, config_dir_of
from runner.errors import ConfigError, Interrupted, RunnerError, did_you_mean

if TYPE_CHECKING:
    from omegaconf import DictConfig

HELP = """\
runner: train a network from composed choices; every choice is one word.

  python -m runner [VERB] [GROUP=OPTION ...] [KEY=VALUE ...]

  (no verb)                       train, then test the best weights
  list [GROUP]                    the options of every group, or of one
  show GROUP/OPTION               an option's arguments, types, defaults, source
  show GROUP/OPTION --plot [...]  a picture: activation, augmentation, init, scheduler or warmup
  check [OVERRIDES]               compose and check a command without running it
  resume DIR [OVERRIDES]          continue an interrupted or killed run or sweep where it was
  rerun RUN_DIR [OVERRIDES]       repeat a run, with changes
  evaluate RUN_DIR [--split test] [--checkpoint best|last|FILE] [--device auto]
  sweeps [DIR]                    the sweeps in outputs/sweeps: how they stand, what is best
  find-lr [OVERRIDES]             learning-rate range test: a curve, and the rate to take
  find-batch-size [OVERRIDES]     throughput by batch size, up to memory or 60 s
  doctor                          versions, devices, threads, disk, data on this machine

{groups}
Keys:   seed name monitor mode trusted_targets; GROUP.KEY=VALUE for any key that `show` lists

Examples
  python -m runner                                                 # an mlp on the embedded digits
  python -m runner model=resnet optimizer=adamw scheduler=cosine warmup=linear
  python -m runner data=fashion_mnist model=cnn trainer.max_epochs=3
  python -m runner 'regularization=[dropout,early_stopping]' regularization.dropout.p=0.3
  python -m runner optimizer=adamw optimizer/wrapper=sam           # or lookahead, around any
  python -m runner data=csv data.path=table.csv data.target=price
  python -m runner --multirun optimizer=sgd,adam,adamw             # one run each
  python -m runner resume outputs/runs/2026-01-31_12-00-00_digits-mlp trainer.max_epochs=40
  tensorboard --logdir outputs

Flags of Hydra: --multirun, --cfg job, --info, --config-dir DIR (options of your own),
--shell-completion, hydra.run.dir=DIR; `--hydra-help` lists them.
Exit status: 0 done, 1 the run failed, 2 the command is wrong, 130 interrupted.
HYDRA_FULL_ERROR=1 shows tracebacks.
"""


# Flags of Hydra that would go round our checks, and what there is instead.
HIDDEN = {
    "--config-path": "The program has its own folder of options; --config-dir DIR adds yours.",
    "--experimental-rerun": "`python -m runner rerun RUN_DIR` repeats a run.",
}


def main() -> None:
    """Entry point of ``python -m runner`` and of the console script."""
    if not {"", os.getcwd()} & set(sys.path):  # modules beside the user's config; `python -m` has them already
        sys.path.append(os.getcwd())
    _leave(answer(sys.argv[1:]))


def answer(arguments: list[str]) -> int:
    """Do what a command asks, print what it gives or what is wrong with it, and return the exit status."""
    traced = os.environ.get("HYDRA_FULL_ERROR") == "1"
    try:
        return _dispatch(arguments)
    except RunnerError as error:
        if traced and not isinstance(error, Interrupted):
            traceback.print_exc()
        _complain(str(error), error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        _complain("Stopped at once; what was saved before stays.", 130)
        return 130
    except BrokenPipeError:  # `runner list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _leave(code: int) -> None:
    """End the process without taking the interpreter apart.

    With torch imported that would take half a second, and Triton's bindings would complain of leaks. What was
    registered to be done at exit is done.
    """
    atexit._run_exitfuncs()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _complain(message: str, code: int) -> None:
    print(message if code == 130 else f"error: {message}", file=sys.stderr, flush=True)


@contextmanager
def _kept_when_started(folder: Path) -> Iterator[None]:
    """Leave no folder behind when a command turns out to be wrong only once the data are there."""
    fresh = not folder.exists() or not any(folder.iterdir())
    try:
        yield
    except ConfigError:
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
            for parent in folder.parents[:2]:
                with suppress(OSError):
                    parent.rmdir()
        raise


def _dispatch(arguments: list[str]) -> int:
    first = arguments[0] if arguments else ""
    if first == "--version":
        print(f"runner {__version__}")
        return 0
    if first == "help" or {"-h", "--help"} & set(arguments):
        from runner.config.options import Options

        groups = " ".join(group for group in Options().groups() if "/" not in group)
        wrapped = textwrap.fill(f"Groups: {groups}", 98, subsequent_indent=" " * 8)
        print(HELP.format(groups=wrapped), end="")
        return 0
    if first and "=" not in first and first[0] not in "-+~":
        if first not in VERBS:
            raise ConfigError(_no_verb(first))
        return VERBS[first](arguments[1:]) or 0
    return _run(arguments)


def _no_verb(word: str) -> str:
    """What somebody may have meant who typed a word without ``=`` first."""
    from runner.config.options import Options

    options = Options()
    group = word.split(".")[0]
    if group in options.groups() or word in options.top_level_keys():
        what = "VALUE" if "." in word or group not in options.groups() else "OPTION"
        return f"{word!r}: a value is expected after it, without spaces: {word}={what}. `python -m runner list` helps."
    having = [g for g in options.groups() if word in options.names(g)]
    if having:
        return f"{word!r}: no such verb. Did you mean {having[0]}={word}?"
    return (
        f"{word!r}: no such verb.{did_you_mean(word, VERBS)} Verbs: {', '.join(VERBS)}; without one, a network is "
        "trained. A choice is written GROUP=OPTION. `python -m runner --help` shows examples."
    )


def _flags(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
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
    return flags, [*(word for word in arguments if word not in flags.overrides), *flags.overrides]


def _run(arguments: list[str]) -> int:
    """Check a command, then hand it to Hydra."""
    from runner.config.compose import Command, compose, compose_sweep

    flags, arguments = _flags(arguments)
    command = Command(flags.overrides, flags.config_dir, flags.config_name or "config")
    if flags.shell_completion or flags.hydra_help:
        return _hydra(arguments)
    if flags.multirun:
        options = arguments[: len(arguments) - len(flags.overrides)]
        return _hydra([*options, *compose_sweep(command)])
    config = compose(command)
    if flags.cfg or flags.info:
        return _hydra(arguments)
    if searched := config.hydra.runtime.choices.get("space"):
        raise ConfigError(f"space={searched}: a space to search, not a run. Add --multirun and hydra/sweeper=bayes.")
    from runner.config.check import check
    from runner.record.folder import RunFolder
    from runner.run import new_folder

    check(config)
    if "hydra.run.dir" in command.typed():
        if not config.hydra.run.dir:
            raise ConfigError("hydra.run.dir=: expected a folder. Leave it out for one in outputs/runs.")
        folder = Path(config.hydra.run.dir)
        RunFolder(folder).refuse_second_run()
    else:
        folder = new_folder(config)
        arguments = [*arguments, f"hydra.run.dir='{folder}'"]
    with _kept_when_started(folder):
        return _hydra(arguments, one_run=True)


def _hydra(arguments: list[str], one_run: bool = False) -> int:
    """Run Hydra's own command line with our config folder and our way of reporting errors."""
    import hydra
    from hydra.errors import HydraException

    from runner.config.options import CONF

    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions come to us instead of being printed and turned into exit 1
    sys.argv = [sys.argv[0], *arguments]
    errors: list[RunnerError] = []

    @functools.wraps(task)
    def job(config: DictConfig) -> float | None:
        try:
            return task(config)
        except RunnerError as error:  # out of Hydra's sight: it would print a line of its own
            errors.append(error)
            return None

    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job if one_run else task)()
    except RunnerError:  # a sweep's are of both kinds
        raise
    except HydraException as error:
        raise ConfigError(" ".join(str(error).split())) from error
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
    if errors:
        raise errors[0]
    return 0


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


def _list(arguments: list[str]) -> int:
    from runner.cli.tables import option_table
    from runner.config.options import Options

    config_dir, rest = _take(arguments, "--config-dir")
    _known_flags(rest, "list [GROUP] [--config-dir DIR]")
    _no_more(rest[1:], "list [GROUP] [--config-dir DIR]")
    if config_dir:
        from runner.config.compose import Command

        options = Command([], config_dir).options
    else:
        options = Options()
    groups = options.groups()
    if rest and rest[0] not in groups:
        raise ConfigError(f"{rest[0]}: no such group.{did_you_mean(rest[0], groups)} Groups: {', '.join(groups)}.")
    option_table(options, rest[:1] or groups)
    return 0


def _show(arguments: list[str]) -> int:
    from runner.cli.tables import show_option
    from runner.config.compose import Command

    usage = "show GROUP/OPTION [--plot[=FILE.png] [OVERRIDES]] [--config-dir DIR]"
    config_dir, rest = _take(arguments, "--config-dir")
    plots = [word for word in rest if word.partition("=")[0] == "--plot"]
    rest = [word for word in rest if word not in plots]
    _known_flags(rest, usage)
    if not plots:
        _no_more(rest[1:], usage)
    options = Command([], config_dir).options
    given = rest[0].replace("=", "/") if rest else "nothing"
    group, _, name = given.rpartition("/")
    if group == "activation":  # model.activation: a choice without files
        return _draw(group, name, rest[1:], plots, config_dir)
    if group not in options.groups():
        known = [f"{g}/{n}" for g in options.groups() for n in options.names(g)]
        if given in options.groups():
            raise ConfigError(
                f"show {given}: a group. Expected one of its options: "
                f"{', '.join(f'{given}/{n}' for n in options.names(given))}."
            )
        having = [option for option in known if option.endswith(f"/{given}")]
        if given.endswith("activation"):
            having = ["activation/relu"]
        hint = f" Did you mean {having[0]!r}?" if having else did_you_mean(given, known)
        raise ConfigError(f"show: expected GROUP/OPTION, such as optimizer/adamw. Received: {given}.{hint}")
    if name not in options.names(group):
        raise ConfigError(
            f"{given}: {group} has no option {name!r}.{did_you_mean(name, options.names(group))} "
            f"Options: {', '.join(options.names(group))}."
        )
    if plots:
        return _draw(group, name, rest[1:], plots, config_dir)
    show_option(options, group, name, config_dir)
    return 0


def _draw(group: str, name: str, overrides: list[str], plots: list[str], config_dir: str | None) -> int:
    from pathlib import Path

    from runner.cli.tables import fact_table
    from runner.plots import draw

    if group == "activation" and not plots:
        from runner.plots.activation import facts

        _no_more(overrides, f"show activation/{name} [--plot[=FILE.png]]")
        fact_table(facts(name))
        return 0
    file = plots[-1].partition("=")[2]
    if file and not file.endswith(".png"):
        raise ConfigError(f"--plot={file}: expected a file whose name ends in .png.")
    path, facts_drawn = draw(group, name, overrides, Path(file) if file else None, config_dir)
    fact_table(facts_drawn)
    print(f"picture: {path}")
    return 0


def _check(arguments: list[str]) -> int:
    from runner.config.check import check
    from runner.config.compose import Command, compose

    flags, _ = _flags(arguments)
    command = Command(flags.overrides, flags.config_dir, flags.config_name or "config")
    if flags.multirun:
        return _run([*arguments, "hydra.sweeper.dry_run=true"])
    check(compose(command))
    print("ok")
    return 0


def _resume(arguments: list[str]) -> int:
    from runner.cli.progress import Terminal
    from runner.run import resume

    folder, overrides = _folder(arguments, "resume RUN_DIR|SWEEP_DIR [OVERRIDES]")
    if (Path(folder) / "sweep.yaml").is_file():
        from runner.sweep.listing import continuing

        arguments = continuing(Path(folder), overrides)
        for line in arguments:
            if line.lstrip("+").startswith("trusted_targets=") and line not in overrides:
                raise ConfigError(
                    f"{folder}: this sweep was started with {line}, and a folder's own word is not taken for which "
                    f"code is trusted. If you trust it, add '{line}'."
                )
        return _run(arguments)
    with Terminal() as terminal:
        terminal.finished(resume(folder, overrides, terminal), Path(folder))
    return 0


def _sweeps(arguments: list[str]) -> int:
    from runner.cli.tables import sweep_table
    from runner.sweep.listing import summaries

    _known_flags(arguments, "sweeps [DIR]")
    _no_more(arguments[1:], "sweeps [DIR]")
    root = Path(arguments[0] if arguments else "outputs/sweeps")
    found = summaries(root)
    if not found:
        raise ConfigError(f"{root}: no sweep lies there. `python -m runner --multirun ...` starts one.")
    sweep_table(found)
    return 0


def _rerun(arguments: list[str]) -> int:
    from runner.cli.progress import Terminal
    from runner.config.check import check
    from runner.run import new_folder, rerun_config, run

    folder, overrides = _folder(arguments, "rerun RUN_DIR [OVERRIDES]")
    config, recorded, config_dir = rerun_config(folder, overrides)
    check(config)
    place = new_folder(config, before=Path(folder))
    with _kept_when_started(place), Terminal() as terminal:
        terminal.finished(run(config, place, terminal, recorded, config_dir), place)
    return 0


def _evaluate(arguments: list[str]) -> int:
    from runner.cli.tables import score_table
    from runner.run import evaluate_run

    split, rest = _take(arguments, "--split")
    checkpoint, rest = _take(rest, "--checkpoint")
    device, rest = _take(rest, "--device")
    folder, overrides = _folder(rest, "evaluate RUN_DIR [--split test] [--checkpoint best|last|FILE] [--device auto]")
    split = split or "test"
    if split not in ("train", "val", "test"):
        raise ConfigError(
            f"--split {split}: expected train, val or test.{did_you_mean(split, ['train', 'val', 'test'])}"
        )
    from runner.config.compose import Command, choices

    trusted = None
    for override in Command(overrides).parsed:
        if override.key_or_group != "trusted_targets":
            raise ConfigError(f"{override.input_line}: evaluate takes the run as it was; only trusted_targets=[...].")
        trusted = [str(module) for module in next(choices(override))]
    scores = evaluate_run(folder, split, checkpoint or "best", device or "auto", trusted)
    score_table({split: scores})
    return 0


def _find_lr(arguments: list[str]) -> int:
    from runner.cli.find import find_lr

    return find_lr(arguments)


def _find_batch_size(arguments: list[str]) -> int:
    from runner.cli.find import find_batch_size

    return find_batch_size(arguments)


def _doctor(arguments: list[str]) -> int:
    from runner.cli.doctor import report
    from runner.cli.tables import doctor_tables

    _no_more(arguments, "doctor")
    doctor_tables(report())
    return 0


def _take(arguments: list[str], flag: str) -> tuple[str | None, list[str]]:
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


def _folder(arguments: list[str], usage: str) -> tuple[str, list[str]]:
    if not arguments or "=" in arguments[0] or arguments[0].startswith("-"):
        raise ConfigError(f"expected the folder of a run: python -m runner {usage}.")
    _known_flags(arguments, usage)
    return arguments[0], arguments[1:]


def _known_flags(arguments: list[str], usage: str) -> None:
    unknown = next((word for word in arguments if word.startswith("-")), None)
    if unknown:
        raise ConfigError(f"{unknown}: not known here. Usage: python -m runner {usage}.")


def _no_more(arguments: list[str], usage: str) -> None:
    if arguments:
        raise ConfigError(f"{arguments[0]}: not expected. Usage: python -m runner {usage}.")


VERBS: dict[str, Callable[[list[str]], int]] = {
    "list": _list,
    "show": _show,
    "check": _check,
    "resume": _resume,
    "rerun": _rerun,
    "evaluate": _evaluate,
    "sweeps": _sweeps,
    "find-lr": _find_lr,
    "find-batch-size": _find_batch_size,
    "doctor": _doctor,
}
