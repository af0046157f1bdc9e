"""Writes what architecture.md can know from the code: the folders, the way of a run, and the picture of the house.

    python docs/architecture.py

The way of a run is what a tracer saw of one: every public function that was given the configuration, in the order of
the calls, indented by who called it. The layers are those that the tests hold (import-linter's, in pyproject.toml).
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import io
import os
import re
import sys
import tempfile
import tomllib
from pathlib import Path
from textwrap import shorten
from types import FrameType
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture.md"
PICTURE = ROOT / "docs" / "pictures" / "house.png"
COMMAND = ["data=iris", "model.hidden=[4]", "regularization=[dropout]", "trainer.max_epochs=1", "trainer.images=0"]
# What the configuration has become on its way, and where a run arrives.
STATIONS = (
    "cli.hydra.train",
    "record.folder.RunFolder.create",
    "engine.loop.train",
    "engine.evaluate.evaluate",
    "record.recorder.Recorder.finish",
)


class Call(NamedTuple):
    """A function that was given the configuration: who called it, how deep it stands, and itself."""

    caller: str
    depth: int
    name: str


def layers() -> list[list[str]]:
    """The layers of the house from the top, each a list of packages without ``runner.``."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    rows = next(contract["layers"] for contract in tool["importlinter"]["contracts"] if contract["type"] == "layers")
    return [[name.strip().removeprefix("runner.") for name in row.split("|")] for row in rows]


def layer_of(name: str) -> int:
    """The number of the layer, from the top, that a function belongs to."""
    package = name.partition(".")[0]
    return next(number for number, row in enumerate(layers()) if package in row)


def way() -> list[Call]:
    """Run a command in a folder of its own and listen: each call once, in the order in which they came."""
    import torch
    import torch.utils.tensorboard  # noqa: F401
    from omegaconf import DictConfig

    from runner.cli.verbs import answer
    from runner.config.compose import Command
    from runner.config.recipe import Node, Recipe
    from runner.data.base import DataOption

    kinds = (DictConfig, Recipe, Node, Command, DataOption)
    accessors = (
        "config.recipe.",
        "config.compose.Command",
        "config.compose.without_hydra",
        "config.targets.followed",
        "cli.trials.",
    )
    calls: dict[tuple[str, str], Call] = {}

    def name_of(frame: FrameType) -> str | None:
        module, code = frame.f_globals.get("__name__", ""), frame.f_code
        if not module.startswith("runner."):
            return None
        name = f"{module}.{code.co_qualname}".removeprefix("runner.")
        if "<" in name or any(part.startswith("_") for part in name.split(".")):
            return None
        if name in STATIONS:
            return name
        given = [
            frame.f_locals.get(argument) for argument in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        ]
        return name if any(isinstance(value, kinds) for value in given) and not name.startswith(accessors) else None

    def hear(frame: FrameType, event: str, argument: Any) -> None:
        if event != "call" or (name := name_of(frame)) is None:
            return
        above, outer = [], frame.f_back
        while outer is not None:
            if (caller := name_of(outer)) is not None:
                above.append(caller)
            outer = outer.f_back
        caller = above[0] if above else ""
        if caller != name:
            calls.setdefault((caller, name), Call(caller, len(set(above)), name))

    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        os.chdir(folder)
        sys.setprofile(hear)
        try:
            assert answer(COMMAND) == 0
        finally:
            sys.setprofile(None)
            os.chdir(before)
    return list(calls.values())


def sentence(thing: Any) -> str:
    """The first sentence of a docstring."""
    text = " ".join((thing if isinstance(thing, str) else inspect.getdoc(thing) or "").split("\n\n")[0].split())
    return re.split(r"(?<=[a-z)`])[.:;](?= |$)", text)[0].rstrip(".")


def function(name: str) -> Any:
    """The function of that name."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(("runner", *parts[:cut])))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise LookupError(name)


def the_way(calls: list[Call]) -> str:
    """The list of the functions."""
    width = max(2 * call.depth + len(call.name) for call in calls) + 2
    lines = [
        f"{'  ' * call.depth + call.name:<{width}}"
        + shorten(sentence(function(call.name)), 118 - width, placeholder=" ...")
        for call in calls
    ]
    up = [call for call in calls if call.caller and layer_of(call.name) < layer_of(call.caller)]
    command = " ".join(f"'{word}'" if "[" in word else word for word in COMMAND)
    return (
        f"```text\npython -m runner {command}\n\n" + "\n".join(lines) + "\n```\n\n"
        f"{len(calls)} calls; of these {len(up)} go back up the house, from a layer to one above it."
    )


def the_folders() -> str:
    """What each folder is, from the first lines of the packages, in the order of the layers."""
    rows = ["| folder | what it is |", "|---|---|"]
    for row in [*layers(), ["sweep"]]:
        for name in row:
            file = ROOT / "runner" / name / "__init__.py"
            if file.is_file():
                text = ast.get_docstring(ast.parse(file.read_text())) or ""
                rows.append(f"| `runner/{name}` | {' '.join(text.partition(chr(10) * 2)[0].split())} |")
    return "\n".join(rows)


def page(calls: list[Call]) -> str:
    """The page as it should be, with these calls on the way of a run."""
    text = PAGE.read_text()
    for name, made in (("folders", the_folders()), ("way", the_way(calls))):
        begin, end = f"<!-- {name}: python docs/architecture.py -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{made}\n{end}{rest.partition(end)[2]}"
    return text


def draw() -> None:
    """The picture: a row for each layer, imports point down, the sweeper beside."""
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch, Rectangle

    passed = ("cli", "run", "config", "engine", "record")  # by every run
    groups = (*next(row for row in layers() if "data" in row), "model")
    rows = [row for row in layers() if row != ["__main__"]]
    figure = Figure(figsize=(11, 0.82 * len(rows) + 0.6), layout="constrained")
    axes = figure.subplots()
    axes.axis("off")
    axes.set(xlim=(0, 11), ylim=(-len(rows) - 0.1, 0.6))
    for number, row in enumerate(rows):
        width = 8.6 / len(row)
        for place, name in enumerate(row):
            colour = "#dbe7f3" if name in passed else "#f1ead9" if name in groups else "#eeeeee"
            axes.add_patch(
                Rectangle((place * width + 0.04, -number - 0.7), width - 0.08, 0.7, fc=colour, ec="#555", lw=0.8)
            )
            label = name.replace("_", "\n") if len(row) > 5 else name
            axes.text(
                (place + 0.5) * width,
                -number - 0.35,
                label,
                ha="center",
                va="center",
                fontsize=6.5 if len(row) > 5 else 11,
            )
        if number:
            axes.add_patch(
                FancyArrowPatch((4.3, -number + 0.3), (4.3, -number), arrowstyle="-|>", mutation_scale=9, color="#555")
            )
    axes.add_patch(Rectangle((9.0, -4.7), 1.9, 3.7, fc="#e6f0e0", ec="#555", lw=0.8))
    axes.text(9.95, -2.85, "sweep\n\nstands beside:\ncalls what\nit is given", ha="center", va="center", fontsize=9)
    axes.add_patch(FancyArrowPatch((8.6, -0.4), (9.95, -1.0), arrowstyle="-|>", mutation_scale=9, color="#555"))
    axes.text(
        0.05,
        0.25,
        "Imports point down; a layer knows nothing of those above it, nor of others in its row. "
        "Blue: what every run passes; sand: groups.",
        fontsize=9,
    )
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    PAGE.write_text(page(way()))
    draw()
