"""How often verdicts are wrong where the truth is known: simulated trainers through runner's own statistics.

    python benchmarks/ablation_errors.py [--ablations 1000] [--only NAME...] [--write]

--write puts the tables into docs/statistics.md. One core, some minutes.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

from runner.analysis.statistics.boundary import Boundary, spent
from runner.analysis.statistics.comparison import Comparison, compare
from runner.analysis.statistics.data_sets import interquartile_mean
from runner.analysis.statistics.power import smallest_effect
from runner.analysis.statistics.procedure import Job, Made, Procedure, Tuning, conduct
from runner.analysis.statistics.selection import by_study
from runner.analysis.statistics.sequential import Plan, sequential

PAGE = Path(__file__).parent.parent / "docs/statistics.md"
Table = list[list[str]]
Trainer = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def _skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (rng.lognormal(0, 1, shape) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)  # mean 0, sd 1


def _changed_shape(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    scores = rng.normal(size=shape)
    scores[:, 1:] = -_skewed(rng, (shape[0], shape[1] - 1, shape[2]))  # now and then a run is far worse
    return scores


def _collapsing(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    scores = rng.normal(size=shape)
    collapsed = rng.random((shape[0], shape[1] - 1, shape[2])) < 0.05
    scores[:, 1:] += np.where(collapsed, -19.0, 1.0)
    return scores


def _correlated(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    seeds = rng.normal(size=(shape[0], 1, shape[2]))
    return np.sqrt(0.8) * seeds + np.sqrt(0.2) * rng.normal(size=shape)


# Scores (ablations, arms, seeds); all arms have the same mean, so that every "better" is false.
TRAINERS: dict[str, Trainer] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "correlated pairs (0.8)": _correlated,
    "heavy tails (t, 3 degrees)": lambda rng, shape: rng.standard_t(3, shape),
    "skewed (lognormal)": _skewed,
    "accuracy on 100 examples": lambda rng, shape: rng.binomial(100, 0.9, shape) / 100,
    "accuracy on 100, near 1": lambda rng, shape: rng.binomial(100, 0.99, shape) / 100,
    "arms skewed, baseline normal": _changed_shape,
    "arms collapse in 1 run of 20": _collapsing,  # which costs as much as they gain in the other 19
}
LOOKS = {"every seed, 3 to 12": tuple(range(3, 13)), "every fifth, 5 to 30": tuple(range(5, 31, 5))}


def arms(scores: np.ndarray) -> dict[str, dict[int, float]]:
    """Scores ``(arms, seeds)`` as runs."""
    return {str(i): dict(enumerate(row)) for i, row in enumerate(scores.tolist())}


def percent(share: float | np.floating) -> str:
    return f"{100 * share:.1f}"


def judged(comparisons: list[Comparison], true: float = 0.0) -> tuple[bool, bool, float, bool]:
    """Whether any is called better, whether any is better or worse, which share of intervals holds, whether all do."""
    holds = [c.low is None or c.low <= true <= c.high for c in comparisons]
    verdicts = {c.verdict for c in comparisons}
    return "better" in verdicts, bool(verdicts & {"better", "worse"}), float(np.mean(holds)), all(holds)


def fixed(ablations: int) -> Table:
    """Families of three arms and a baseline."""
    table = [
        [
            "trainer",
            "seeds",
            "false better",
            "false better or worse",
            "intervals that hold",
            "all three hold",
            "false either way, unpaired",
        ]
    ]
    for number, (name, trainer) in enumerate(TRAINERS.items()):
        for n in (3, 5, 10, 30):
            scores = trainer(np.random.default_rng([number, n]), (ablations, 4, n))
            rows = np.mean([judged(list(compare(arms(s), "max").values())) for s in scores], axis=0)
            apart = [judged(list(compare(arms(s), "max", pairs=False).values()))[1] for s in scores]
            table.append([name, str(n), *map(percent, (*rows, np.mean(apart)))])
    return table


def looked(ablations: int) -> Table:
    head = ["trainer", "looks", "false better", "false better or worse", "all three hold", "with p < 0.05 at each look"]
    table = [head]
    for number, (name, trainer) in enumerate(TRAINERS.items()):
        for looks, seeds in LOOKS.items():
            scores = trainer(np.random.default_rng([number, len(seeds)]), (ablations, 4, seeds[-1]))
            plan = Plan(seeds)
            rows = [judged(list(sequential(arms(s), plan, "max").comparisons.values())) for s in scores]
            better, either, _, hold = np.mean(rows, axis=0)
            d = scores[:, 1:] - scores[:, :1]
            with np.errstate(divide="ignore", invalid="ignore"):
                t = [d[..., :n].mean(-1) / d[..., :n].std(-1, ddof=1) * np.sqrt(n) for n in seeds]
                above = [x > stats.t.isf(0.025, n - 1) for x, n in zip(t, seeds)]
            peeked = np.any(above, axis=(0, 2)).mean()
            table.append([name, looks, *map(percent, (better, either, hold, peeked))])
    return table


def tuned(ablations: int) -> Table:
    """How often an arm is called better that is equal as a method, each with a rate of its own found in 16 trials.

    A score is -cost * rate² and noise of sd 1; rates lie in [-1, 1]. All searches use the same points.
    """
    table = [["what is compared", "learning rate doesn't matter", "a wrong one costs 2 sd", "a wrong one costs 20 sd"]]
    rows: dict[str, list[float]] = {}
    points = stats.qmc.Sobol(1, rng=np.random.default_rng(0)).random(16)[:, 0] * 2 - 1
    for cost in (0.0, 2.0, 20.0):
        rng = np.random.default_rng(int(cost))
        search = -cost * points**2 + rng.normal(size=(ablations, 2, 12, 16))  # ablations, arms, studies, trials
        rates = points[search.argmax(-1)]
        fresh = -cost * rates[..., None] ** 2 + rng.normal(size=(*rates.shape, 5))
        top = rng.permuted(np.sort(search[:, :, 0], -1)[..., -5:], axis=-1)
        studies = [{str(i): by_study(dict(np.ndenumerate(x[i]))) for i in range(2)} for x in fresh]
        longer = -cost * rates[:, :, :1] ** 2 + rng.normal(size=(ablations, 2, 12))
        plans = {
            "five best trials of each search": [arms(x) for x in top],
            "the same against an untuned baseline": [arms(np.stack([rng.normal(size=5), x[1]])) for x in top],
            "5 fresh seeds of the winner of one study": [arms(x[:, 0]) for x in fresh],
            "looks at every fresh seed of it, 3 to 12": [arms(x) for x in longer],
            "5 fresh seeds of 5 studies each, as 25 pairs": [arms(x[:, :5].reshape(2, -1)) for x in fresh],
            "the same by study, as 5 pairs": [
                {arm: dict(list(scores.items())[:5]) for arm, scores in x.items()} for x in studies
            ],
            "looks at every study, 3 to 12, by study": studies,
        }
        for name, families in plans.items():
            plan = Plan(tuple(range(3, 13)))
            found = [
                (sequential(f, plan, "max").comparisons if "looks" in name else compare(f, "max"))["1"]
                for f in families
            ]
            rows.setdefault(name, []).append(float(np.mean([c.verdict == "better" for c in found])))
    return table + [[name, *map(percent, values)] for name, values in rows.items()]


def procedures(ablations: int) -> Table:
    """Whole ablations as `ablate` conducts them, two arms that are equal as methods and a baseline.

    Where they are tuned, a score is -2 rate² and noise of sd 1, rates lie in [-1, 1], and each study has points of its
    own; a seed is as good for one arm as for another where pairs are correlated.
    """
    names = ("normal", "correlated pairs (0.8)", "heavy tails (t, 3 degrees)")
    table = [["ablation", *(f"{name}: {what}" for name in names for what in ("false better", "or worse"))]]
    every, names_of_arms = tuple(range(3, 13)), ("baseline", "one", "other")
    points = [stats.qmc.Sobol(1, rng=np.random.default_rng(study)).random(16)[:, 0] * 2 - 1 for study in range(12)]
    rates = [tuple((("rate", repr(float(rate))),) for rate in drawn) for drawn in points]
    tuning = Tuning(lambda arm, study: rates[study], 5)
    for row, (kind, plan, tuned_by) in enumerate(
        [
            ("5 seeds", Plan((5,)), None),
            ("--max-seeds 12, a look at every seed from 3", Plan(every), None),
            ("--tune, 5 studies of 16 trials and 5 fresh seeds", Plan((5,)), tuning),
            ("--tune --max-studies 12, a look at every study from 3", Plan(every), tuning),
        ]
    ):
        procedure, cells = Procedure(names_of_arms, "max", plan, tuned_by), []
        for column, name in enumerate(names):
            found = []
            for number in range(ablations):
                made = conduct(procedure, trainer(name, np.random.default_rng([row, column, number])))
                found.append(judged(list(procedure.comparisons(made).values()))[:2])
            cells += list(np.mean(found, axis=0))
        table.append([kind, *map(percent, cells)])
    return table


def trainer(name: str, rng: np.random.Generator) -> Callable[[list[Job]], Made]:
    """Makes runs as `ablate` does, in no time."""
    of_seeds: dict[int, float] = {}

    def make(jobs: list[Job]) -> Made:
        noise = rng.standard_t(3, len(jobs)) if "heavy" in name else rng.normal(size=len(jobs))
        if "correlated" in name:
            for job in jobs:
                of_seeds.setdefault(job.seed, rng.normal())
            noise = np.sqrt(0.8) * np.array([of_seeds[job.seed] for job in jobs]) + np.sqrt(0.2) * noise
        rates = [float(job.settings[0][1]) if job.settings else 0.0 for job in jobs]
        return dict(zip(jobs, (noise - 2 * np.square(rates)).tolist()))

    return make


def lucky(ablations: int) -> Table:
    """The best of 20 that are all worth as much as the baseline, by its mean over five seeds."""
    rng = np.random.default_rng(0)
    search, fresh = rng.normal(size=(ablations, 21, 5)), rng.normal(size=(ablations, 2, 5))
    best = search[:, 1:].mean(-1).argmax(-1) + 1
    own = [compare(arms(s[[0, b]]), "max")["1"].verdict == "better" for s, b in zip(search, best)]
    family = ["better" in {c.verdict for c in compare(arms(s), "max").values()} for s in search]
    again = [compare(arms(f), "max")["1"].verdict == "better" for f in fresh]
    over = percent(np.mean([s[b].mean() for s, b in zip(search, best)]) / 100)
    table = [["what is compared", "best of 20 called better"]]
    own_row = f"the winner's own scores (overstated by {over} sd) and the baseline's"
    table.append([own_row, percent(np.mean(own))])
    table.append(["all 20 against the baseline (Holm)", percent(np.mean(family))])
    table.append(["the winner and the baseline on fresh seeds", percent(np.mean(again))])
    return table


def power(ablations: int) -> Table:
    """One arm that is better by so many standard deviations of the differences of pairs."""
    table = [["true difference", "seeds", "called better", "as computed", "intervals that hold"]]
    for effect in (0.5, 1.0, 2.0):
        for n in (3, 5, 10, 20, 30):
            d = np.random.default_rng(n).normal(effect, 1, (ablations, n))
            found = [compare(arms(np.stack([np.zeros(n), x])), "max")["1"] for x in d]
            better, _, holds, _ = np.mean([judged([c], effect) for c in found], axis=0)
            exact = stats.nct.sf(stats.t.isf(0.025, n - 1), n - 1, effect * np.sqrt(n))
            table.append([f"{effect:g} sd", str(n), *map(percent, (better, exact, holds))])
    return table


def together(ablations: int) -> Table:
    """Three arms that are better by 1, 2 and 3 sd of the differences of pairs."""
    table = [["seeds", "intervals that hold", "all three hold"]]
    for n in (3, 5, 10):
        d = np.random.default_rng(n).normal(size=(ablations, 4, n)) + np.arange(4)[:, None]
        d[:, 0] = 0
        holds = []
        for x in d:
            found = compare(arms(x), "max").values()
            holds.append([c.low is None or c.low <= true <= c.high for c, true in zip(found, (1, 2, 3))])
        table.append([str(n), percent(np.mean(holds)), percent(np.all(holds, 1).mean())])
    return table


def seeds(_: int) -> Table:
    """From which true difference on 8 of 10 ablations show it."""
    table = [["pairs", *(f"{k} arm{'s' * (k > 1)}" for k in (1, 3, 5)), "1 arm, by looks at every seed from 3"]]
    for n in (3, 4, 5, 6, 8, 10, 15, 20, 30):
        cells = [f"{smallest_effect(n, 0.05 / k):.2f}" for k in (1, 3, 5)]
        looks = tuple(range(3, n + 1))
        last = Boundary(looks, tuple(spent(k / n) for k in looks)).nominal(0.05)
        table.append([str(n), *cells, f"{smallest_effect(n, last):.2f}"])
    return table


def rules(ablations: int) -> Table:
    """What looking costs, by rule: a look at every seed from 3 to 30, one arm, normal differences."""
    looks, runs = tuple(range(3, 31)), 20 * ablations
    spendings = {
        "Pocock": lambda x: np.log(1 + (np.e - 1) * x),
        "runner (share of seeds squared)": spent,
        "O'Brien and Fleming": lambda x: 2 * stats.norm.sf(stats.norm.isf(0.025) / np.sqrt(x)) / 0.05,
    }
    nominal = {"30 seeds, one look": [0.0] * 27 + [0.05], "always valid (mixture of t)": [_mixture(n) for n in looks]}
    for name, spending in spendings.items():
        shares = tuple(float(spending(n / 30)) for n in looks)
        nominal[name] = [Boundary(looks[: k + 1], shares[: k + 1]).nominal(0.05) for k in range(len(looks))]
    effects = (0.0, 0.4, 0.6, 1.0, 2.0)
    cells: dict[str, list[str]] = {name: [] for name in nominal}
    for effect in effects:
        x = np.random.default_rng(0).normal(effect, 1, (runs, 30))
        total, squares = x.cumsum(1), (x * x).cumsum(1)
        stopped = {name: np.full(runs, 31) for name in nominal}
        for k, n in enumerate(looks):
            mean = total[:, n - 1] / n
            p = 2 * stats.t.sf(np.abs(mean) / np.sqrt((squares[:, n - 1] / n - mean**2) / (n - 1)), n - 1)
            for name, at in stopped.items():
                at[(p <= nominal[name][k]) & (at > n)] = n
        for name, at in stopped.items():
            cells[name].append(f"{percent((at <= 30).mean())} in {np.minimum(at, 30).mean():.0f}")
    return [["rule", "no difference", *(f"{e:g} sd" for e in effects[1:])], *([k, *v] for k, v in cells.items())]


def _mixture(n: int) -> float:
    """The nominal p of an e-value of 20: N(0, 1) over true differences in sd (Robbins 1970; Wang and Ramdas 2024)."""
    t = np.geomspace(0.1, 1e6, 40_000)
    log_e = n / 2 * np.log((1 + t**2 / (n - 1)) / (1 + t**2 / ((n - 1) * (1 + n)))) - 0.5 * np.log(1 + n)
    enough = t[log_e >= np.log(20)]
    return float(2 * stats.t.sf(enough[0], n - 1)) if len(enough) else 0.0


def several(ablations: int) -> Table:
    """How often the interval of the interquartile mean holds that of endless runs, on five data sets."""
    table = [["runs of each data set", "normal", "heavy tails (t, 3 degrees)", "skewed (lognormal)"]]
    names = ("normal", "heavy tails (t, 3 degrees)", "skewed (lognormal)")
    shifts = np.linspace(-2, 2, 5)[:, None]
    truth = {
        name: stats.trim_mean(TRAINERS[name](np.random.default_rng(1), (5, 200_000)) + shifts, 0.25, None)
        for name in names
    }
    for n in (3, 5, 10, 20):
        row = [str(n)]
        for name in names:
            scores = TRAINERS[name](np.random.default_rng(n), (ablations // 2, 5, n)) + shifts
            found = [interquartile_mean(s.tolist(), "max") for s in scores]
            row.append(percent(np.mean([e.low <= truth[name] <= e.high for e in found])))
        table.append(row)
    return table


TABLES = {f.__name__: f for f in (seeds, fixed, together, looked, rules, power, tuned, procedures, lucky, several)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ablations", type=int, default=1000)
    parser.add_argument("--only", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--write", action="store_true", help="into docs/statistics.md")
    given = parser.parse_args()
    gc.collect = lambda *_: 0  # type: ignore[assignment]  # statsmodels' Holm collects garbage at each call
    for name in given.only:
        began = time.perf_counter()
        head, *rows = TABLES[name](given.ablations)
        lines = [head, ["---"] * len(head), *rows]
        text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        print(f"\n{name}\n{text}", flush=True)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        if given.write:
            write(f"<!-- table: {name} -->", text)


def write(begin: str, text: str) -> None:
    """Put `text` between a marker of the page and the next end."""
    before, found, rest = PAGE.read_text().partition(begin)
    if not found:
        raise SystemExit(f"{PAGE} has no {begin}")
    PAGE.write_text(f"{before}{begin}\n{text}\n<!-- end -->{rest.partition('<!-- end -->')[2]}")


if __name__ == "__main__":
    main()
