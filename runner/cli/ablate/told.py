"""What an ablation says: its plan, where it stands, and what came of it."""

from __future__ import annotations

import shlex

from runner.analysis.ablation import Ablation, Study
from runner.analysis.statistics import SHARED, detectable
from runner.analysis.statistics.comparison import Comparison
from runner.analysis.statistics.power import smallest_effect
from runner.analysis.statistics.procedure import Procedure
from runner.analysis.statistics.spread import Spread
from runner.cli.ablate.asked import Asked
from runner.cli.ablate.cost import Cost, cost
from runner.cli.ablate.design import Design
from runner.cli.tables import number, plain_table, plus_minus, put
from runner.errors import counted, printable
from runner.sweep.reporter import duration, readable


def tell_plan(asked: Asked, design: Design, procedure: Procedure, score: str) -> float | None:
    """What would be run, and what that could show.

    Returns:
        Seconds that it would take; None where that is not known.
    """
    arms, units, once = len(procedure.arms), asked.looks[-1], procedure.looks_once
    most, tuning = "" if once else "at most ", procedure.tuning
    runs = procedure.at_most({})
    if tuning is None:
        print(f"{counted(arms, 'arm')}, {most}{counted(units, 'run')} each: {most}{counted(runs, 'run')}")
        varied, pairs = f"the runs of an arm differ in {asked.varied}", "runs with the same seed"
    else:
        fresh = arms * units * tuning.seeds
        print(
            f"{counted(arms, 'arm')}, {most}{units} studies each: {most}{counted(runs - fresh, 'run')} of searches and "
            f"{most}{counted(fresh, 'run')} on fresh seeds"
        )
        varied = "what is compared are means of winners over fresh seeds, by study"
        pairs = "means of the same study"
    print(f"score: {score}; {varied}")
    effect = smallest_effect(units, asked.alpha / max(1, arms - 1))
    print(
        f"smallest difference that would be shown in 8 of 10 cases: {effect:.2g} standard deviations of the "
        f"differences between {pairs}; where these are 0.01, {effect * 0.01:.2g}"
    )
    known = cost(asked, design)
    print(printable(_expected(known, asked, design, runs, most)))
    print(printable(f"folder: {asked.folder}"))
    return None if known.seconds is None else runs * known.seconds / asked.workers


def _expected(known: Cost, asked: Asked, design: Design, runs: int, most: str) -> str:
    """How long it would take, and how that is known."""
    if known.seconds is None:
        words = " ".join(
            shlex.quote(word) for word in [*map("=".join, design.arms[known.unknown[0]].items()), *asked.fixed()]
        )
        return (
            f"time: not known, since no run with these settings lies here. `python -m runner {words}` makes one, after "
            "which this is told from what that took"
        )
    but = f"; of {', '.join(known.unknown)} there is none" if known.unknown else ""
    total = duration(runs * known.seconds / asked.workers)
    return (
        f"time: {most}about {total} with {counted(asked.workers, 'worker')}, of {known.seconds:.2g} s a run in the "
        f"mean of {counted(known.runs, 'completed run')} with these settings{but}"
    )


def tell_interim(ablation: Ablation) -> None:
    """Where it stands after a round."""
    progress = ablation.progress
    print()
    if ablation.comparisons:
        _table(ablation)
        units = "studies" if ablation.tuned else "seeds"
        if len(progress.looked) == 1:
            print("± of differences allows for all looks that are to come, and is therefore wide at the first ones.")
        print(printable(f"going on to {progress.seeds} {units} with {', '.join(progress.going_on)}"))
    if ablation.tuned and not ablation.comparisons:
        _winners(ablation)


def tell_lacking(design: Design) -> None:
    """Which arms do not have what is tuned."""
    for sentence in design.lacking():
        print(printable(f"note: {sentence}"))


def tell(ablation: Ablation, heading: str = "") -> None:
    """The table, under its heading if there is one: an arm a row; and where arms are tuned, a winner a row."""
    print(printable(f"\n{heading}" if heading else ""))
    if ablation.tuned:
        _winners(ablation)
        print()
    _table(ablation)
    print(f"±: 95 % interval of the mean (Student's t). {SHARED}")
    if ablation.tuned:
        print("n are studies: p and ± are of the means of their winners over fresh seeds, not of single runs.")
    least = [c.smallest_difference for c in ablation.comparisons.values() if c.smallest_difference is not None]
    if least:
        print(detectable(least))
    print(f"The runs of an arm differ in {ablation.covers()}")
    if ablation.examples:
        print(f"The score is measured on {ablation.examples:.0f} examples.")
    if ablation.fixed:
        print(printable(f"All arms have in common: {' '.join(ablation.fixed)}; a verdict holds for these."))
    print(printable(f"ablation: {ablation.folder}/ablation.json"))


def _table(ablation: Ablation) -> None:
    judged, scores = ablation.comparisons, ablation.scores(ablation.score)
    failed = any(score is None for runs in scores.values() for score in runs.values())
    table = plain_table("arm", "n", *["failed"] * failed, ablation.score, "sd", "difference", "p", "verdict", "seconds")
    for column in table.columns:
        column.justify = "left" if column.header in ("arm", "verdict") else "right"
    for arm in ablation.arms:
        cost = ablation.cost(arm)
        row = _row(Spread.of(scores[arm].values()), judged.get(arm), failed)
        table.add_row(arm, *row, "-" if cost is None else f"{cost:.1f}")
    put(table)


def _row(spread: Spread, found: Comparison | None, failed: bool) -> list[str]:
    row = [str(spread.n), *[str(spread.failures)] * failed]
    row += [plus_minus(number(spread.mean), spread.low, spread.high)]
    row += ["-" if spread.deviation is None else f"{spread.deviation:.2g}"]
    if found is None:
        return [*row, "-", "-", "baseline"]
    unknown = found.difference is None
    row += ["-" if unknown else plus_minus(f"{found.difference:+.3g}", found.low, found.high)]
    return [*row, f"{found.p_holm:.2g}", f"{found}{f' ({found.reason})' if found.reason else ''}"]


def _winners(ablation: Ablation) -> None:
    table = plain_table("arm", "study", "winner of its search", "found", "fresh", "overstated", "failed", "score")
    for column in table.columns[3:]:
        column.justify = "right"
    for arm, studies in ablation.studies.items():
        for name, study in studies.items():
            table.add_row(arm, str(name), *_winner(study))
    put(table)
    found = ablation.validation
    print(f"found: {found} in the search; fresh: its mean over fresh seeds; score: mean {ablation.score} over these.")


def _winner(study: Study) -> list[str]:
    settings = "none: all failed" if study.settings is None else readable(f"{k}={v}" for k, v in study.settings.items())
    confirmed = study.confirmation
    fresh, over = (confirmed.fresh.mean, confirmed.overstated) if confirmed else (None, None)
    failed = f"{study.failed} of {study.trials}" if study.failed else "-"
    cells = [number(study.found), number(fresh), "-" if over is None else f"{over:+.2g}", failed, number(study.score)]
    return [settings or "nothing to search", *cells]
