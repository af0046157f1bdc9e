"""Which report a folder gets, and where it is written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from runner.analysis.across import FILE as FILE_ACROSS
from runner.analysis.folders import find_runs
from runner.analysis.report import ablation, across, comparison, run, sweep
from runner.analysis.report.document import Report
from runner.analysis.report.html import to_html
from runner.analysis.report.markdown import to_markdown
from runner.analysis.report.told import FILE
from runner.errors import ConfigError
from runner.record.files import write_bytes, write_text
from runner.record.links import refuse_links


def report_of(words: Sequence[str]) -> Report:
    """The report of a run, a sweep, or an ablation on one or more data sets; of other folders what `compare` says.

    Raises:
        ConfigError: no run lies there, or what lies there can't be read or compared.
    """
    folder = Path(words[0])
    if len(words) == 1 and os.path.isfile(folder / FILE):
        return ablation.report(folder)
    if len(words) == 1 and os.path.isfile(folder / FILE_ACROSS):
        return across.report(folder)
    if len(words) == 1 and os.path.isfile(folder / "sweep.yaml"):
        return sweep.report(folder)
    if len(words) == 1 and find_runs(folder) == [folder]:
        return run.report(folder)
    return comparison.report(words)


def place_of(words: Sequence[str], markdown: bool) -> Path:
    """Where a report is written unless something else is said: in the one folder that it is of, else here."""
    name = "report.md" if markdown else "report.html"
    return Path(words[0]) / name if len(words) == 1 and os.path.isdir(words[0]) else Path(name)


def write(report: Report, place: Path, markdown: bool) -> list[Path]:
    """Write a report, and of Markdown its pictures beside it.

    Returns:
        The files, the report first.

    Raises:
        ConfigError: a link leads out of the folder, or there is none.
    """
    if not place.parent.is_dir():
        raise ConfigError(f"{place}: there is no folder {place.parent}.")
    if os.path.isdir(place):
        raise ConfigError(f"{place}: is a folder. Expected the name of a file, such as {place / 'report.html'}.")
    refuse_links(place.parent)
    if not markdown:
        write_text(place, to_html(report))
        return [place]
    text, files = to_markdown(report, place.stem)
    for name, content in files.items():
        write_bytes(place.parent / name, content)
    write_text(place, text)
    return [place, *(place.parent / name for name in files)]
