"""What hydra-optuna-sweeper's own tests say, asked of our parser and our samplers; its code is not run.

Its tables of expressions are read from ``tests/test_optuna_sweeper_plugin.py``; its examples are run as they are, with
a primary config of ours, as ``docs/migrating.md`` has it, in the place of theirs.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from runner.sweep.language import parse
from runner.sweep.samplers import distribution

ROOT = Path(__file__).parents[2]
# Its distributions were renamed by Optuna 3.
NAMES = {
    "CategoricalDistribution": CategoricalDistribution,
    "IntUniformDistribution": IntDistribution,
    "IntLogUniformDistribution": lambda low, high: IntDistribution(low, high, log=True),
    "UniformDistribution": FloatDistribution,
    "LogUniformDistribution": lambda low, high: FloatDistribution(low, high, log=True),
    "DiscreteUniformDistribution": lambda low, high, q: FloatDistribution(low, high, step=q),
}
SPHERE = """
defaults: [override hydra/sweeper: {sweeper}]
hydra: {{sweeper: {{seed: 123, n_trials: 20, params: {{x: 'range(-5.5, 6.0, 0.5)', y: 'choice(-5, 0, 5)'}}}}}}
x: 1
y: 1
"""
PARETO = """
defaults: [override hydra/sweeper: {sweeper}]
hydra:
  sweeper:
    seed: 123
    n_trials: 20
    directions: [minimize, minimize]
    params: {{x: 'range(0, 5, 0.5)', y: 'range(0, 3, 0.5)'}}
x: 1
y: 1
"""


def cases(checkout: Path) -> Iterator[tuple[str, str | None]]:
    """Each case, and what is wrong with it; None where it holds."""
    tables = _tables(checkout / "tests/test_optuna_sweeper_plugin.py")
    for text, expected in tables["test_create_optuna_distribution_from_override"]:
        yield f"optuna::expression[{text}]", _differs({"key": expected}, {}, [text])
    for lines, (searched, fixed) in tables["test_create_params_from_overrides"]:
        yield f"optuna::overrides[{' '.join(lines)}]", _differs(searched, fixed, lines)
    for name, script, config, words, holds in EXAMPLES:
        yield f"optuna::example[{name}]", _ran(checkout / "example" / script, config, words, holds)


def _tables(path: Path) -> dict[str, list[Any]]:
    """The parametrizations of its tests."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_create_") and node.decorator_list:
            table = node.decorator_list[0].args[1]  # type: ignore[attr-defined]
            found[node.name] = eval(compile(ast.Expression(table), str(path), "eval"), dict(NAMES))
    return found


def _differs(searched: dict[str, Any], fixed: dict[str, str], lines: list[str]) -> str | None:
    space = parse(lines, {}, lambda group: [], lambda key: "1", lambda overrides, node: [])
    ours = {d.name: distribution(d) for d in space.dimensions}
    theirs = {key: _unordered(value) for key, value in searched.items()}
    if {key: _unordered(value) for key, value in ours.items()} != theirs:
        return f"theirs {searched}, ours {ours}"
    kept = dict(line.split("=", 1) for line in space.fixed)
    return None if kept == fixed else f"theirs keep {fixed}, ours {kept}"


def _unordered(value: Any) -> Any:
    return set(value.choices) if isinstance(value, CategoricalDistribution) else value


def _ran(script: Path, config: str, words: list[str], holds: Callable[[dict[str, Any]], bool]) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "ours.yaml").write_text(config)
        command = [sys.executable, str(script), "--multirun", f"--config-dir={folder}", "--config-name=ours"]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [*command, f"hydra.sweep.dir={folder}/sweep", *words],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        path = Path(folder, "sweep/result.json")
        if not path.exists():
            return done.stderr.strip()[-300:]
        result = json.loads(path.read_text())
        return None if holds(result) else f"ends with {json.dumps(result)[:300]}"


def _apart(result: dict[str, Any]) -> bool:
    """Whether no solution is as good as another in all and better in one."""
    values = [(entry["objective_0"], entry["objective_1"]) for entry in result["best"]]
    return not any(a != b and all(x <= y for x, y in zip(a, b, strict=True)) for a in values for b in values) and bool(
        values
    )


EXAMPLES: list[tuple[str, str, str, list[str], Callable[[dict[str, Any]], bool]]] = [
    ("sphere", "sphere.py", SPHERE.format(sweeper="bayes"), [], lambda r: r["best"][0]["objective"] <= 2.27),
    (
        "sphere, command line",
        "sphere.py",
        SPHERE.format(sweeper="bayes"),
        ["x=choice(0,1,2)", "y=0"],
        lambda r: r["best"][0]["overrides"] == ["x=0"],
    ),
    (
        "sphere, grid",
        "sphere.py",
        SPHERE.format(sweeper="grid"),
        ["x=choice(-1,1)", "y=choice(-1,0)", "+z=choice(foo,bar,baz)"],
        lambda r: r["best"][0]["objective"] == 1 and r["trials"] == 12,
    ),
    ("multi-objective", "multi-objective.py", PARETO.format(sweeper="nsga2"), [], _apart),
    ("multi-objective, random", "multi-objective.py", PARETO.format(sweeper="random"), ["x=range(0,5)"], _apart),
    (
        "failures",
        "sphere.py",
        SPHERE.format(sweeper="random"),
        ["+error=true", "hydra.sweeper.max_failures=2"],
        lambda r: r["status"] == "failed" and r["trials"] < 20,
    ),
]
