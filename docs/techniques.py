"""Writes techniques.md: every option that says how a network is trained, with formula, source, proof and cost.

    python docs/techniques.py

Nothing is typed twice. An option's source is the second line of its file. Its formula is the line ``# Formula: ...``
there, or else the first formula in the docstring of its class or of a function beside it. Its proof is the first test
that speaks of it in the file that mirrors it, or in another of its group. Its cost is what
``benchmarks/technique_cost.py`` measured.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import yaml

from runner.config.groups import LISTS
from runner.config.options import Options
from runner.config.targets import resolve
from runner.model.layers.activation import ACTIVATIONS
from runner.model.layers.normalization import NORMALIZATIONS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "techniques.md"
COSTS = ROOT / "benchmarks" / "technique_cost.json"

HEADINGS = {
    "cleaning": "Cleaning",
    "features": "Features of tables",
    "balance": "Balance of classes",
    "optimizer": "Optimizers",
    "optimizer/wrapper": "Around any optimizer",
    "scheduler": "Schedules of the learning rate",
    "warmup": "Warm-up",
    "init": "Initialization",
    "adapter": "Adapters",
    "loss": "Losses",
    "regularization": "Regularization",
    "augmentation": "Augmentation",
    "compression": "Compression while training",
    "diagnostics": "Diagnostics",
}
OTHER_GROUPS = (
    "data",
    "debug",
    "experiment",
    "metric",
    "model",
    "optimizer/params",
    "space",
    "task",
    "tracking",
    "trainer",
)

HEAD = """\
# Every technique

Written by `python docs/techniques.py` from the option files, the docstrings and the tests; not to be edited by hand.
`python -m runner show GROUP/OPTION` tells what each is for and what can be set.

w are weights, g their gradients, lr the learning rate, t a position of the run, p probabilities, e an error; a hat is
bias correction. A proof is the first test of a technique that compares it with a formula or with another
implementation, or else the first of its tests.

The cost is the time of a step as a multiple of plain training (adam, no technique), on an mlp (64-128-10) and on a
small cnn (8-16-32-10), 64 images of 8x8 per step; {facts}.
What happens at the end of an epoch is spread over its 50 steps; with longer epochs it weighs less. On networks this
small a step takes less than a millisecond, so fixed costs show that larger networks hide. Differences below 0.2 are
noise. Losses of regression are compared with mean squared error, stochastic depth with the same resnet; `-` where
there is no cost per step, or no such network.
"""

_PROVING = re.compile("torch|keras|scipy|sklearn|formula|closed_form|by_hand|expectation|unbiased|bit_equal|mean_of")
_FORMULA = re.compile(r"[=←*/^²‖Σ√]| - |\|")


class Row(NamedTuple):
    """A line of a table; `proof` is ``tests/X/test_y.py::test_z``."""

    choice: str
    formula: str
    source: str
    proof: str


def rows(group: str) -> list[Row]:
    """A row for each option of a group, those that choose nothing left out."""
    options = Options()
    made = []
    for name in options.names(group):
        node = yaml.safe_load(options.file(group, name).read_text())
        node = node[name] if group in LISTS and name in node else node
        if "_target_" not in node:
            continue
        target = resolve(node["_target_"], f"{group}={name}")
        head = options.comments(group, name)[1:]
        written = [line.removeprefix("Formula: ").removesuffix(".") for line in head if line.startswith("Formula: ")]
        source = next((line for line in head if not line.startswith("Formula: ")), "")
        choice = f"{group}=[{name}]" if group in LISTS else f"{group}={name}"
        formula = written[0] if written else formula_of(target)
        made.append(Row(choice, formula, source, proof_of(group, name, target)))
    return made


def formula_of(target: Any) -> str:
    """The first formula in the docstring of a class of ours or of a public function beside it; empty when none."""
    if not target.__module__.startswith("runner."):
        return ""
    module = importlib.import_module(target.__module__)
    for documented in (target, *_functions(module)):
        first = " ".join(inspect.cleandoc(documented.__doc__ or "").split("\n\n")[0].split())
        found = [span for span in re.findall("``([^`]+)``", first) if _FORMULA.search(span)]
        if found:
            return "; ".join(found)
    return ""


def _functions(module: ModuleType) -> list[Any]:
    own = (
        thing for thing in vars(module).values() if inspect.isfunction(thing) and thing.__module__ == module.__name__
    )
    return [function for function in own if not function.__name__.startswith("_")]


def proof_of(group: str, name: str, target: Any) -> str:
    """The first test that speaks of an option, in the file that mirrors it before any other of its group's."""
    module = target.__module__.rpartition(".")[2]
    words = {name, target.__name__}
    if target.__module__.startswith("runner."):
        words |= {f.__name__ for f in _functions(importlib.import_module(target.__module__))}
    folder = ROOT / "tests" / group
    layers = list(getattr(target, "model_arguments", ()))  # all that it does is to set them
    words |= {f"{layer}_layer" for layer in layers}
    stems = [f"test_{word}" for word in (name, name.rpartition("_")[0], group.rpartition("/")[2])]
    mirrors = [path for stem in stems for path in sorted(folder.rglob(f"{stem}.py"))]
    alike = [path for path in sorted(folder.glob("test_*.py")) if path.stem not in ("test_all", "test_resume")]
    paths = [*mirrors, *folder.glob(f"test_{module}.py"), *alike]
    for path in [ROOT / "tests" / "model" / "test_layers.py"] if layers else paths:
        tests = tests_in(path)
        speaking = [test for test, text in tests.items() if words & set(re.findall(r"\w+", text))]
        if path.stem == stems[0]:
            speaking = list(tests)
        if speaking:
            return f"{path.relative_to(ROOT)}::{next(filter(_PROVING.search, speaking), speaking[0])}"
    return ""


def tests_in(path: Path) -> dict[str, str]:
    """The tests of a file with their text, decorators included."""
    text = path.read_text()
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    lines = text.splitlines()
    return {
        f.name: "\n".join(lines[min([f.lineno, *(d.lineno for d in f.decorator_list)]) - 1 : f.end_lineno])
        for f in functions
        if f.name.startswith("test_")
    }


def parts() -> dict[str, list[Row]]:
    """Activations and normalizations."""
    activations = "tests/model/test_layers.py::test_every_activation_is_the_function_of_its_name"
    norms = "tests/model/test_layers.py::test_normalizations_follow_their_formula"
    chosen = ("model.activation", ACTIVATIONS, activations), ("model.norm", NORMALIZATIONS, norms)
    made = [
        [Row(f"{key}={name}", entry.formula, entry.source, proof) for name, entry in entries.items()]
        for key, entries, proof in chosen
    ]
    return dict(zip(("Activations", "Normalization"), made, strict=True))


def tables() -> dict[str, list[Row]]:
    """All rows, by heading."""
    groups = [group for group in Options().groups() if group not in OTHER_GROUPS]
    ordered = [*HEADINGS, *(group for group in groups if group not in HEADINGS)]
    return {HEADINGS.get(group, group.replace("_", " ").capitalize()): rows(group) for group in ordered} | parts()


def page() -> str:
    """The whole page."""
    costs = json.loads(COSTS.read_text())
    facts = f"one thread, torch {costs['torch'].partition('+')[0]}, median of at least {costs['rounds']} rounds"
    lines = [HEAD.format(facts=facts)]
    for heading, made in tables().items():
        lines += [f"## {heading}", "", "| choice | formula | source | proof | mlp | cnn |", "|---|---|---|---|---|---|"]
        for row in made:
            cost = costs["ratios"].get(row.choice, {})
            cells = [f"`{row.choice}`", f"`{row.formula}`", row.source.removesuffix("."), _linked(row.proof)]
            cells += ["-" if cost.get(network) is None else f"{cost[network]:.2f}" for network in ("mlp", "cnn")]
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines)


def _linked(proof: str) -> str:
    path, _, test = proof.partition("::")
    return f"[{test.removeprefix('test_').replace('_', ' ')}](../{path})"


if __name__ == "__main__":
    PAGE.write_text(page())
