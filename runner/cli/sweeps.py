"""The verb ``sweeps``: how sweeps stand, and what is left of the best trial on seeds that no search has seen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.flags import known_flags, no_more, take, whole_number
from runner.errors import ConfigError, printable

if TYPE_CHECKING:
    from runner.sweep.listing import Summary

USAGE = "sweeps [DIR] | sweeps SWEEP_DIR --confirm N [--workers K] [trusted_targets=[MODULE]]"


def sweeps(arguments: list[str]) -> int:
    """List sweeps, or confirm the winner of one."""
    runs, rest = take(arguments, "--confirm")
    workers, rest = take(rest, "--workers")
    known_flags(rest, USAGE)
    if runs is not None:
        from runner.analysis.statistics import FEWEST
        from runner.cli.confirm import confirm

        number = whole_number("--confirm", runs, FEWEST)
        if not rest or "=" in rest[0]:
            raise ConfigError(f"--confirm: expected the folder of a sweep. Usage: python -m runner {USAGE}.")
        return confirm(
            Path(rest[0]), number, None if workers is None else whole_number("--workers", workers, 1), rest[1:]
        )
    if workers is not None:
        raise ConfigError("--workers: goes with --confirm.")
    no_more(rest[1:], USAGE)
    return _list(Path(rest[0] if rest else "outputs/sweeps"))


def _list(root: Path) -> int:
    from runner.sweep.listing import summaries

    found = summaries(root)
    if not found:
        raise ConfigError(f"{root}: no sweep lies there. `python -m runner --multirun ...` starts one.")
    sweep_table(found)
    if (root / "sweep.yaml").is_file():
        from runner.cli.confirm import of_winner

        for sentence in of_winner(root):
            print(printable(sentence))
    return 0


def sweep_table(found: list[Summary]) -> None:
    """One row per sweep."""
    from runner.cli.tables import console, number, plain_table, plus_minus, put
    from runner.sweep.reporter import readable

    repeated, confirmed = any(len(s.values) > 1 for s in found), {s.folder: _confirmed(s) for s in found}
    some = any(confirmed.values())
    table = plain_table("sweep", "started", "sampler", "trials", "best", *["n", "sd"] * repeated)
    for name in ["confirmed"] * some + ["with"]:
        table.add_column(name)
    table.columns[0].no_wrap = True  # to be copied
    for sweep in found:
        trials = ", ".join(f"{count} {status}" for status, count in sweep.statuses.items())
        if sweep.problem:
            table.add_row(str(sweep.folder), "", "", sweep.problem)
            continue
        mean, low, high, deviation = _spread(sweep.values)
        best = f"{', '.join(sweep.objectives)} {plus_minus(number(mean), low, high)}"
        row = [str(sweep.folder), sweep.created, sweep.sampler, trials, best]
        row += [str(len(sweep.values) or "-"), "-" if deviation is None else f"{deviation:.2g}"] * repeated
        table.add_row(*row, *[confirmed[sweep.folder]] * some, readable([sweep.overrides]))
    names = max(len(str(sweep.folder)) for sweep in found)
    put(table, least=names + 80 if console().is_terminal else sys.maxsize)  # other programs want a line per sweep


def _spread(values: tuple[float, ...]) -> tuple[float | None, float | None, float | None, float | None]:
    """Mean, both ends of its interval, standard deviation."""
    if len(values) < 2:  # statistics take a tenth of a second to import
        return (values[0] if values else None), None, None, None
    from runner.analysis.statistics.spread import Spread

    spread = Spread.of(values)
    return spread.mean, spread.low, spread.high, spread.deviation


def _confirmed(sweep: Summary) -> str:
    """What fresh seeds say of the best point; empty where there are none."""
    if not (sweep.folder / "confirmation").is_dir() or len(sweep.objectives) != 1:
        return ""
    from runner.analysis.confirmation import Confirmation, Search
    from runner.cli.tables import number, plus_minus

    try:
        found = Confirmation.read(Search.read(sweep.folder))
        spreads = [found.shown(point, sweep.objectives[0]).fresh for point in found.winners]
    except ConfigError:
        return ""
    return "".join(f"{plus_minus(number(s.mean), s.low, s.high)} (n {s.n})" for s in spreads)
