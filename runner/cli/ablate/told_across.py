"""What an ablation on several data sets says: each of them beside the others, and all of them together."""

from __future__ import annotations

from runner.analysis.across import DECIDED, Across, meaning
from runner.analysis.statistics.comparison import Comparison
from runner.analysis.statistics.data_sets import Estimate
from runner.analysis.statistics.spread import Spread
from runner.cli.tables import number, plain_table, plus_minus, put
from runner.errors import printable

MARKS = {"better": "▲", "worse": "▼", "equivalent": "="}
_SHOWN = (2, 6, 10, 14, 18)  # of the thresholds


def tell_across(found: Across) -> None:
    """The table of data sets, the table over all of them, and what their columns mean."""
    sets, (baseline, *others), units = found.ablations, found.arms, "studies" if _tuned(found) else "runs"
    print(f"\n{found.score} on each data set: the baseline, and the difference from it")
    table = plain_table("data set", baseline, *others)
    for name, ablation in sets.items():
        mean = Spread.of(ablation.scores(ablation.score)[baseline].values()).mean
        table.add_row(printable(name), number(mean), *(_difference(ablation.comparisons[arm]) for arm in others))
    put(table)
    print("▲ better, ▼ worse, = equivalent, ? undecided: the verdicts of the tables above.")
    print(f"\n{found.score} over {len(sets)} data sets, {found.n} {units} of each arm on each")
    table = plain_table("arm", "interquartile mean", "beats the baseline", *DECIDED, "undecided")
    for arm, own in found.over_all.items():
        counts = ["-"] * 4 if own.verdicts is None else [str(count) for count in own.verdicts.values()]
        beats = "baseline" if own.probability_of_improvement is None else _estimate(own.probability_of_improvement)
        table.add_row(printable(arm), _estimate(own.interquartile_mean), beats, *counts)
    put(table)
    if found.thresholds:
        thresholds = [found.thresholds[place] for place in _SHOWN]
        sign = ">" if found.direction == "max" else "<"
        print(f"\nshare of {units} with {found.score} {sign}")
        table = plain_table("arm", *map(number, thresholds))
        for arm, own in found.over_all.items():
            table.add_row(printable(arm), *(f"{own.performance_profile[place]:.2f}" for place in _SHOWN))
        put(table)
    for sentence in meaning(units):
        print(sentence)
    print(printable(f"across: {found.folder}/across.json"))


def _tuned(found: Across) -> bool:
    return any(ablation.tuned for ablation in found.ablations.values())


def _difference(judged: Comparison) -> str:
    mark = MARKS.get(judged.verdict, "?")
    if judged.difference is None:
        return f"- {mark}"
    return f"{plus_minus(f'{judged.difference:+.3g}', judged.low, judged.high)} {mark}"


def _estimate(found: Estimate) -> str:
    ends = [number(end) for end in (found.low, found.high) if end is not None]
    return f"{number(found.value)} ({' to '.join(ends)})" if len(ends) == 2 else number(found.value)
