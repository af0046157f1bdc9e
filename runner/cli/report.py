"""The verb ``report``: what came out, on a page to be read, printed and sent."""

from __future__ import annotations

from pathlib import Path

from runner.cli.flags import known_flags, switch, take
from runner.errors import ConfigError, printable

USAGE = "report RUN_DIR|SWEEP_DIR|ABLATION_DIR|PATTERN... [--output FILE] [--markdown]"


def report(arguments: list[str]) -> int:
    """Write a report of a run, a sweep, an ablation, or of several of them."""
    output, rest = take(arguments, "--output")
    markdown, rest = switch(rest, "--markdown")
    known_flags(rest, USAGE)
    if not rest:
        raise ConfigError(f"expected the folder of a run, a sweep or an ablation: python -m runner {USAGE}.")
    suffixes = (".md", ".markdown") if markdown else (".html", ".htm")
    if output is not None and not output.endswith(suffixes):
        other = "" if markdown or not output.endswith((".md", ".markdown")) else " --markdown gives Markdown."
        raise ConfigError(f"--output {output}: expected a file whose name ends in {suffixes[0]}.{other}")

    from runner.analysis.report.make import place_of, report_of, write

    place = Path(output) if output else place_of(rest, markdown)
    for path in write(report_of(rest), place, markdown):
        print(printable(f"{'report' if path == place else 'picture'}: {path}"))
    return 0
