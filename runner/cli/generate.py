"""The verb ``generate``: a text by a trained network, shown as it is written."""

from __future__ import annotations

import sys

from runner.cli.flags import beams_of, known_flags, number, run_folder, take, trusted_of, whole_number
from runner.errors import ConfigError, printable

USAGE = (
    "generate RUN_DIR [--prompt TEXT|-] [--max-tokens 500] [--temperature 1] [--top-k K] [--top-p P] "
    "[--repetition-penalty 1] [--seed 0] [--beams N [--length-penalty A]] [--checkpoint best] [--device cpu]"
)
DRAWING = ("--temperature", "--top-k", "--top-p", "--repetition-penalty", "--seed")
FLAGS = ("--prompt", "--max-tokens", *DRAWING, "--beams", "--length-penalty", "--checkpoint", "--device")


def generate(arguments: list[str]) -> int:
    """Write a text with a trained network."""
    given, rest = {}, arguments
    for flag in FLAGS:
        given[flag], rest = take(rest, flag)
    trusted, rest = trusted_of(rest, "generate")
    folder, rest = run_folder(rest, USAGE)
    known_flags(rest, USAGE)
    if rest:
        raise ConfigError(f"{rest[0]}: not expected; a text is given as --prompt '{rest[0]} ...'. Usage: {USAGE}.")
    top_k = given["--top-k"]
    max_tokens = whole_number("--max-tokens", given["--max-tokens"] or "500", 1)
    seed = whole_number("--seed", given["--seed"] or "0", 0)
    if seed >= 2**63:
        raise ConfigError(f"--seed {seed}: expected a number below 2^63.")
    beams, length_penalty = beams_of(given["--beams"], given["--length-penalty"])
    searches = beams is not None or length_penalty is not None
    if searches and (drawing := next((flag for flag in DRAWING if given[flag] is not None), None)):
        raise ConfigError(f"{drawing}: is for tokens that are drawn, and a beam search draws none. Leave it out.")
    numbers = {flag: number(flag, given[flag]) for flag in ("--temperature", "--top-p", "--repetition-penalty")}

    from runner.generate.sampling import Sampling

    sampling = Sampling(
        1.0 if numbers["--repetition-penalty"] is None else numbers["--repetition-penalty"],
        1.0 if numbers["--temperature"] is None else numbers["--temperature"],
        None if top_k is None else whole_number("--top-k", top_k, 1),
        numbers["--top-p"],
    )

    from runner.generate.text import answer
    from runner.generate.text import generate as write
    from runner.run import load
    from runner.run.beams import with_beams

    network = load(folder, given["--checkpoint"] or "best", given["--device"] or "cpu", trusted)
    network = with_beams(network, beams, length_penalty)
    prompt = given["--prompt"] or ""
    prompt = _standard_input() if prompt == "-" else prompt
    if searches:
        text = answer(network, prompt, max_tokens)
    else:
        text = write(network, prompt, sampling, max_tokens=max_tokens, seed=seed)
    for note in text.notes:
        print(printable(f"note: {note}"), file=sys.stderr, flush=True)
    _show("" if text.answers else prompt)
    try:
        for piece in text.pieces:
            _show(piece)
    finally:
        print(flush=True)
    return 0


def _standard_input() -> str:
    """What stands there, without the end of the line that a shell puts behind it."""
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise ConfigError(f"--prompt -: byte {error.start + 1} of the standard input is no UTF-8.") from None


def _show(text: str) -> None:
    """Write a piece; what would steer the terminal, but for ends of lines and tabs, as its escape."""
    print("\t".join(printable(part) for part in text.split("\t")), end="", flush=True)
