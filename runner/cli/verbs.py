"""The command line: verbs, help, and everything that is printed."""

from __future__ import annotations

import atexit
import errno
import logging
import os
import sys
import textwrap
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from runner import __version__, streams
from runner.cli import signals
from runner.cli.ablate import ablate
from runner.cli.advise import advise
from runner.cli.baseline import baseline
from runner.cli.benchmark import benchmark
from runner.cli.compare import compare
from runner.cli.diff import diff
from runner.cli.ensemble import ensemble
from runner.cli.evaluate import evaluate
from runner.cli.explain import explain
from runner.cli.export import export
from runner.cli.fetch import Fetching, fetch
from runner.cli.find import find_batch_size, find_lr
from runner.cli.flags import (
    hydra_flags,
    is_sweep,
    known_flags,
    no_more,
    refuse_recorded,
    run_folder,
    switch,
    take,
    trusted_of,
    verb_first,
)
from runner.cli.generate import generate
from runner.cli.hydra import chosen_folder, of_one_run, train
from runner.cli.inspect_data import inspect_data
from runner.cli.predict import predict
from runner.cli.prune import prune
from runner.cli.quantize import quantize
from runner.cli.report import report
from runner.cli.runs import runs
from runner.cli.serve import serve
from runner.cli.stop import stop
from runner.cli.sweeps import sweeps
from runner.cli.together import refuse_together, told_by_this_rank
from runner.cli.watch import watch
from runner.engine.limits import limit_reached
from runner.errors import ConfigError, Interrupted, RunFailed, RunnerError, did_you_mean, printable
from runner.fetch.listener import listen
from runner.launched import launched, rank, world, wrong_launch
from runner.record.folder import kept_when_started
from runner.streams import NOBODY_READS

HELP = """\
runner: train a network from composed choices; every choice is one word.

  python -m runner [VERB] [GROUP=OPTION ...] [KEY=VALUE ...]

  (no verb)                       train, then test the best weights
  list [GROUP], show GROUP/OPTION [--plot]   the options; one's arguments, types, source, picture
  check [OVERRIDES]               compose and check a command without running it
  resume DIR [OVERRIDES]          continue an interrupted or killed run or sweep where it was
  rerun RUN_DIR [OVERRIDES]       repeat a run, with changes
  evaluate RUN_DIR [--split val]  scores; tables, curves, worst examples and their pictures
  predict RUN_DIR INPUT... [--output FILE]    predictions for a table, images, texts, or -
  generate RUN_DIR [--prompt TEXT]   goes on with a text, or answers it; --temperature --top-p
  explain RUN_DIR [INPUT...]      why a network answers as it does: pictures, tables, texts
  export RUN_DIR --format FORMAT  onnx, program or torchscript: a file that runs elsewhere
  quantize, prune RUN_DIR --method METHOD   a smaller network, and what it costs in accuracy
  benchmark RUN|FILE...           latency, throughput, size, memory, accuracy: each beside the first
  serve RUN_DIR [--port 8000]     predictions over HTTP, for this machine, and a page to try them
  runs [DIR] [FILTER...]          every run and trial: status, choices, scores; model=cnn best<0.3
  advise RUN_DIR [--json]         what is wrong with a run, by which numbers, what to try next
  ablate GROUP=A,B,... [--seeds 5] [--tune KEY=SPACE]   does it help? a verdict on each choice
  ensemble RUN... [--weights equal|validation] [--vote]   several networks as one
  sweeps [DIR] [--confirm N]      how sweeps stand; the best trial on N fresh seeds: luck?
  watch [DIR] [--once]            runs, sweeps and ablations under way: scores, curves, time left
  stop DIR... [--no-wait]         ends a run, sweep or ablation so that it can be continued
  diff RUN_DIR RUN_DIR            what differs: config, code, packages, data, seeds, scores
  compare RUN|SWEEP...            a line per configuration: mean over seeds, and is it better?
  report RUN|SWEEP|ABLATION... [--markdown]   one page with the answer, figures, tables
  inspect-data [OVERRIDES]        gaps, copies, leaks, wrong labels, outliers; what acts on them
  baseline RUN_DIR|[OVERRIDES]    a constant, a linear model, boosted trees: who loses to whom
  find-lr, find-batch-size [OVERRIDES]   learning-rate range test; throughput by batch size
  fetch NAME... | --list          brings published data and weights into the cache, verified
  doctor                          versions, devices, threads, disk, data on this machine

{groups}
Keys:   seed name monitor mode trusted_targets; GROUP.KEY=VALUE for any key that `show` lists

Examples
  python -m runner                                                 # an mlp on the embedded digits
  python -m runner model=resnet optimizer=adamw scheduler=cosine warmup=linear
  python -m runner 'regularization=[dropout,early_stopping]' regularization.dropout.p=0.3
  python -m runner data=csv data.path=table.csv data.target=price
  python -m runner --multirun optimizer=sgd,adam,adamw             # one run each
  tensorboard --logdir outputs

Flags of Hydra: --multirun, --cfg job, --info, --config-dir DIR (options of your own),
--shell-completion, hydra.run.dir=DIR; `--hydra-help` lists them.
Exit status: 0 done, 1 the run failed, 2 the command is wrong, 130 interrupted (143 by SIGTERM,
129 by a terminal that was closed). HYDRA_FULL_ERROR=1 shows tracebacks.
"""


# What a user can mend: other errors of the system are defects.
_OF_THE_DISK = {
    getattr(errno, name)
    for name in (
        *("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "EISDIR", "ENOTDIR"),
        *("EEXIST", "ELOOP", "EIO", "ENXIO"),
    )
}


def main() -> None:
    """Answer the command that this process was started with, and end it."""
    streams.open_all()
    if wrong := wrong_launch():
        _complain(f"error: {wrong}")
        _leave(ConfigError.exit_code)
    if rank():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for as long as this process lasts; the first tells
    if any(word.lstrip("+").startswith("trusted_targets=") for word in sys.argv[1:]):
        _find_modules_here()
    _leave(answer(sys.argv[1:]))


def _find_modules_here() -> None:
    """Let modules of the working directory be imported, after all that is installed: the command names some of its own.

    Hydra imports whatever lies in a folder ``hydra_plugins`` of any place that modules come from; so it looks first.
    """
    from hydra.core.plugins import Plugins

    Plugins.instance()
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())


def answer(arguments: list[str]) -> int:
    """Do what a command asks, print what it gives or what is wrong with it, and return the exit status."""
    listen(Fetching())
    try:
        return _dispatch(arguments)
    except KeyboardInterrupt as error:
        return signals.stopped(error)
    except Exception as error:
        of_rank = launched() and isinstance(error, RunFailed)  # a launcher signals those that are left
        if signals.heard() and not isinstance(error, Interrupted) and not of_rank:  # came of the signal, or for it
            return signals.stopped()
        return _explained(error)


def _explained(error: Exception) -> int:
    """Say what is wrong, where a user can mend it, and return the exit status."""
    traced = os.environ.get("HYDRA_FULL_ERROR") == "1"
    error = limit_reached(error) or error
    if isinstance(error, RunnerError):
        if traced and not isinstance(error, Interrupted):
            traceback.print_exception(error)
        if told_by_this_rank(error):
            _complain(f"{'' if isinstance(error, Interrupted) else 'error: '}{error}")
        return error.exit_code
    if isinstance(error, BrokenPipeError):  # `runner list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG and not traced:
        _complain(f"error: {str(error.filename)[:60]}...: a name in it is too long: most file systems take 255 bytes.")
        return ConfigError.exit_code
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK and not traced:
        _complain(f"error: {error.filename or 'standard output'}: {error.strerror}.")
        return 1
    raise error


def _leave(code: int) -> None:
    """End the process without taking the interpreter apart.

    With torch imported that would take half a second, and Triton's bindings would complain of leaks. What was
    registered to be done at exit is done.
    """
    signals.deafen(code)
    atexit._run_exitfuncs()
    logging.shutdown()
    try:
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in NOBODY_READS:
            _complain(f"error: standard output: {error.strerror}.")
            code = code or 1
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


def _complain(message: str) -> None:
    with suppress(OSError):  # nobody reads it
        print(printable(message).replace("\n", "\\n"), file=sys.stderr, flush=True)


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
    word, *rest = verb_first(arguments) if first.startswith("-") else arguments or [""]
    if world() > 1:
        refuse_together(word, word not in VERBS and is_sweep(hydra_flags(arguments)[0]))
    if word in VERBS:
        return VERBS[word](rest)
    if word and "=" not in word and word[0] not in "-+~":
        raise ConfigError(_no_verb(word))
    if late := next((word for word in hydra_flags(arguments)[0].overrides if word in VERBS), None):
        raise ConfigError(f"{late!r}: a verb comes first: python -m runner {late} ...")
    with streams.dropped_when_gone():
        return train(arguments)


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


def _list(arguments: list[str]) -> int:
    from runner.cli.tables import option_table
    from runner.config.options import OF_SWEEPS, SWEEP_GROUPS, Options

    config_dir, rest = take(arguments, "--config-dir")
    known_flags(rest, "list [GROUP] [--config-dir DIR]")
    no_more(rest[1:], "list [GROUP] [--config-dir DIR]")
    if config_dir:
        from runner.config.compose import Command

        options = Command([], config_dir).options
    else:
        options = Options()
    options = Options([*options.folders, OF_SWEEPS])
    groups = [*options.groups(), *SWEEP_GROUPS]
    if rest and rest[0] not in groups:
        raise ConfigError(f"{rest[0]}: no such group.{did_you_mean(rest[0], groups)} Groups: {', '.join(groups)}.")
    option_table(options, rest[:1] or groups)
    return 0


def _show(arguments: list[str]) -> int:
    from runner.cli.tables import show_option
    from runner.config.compose import Command
    from runner.config.options import OF_SWEEPS, SWEEP_GROUPS, Options

    usage = "show GROUP/OPTION [--plot[=FILE.png] [OVERRIDES]] [--config-dir DIR] [trusted_targets=[MODULE]]"
    config_dir, rest = take(arguments, "--config-dir")
    plots = [word for word in rest if word.partition("=")[0] == "--plot"]
    rest = [word for word in rest if word not in plots]
    known_flags(rest, usage)
    trusted: list[str] | None = None
    if not plots:
        trusted, _ = trusted_of([word for word in rest if word.startswith("trusted_targets=")], "show")
        rest = [word for word in rest if not word.startswith("trusted_targets=")]
        no_more(rest[1:], usage)
    options = Command([], config_dir).options
    given = rest[0].replace("=", "/") if rest else "nothing"
    group, _, name = given.rpartition("/")
    if group == "activation":  # model.activation: a choice without files
        return _draw(group, name, rest[1:], plots, config_dir)
    if group in SWEEP_GROUPS and name in (of_sweeps := Options([OF_SWEEPS])).names(group):
        print(of_sweeps.text(group, name), end="")
        return 0
    if group not in options.groups():
        known = [f"{g}/{n}" for g in options.groups() for n in options.names(g)]
        known += [f"{g}/{n}" for g in SWEEP_GROUPS for n in Options([OF_SWEEPS]).names(g)]
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
    show_option(options, group, name, trusted or [])
    return 0


def _draw(group: str, name: str, overrides: list[str], plots: list[str], config_dir: str | None) -> int:
    from pathlib import Path

    from runner.cli.tables import fact_table
    from runner.plots import draw

    if group == "activation" and not plots:
        from runner.plots.activation import facts

        no_more(overrides, f"show activation/{name} [--plot[=FILE.png]]")
        fact_table(facts(name))
        return 0
    file = plots[-1].partition("=")[2]
    if file and not file.endswith(".png"):
        raise ConfigError(f"--plot={file}: expected a file whose name ends in .png.")
    path, facts_drawn = draw(group, name, overrides, Path(file) if file else None, config_dir)
    fact_table(facts_drawn)
    print(printable(f"picture: {path}"))
    return 0


def _check(arguments: list[str]) -> int:
    from runner.config.check import check_run
    from runner.config.compose import Command

    flags, _ = hydra_flags(arguments)
    command = Command(flags.overrides, flags.config_dir, flags.config_name or "config")
    config = of_one_run(flags, command)
    if config is None:
        return train([*arguments, "hydra.sweeper.dry_run=true"])
    check_run(config)
    print("ok")
    return 0


def _resume(arguments: list[str]) -> int:
    from runner.cli.progress import Terminal
    from runner.run import resume

    checkpoint, rest = take(arguments, "--from")
    changed, rest = switch(rest, "--allow-changed-data")
    usage = "resume RUN_DIR|SWEEP_DIR [OVERRIDES] [--from epoch-0010] [--allow-changed-data]"
    folder, overrides = run_folder(rest, usage)
    if os.path.isfile(Path(folder) / "sweep.yaml"):
        from runner.sweep.listing import continuing, recorded

        if changed or checkpoint:
            raise ConfigError(
                f"{folder}: is a sweep, whose runs can be compared only as they are: --from and --allow-changed-data "
                "are for a single run."
            )
        refuse_recorded(folder, recorded(Path(folder), overrides), overrides)
        with streams.dropped_when_gone():
            return train(continuing(Path(folder), overrides))
    from runner.sweep.folder import undriven

    with streams.dropped_when_gone(), undriven(Path(folder)), Terminal() as terminal:
        result = resume(folder, overrides, terminal, checkpoint=checkpoint, allow_changed_data=changed)
        terminal.finished(result, Path(folder))
    return 0


def _rerun(arguments: list[str]) -> int:
    from runner.cli.progress import Terminal
    from runner.config.check import check_run
    from runner.run import RUNS, new_folder, rerun_config, run

    options, rest = take(arguments, "--config-dir")  # which may have moved
    folder, overrides = run_folder(rest, "rerun RUN_DIR [OVERRIDES] [--config-dir DIR]")
    overrides, given = _run_dir(overrides)
    config, recorded, config_dir = rerun_config(folder, overrides, options)
    check_run(config)
    absent = kept_when_started(RUNS if given is None else Path(given))
    with streams.dropped_when_gone(), absent as made, Terminal() as terminal:
        place = new_folder(config, before=Path(folder)) if given is None else chosen_folder(given)
        made += [place] * (given is None)
        terminal.finished(run(config, place, terminal, recorded, config_dir), place)
    return 0


def _run_dir(overrides: list[str]) -> tuple[list[str], str | None]:
    """The overrides without ``hydra.run.dir=DIR``, and that folder if it was given."""
    from hydra.core.utils import setup_globals
    from omegaconf import OmegaConf

    from runner.config.compose import Command, refuse_sweeps

    command = Command(overrides)
    refuse_sweeps(command)
    setup_globals()  # ${now:...}
    ours, given = [], None
    for override in command.parsed:
        if override.key_or_group == "hydra.run.dir":
            given = str(OmegaConf.create({"dir": override.value() or ""}).dir)
        elif override.key_or_group.startswith("hydra"):
            raise ConfigError(f"{override.input_line}: of Hydra's own settings, rerun takes hydra.run.dir only.")
        else:
            ours.append(override.input_line or "")
    return ours, given


def _doctor(arguments: list[str]) -> int:
    from runner.cli.doctor import report as facts
    from runner.cli.tables import doctor_tables

    no_more(arguments, "doctor")
    doctor_tables(facts())
    return 0


VERBS: dict[str, Callable[[list[str]], int]] = {
    "list": _list,
    "show": _show,
    "check": _check,
    "resume": _resume,
    "rerun": _rerun,
    "evaluate": evaluate,
    "predict": predict,
    "generate": generate,
    "explain": explain,
    "export": export,
    "quantize": quantize,
    "prune": prune,
    "benchmark": benchmark,
    "serve": serve,
    "runs": runs,
    "advise": advise,
    "ablate": ablate,
    "ensemble": ensemble,
    "sweeps": sweeps,
    "watch": watch,
    "stop": stop,
    "diff": diff,
    "compare": compare,
    "report": report,
    "inspect-data": inspect_data,
    "baseline": baseline,
    "find-lr": find_lr,
    "find-batch-size": find_batch_size,
    "fetch": fetch,
    "doctor": _doctor,
}
