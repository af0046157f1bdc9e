"""Shell completion: verbs, their flags and folders here, everything of options and keys by Hydra's own plug-ins."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from runner.cli.flags import HIDDEN
from runner.errors import ConfigError

FLAGS = {
    "list": ("--config-dir",),
    "show": ("--config-dir", "--plot"),
    "check": (),
    "resume": ("--allow-changed-data", "--from"),
    "rerun": ("--config-dir",),
    "evaluate": (
        "--allow-changed-data",
        "--beams",
        "--checkpoint",
        "--device",
        "--evaluation",
        "--length-penalty",
        "--split",
        "--tta",
    ),
    "predict": (
        "--batch-size",
        "--beams",
        "--checkpoint",
        "--device",
        "--format",
        "--length-penalty",
        "--on-error",
        "--output",
        "--tta",
    ),
    "generate": (
        "--beams",
        "--checkpoint",
        "--device",
        "--length-penalty",
        "--max-tokens",
        "--prompt",
        "--repetition-penalty",
        "--seed",
        "--temperature",
        "--top-k",
        "--top-p",
    ),
    "explain": (
        "--allow-changed-data",
        "--checkpoint",
        "--device",
        "--examples",
        "--layer",
        "--method",
        "--output",
        "--split",
        "--target",
    ),
    "export": ("--checkpoint", "--dynamic-batch", "--format", "--precision", "--provider", "--tolerance"),
    "quantize": ("--checkpoint", "--dynamic-batch", "--epochs", "--examples", "--max-loss", "--method"),
    "prune": ("--amount", "--checkpoint", "--epochs", "--keep", "--method", "--rewind"),
    "benchmark": (
        "--batch-sizes",
        "--csv",
        "--device",
        "--json",
        "--repetitions",
        "--speed-only",
        "--split",
        "--threads",
    ),
    "serve": (
        "--checkpoint",
        "--device",
        "--max-batch",
        "--max-body",
        "--max-wait-ms",
        "--port",
        "--queue",
        "--timeout",
    ),
    "runs": ("--csv", "--json", "--sort"),
    "advise": ("--json",),
    "ablate": (
        "--across",
        "--alpha",
        "--dry-run",
        "--folds",
        "--margin",
        "--max-seeds",
        "--max-studies",
        "--one-at-a-time",
        "--output",
        "--score",
        "--seeds",
        "--splits",
        "--studies",
        "--trials",
        "--tune",
        "--until",
        "--workers",
    ),
    "ensemble": ("--device", "--snapshots", "--vote", "--weights"),
    "sweeps": ("--confirm", "--workers"),
    "watch": ("--every", "--once"),
    "stop": ("--no-wait", "--timeout"),
    "diff": (),
    "compare": ("--baseline", "--csv", "--json", "--markdown", "--score"),
    "report": ("--markdown", "--output"),
    "inspect-data": (),
    "baseline": ("--seeds",),
    "find-lr": ("--end", "--start", "--steps"),
    "find-batch-size": ("--seconds", "--start"),
    "fetch": ("--list",),
    "doctor": (),
}
VALUES = {
    "--weights": ("equal", "validation"),
    "--split": ("train", "val", "test"),
    "--checkpoint": ("best", "last"),
    "--evaluation": ("full", "summary", "off"),
    "--format": ("csv", "jsonl"),
    "--on-error": ("stop", "skip"),
    "--tta": ("flip", "shift", "flip_shift"),
    "--cfg": ("job", "hydra", "all"),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
}
FOLDERS = {
    "resume": ("outputs/runs/*", "outputs/sweeps/*"),
    "rerun": ("outputs/runs/*", "outputs/sweeps/*/trials/*"),
    "evaluate": ("outputs/runs/*", "outputs/sweeps/*/trials/*"),
    "predict": ("outputs/runs/*", "outputs/sweeps/*/trials/*"),
    "generate": ("outputs/runs/*", "outputs/sweeps/*/trials/*"),
    "explain": ("outputs/runs/*", "outputs/sweeps/*/trials/*"),
    "export": ("outputs/runs/*", "outputs/variants/*"),
    "quantize": ("outputs/runs/*", "outputs/variants/*"),
    "prune": ("outputs/runs/*", "outputs/variants/*"),
    "benchmark": ("outputs/runs/*", "outputs/variants/*"),
    "serve": ("outputs/runs/*", "outputs/variants/*"),
    "runs": ("outputs", "outputs/runs", "outputs/sweeps/*"),
    "ensemble": ("outputs/runs/*", "outputs/sweeps/*"),
    "advise": ("outputs/runs/*", "outputs/sweeps/*/trials/*"),
    "sweeps": ("outputs/sweeps", "outputs/sweeps/*"),
    "watch": ("outputs", "outputs/runs", "outputs/sweeps"),
    "stop": ("outputs/runs/*", "outputs/sweeps/*", "outputs/sweeps/*/trials/*", "outputs/ablations/*"),
    "diff": ("outputs/runs/*", "outputs/sweeps/*/trials/*", "outputs/variants/*"),
    "compare": ("outputs/runs/*", "outputs/sweeps/*", "outputs/variants/*"),
    "report": ("outputs/runs/*", "outputs/sweeps/*", "outputs/ablations/*", "outputs/variants/*"),
}
COMPOSED = ("", "check", "resume", "rerun", "inspect-data", "baseline", "find-lr", "find-batch-size")
PLAIN = re.compile(r"[\w.,/:@%+=~\[\]{}-]+")

# For `python -m runner`, which Hydra's own script takes for a file.
MODULE = """\
_runner_completion()
{
    [ "${COMP_WORDS[*]:1:2}" == "-m runner" ] || return
    local offered=$(COMP_LINE="${COMP_LINE:0:$COMP_POINT}" "${COMP_WORDS[0]}" -m runner -sc query=bash 2>/dev/null)
    COMPREPLY=($(compgen -W "$offered" -- "${COMP_WORDS[COMP_CWORD]}"))
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nospace -o default -F _runner_completion python python3"""


def complete(flags: Namespace, hydra: Callable[[list[str]], int]) -> int:
    """Answer ``--shell-completion install=bash`` and its like.

    Args:
        flags: what was given.
        hydra: runs Hydra's own command line.
    """
    doing = re.fullmatch(r"(install|uninstall|query)=(bash|zsh|fish)", " ".join(flags.overrides))
    if doing is None:
        raise ConfigError(
            f"--shell-completion {' '.join(flags.overrides)}: expected install=bash, zsh or fish, or uninstall= of it. "
            'For bash: eval "$(runner --shell-completion install=bash)".'
        )
    verb, shell = doing.groups()
    if verb == "query":
        print(("\n" if shell == "fish" else " ").join(offered(os.environ.get("COMP_LINE", ""), hydra)))
        return 0
    if not sys.argv[0].endswith(".py"):
        return hydra(["--shell-completion", *flags.overrides])
    if shell == "fish":
        raise ConfigError(f"--shell-completion {verb}=fish: for the command `runner` only, not for `python -m runner`.")
    print(MODULE if verb == "install" else "complete -r python python3; unset -f _runner_completion")
    return 0


def offered(line: str, hydra: Callable[[list[str]], int]) -> list[str]:
    """The words that the last one of a command can become.

    Args:
        line: the command up to the cursor.
        hydra: as for `complete`.
    """
    words = line.split()
    words = words[3:] if words and Path(words[0]).name.startswith("python") else words[1:]
    last = words.pop() if words and not line[-1].isspace() else ""
    try:
        found = [word for word in _candidates(words, last, hydra) if word.startswith(last)]
    except Exception:  # half a command may be wrong in any way, and a terminal is no place to say so
        return []
    return sorted({word for word in found if PLAIN.fullmatch(word)})  # a shell expands what it is offered


def _candidates(words: Sequence[str], last: str, hydra: Callable[[list[str]], int]) -> Sequence[str]:
    verb = words[0] if words and words[0] in FLAGS else ""
    if words and words[-1] in VALUES:
        return VALUES[words[-1]]
    if last.startswith("-"):
        return [*FLAGS.get(verb, ()), *(_of_hydra() if verb in ("", "check") else ())]
    if verb in FOLDERS and (len(words) == 1 or verb in ("benchmark", "diff", "compare", "stop")):
        return [str(path) for pattern in FOLDERS[verb] for path in Path().glob(pattern) if path.is_dir()]
    if verb in ("list", "show") and len(words) == 1:
        from runner.config.options import Options

        options = Options()
        return options.groups() if verb == "list" else [f"{g}/{n}" for g in options.groups() for n in options.names(g)]
    if verb == "fetch":
        from runner.data.source.available import fetched
        from runner.fetch.sets import all_sets

        return sorted({*fetched(), *all_sets()})
    if verb not in COMPOSED:
        return []
    rest = words[1:] if verb else words
    rest = [word for word in rest if word in ("-m", "--multirun") or ("=" in word and not Path(word).is_dir())]
    return [*(() if words else FLAGS), *_asked_of_hydra([*rest, last], hydra)]


def _asked_of_hydra(words: Sequence[str], hydra: Callable[[list[str]], int]) -> list[str]:
    """What Hydra's own plug-in offers for the last of some overrides."""
    before, said = os.environ.get("COMP_LINE"), io.StringIO()
    os.environ["COMP_LINE"] = f"runner {' '.join(words)}"
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            hydra(["--shell-completion", "query=fish"])  # a word a line
    finally:
        os.environ.pop("COMP_LINE")
        if before is not None:
            os.environ["COMP_LINE"] = before
    return said.getvalue().splitlines()


def _of_hydra() -> list[str]:
    from hydra._internal.utils import get_args_parser

    return [f for f in get_args_parser()._option_string_actions if f.startswith("--") and f not in HIDDEN]
