"""What is explained of a run, and where it is written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.engine.spec import IN_WORDS
from runner.errors import ConfigError, did_you_mean
from runner.explain import all_methods, method_named
from runner.explain.subject.examples import from_files, from_split
from runner.explain.subject.explained import Case, Explained
from runner.explain.subject.layers import layer_named
from runner.model.exported.network import ExportedNetwork
from runner.record.files import write_bytes, write_json
from runner.record.folder import RunFolder, make
from runner.record.links import refuse_links
from runner.run.ensemble import Ensemble

if TYPE_CHECKING:
    from runner.engine.data import Data
    from runner.explain.base import Explanation, Method, Tell
    from runner.run.trained import TrainedNetwork

# What is taken where no method is named, by the kind of inputs.
USUAL = {
    "image": ("grad_cam", "integrated_gradients"),
    "table": ("permutation_importance", "shap"),
    "series": ("permutation_importance", "integrated_gradients"),
    "tokens": ("token_attribution",),
}
# And of an exported file, where none of those can be.
ASKING = {"image": "occlusion", "tokens": "shap"}
FOLDER = "explanations"
_NO_NAME = re.compile(r"[^\w.]")  # what stands in no file's name


@dataclass(frozen=True)
class Asked:
    """What somebody wants to know of a run.

    Attributes:
        methods: names of methods; ``all`` takes those that apply; empty: the usual ones for the inputs.
        layers: names of layers, for the methods that take one.
        target: the answer that is explained, by its name or number; None: the one that the network gives.
        examples: how many.
        split: where they are taken from, unless files are given.
        overrides: where the data are now: ``data.path=FILE``, ``data.root=FOLDER``.
        allow_changed_data: go on where the data are not those that the run was trained with.
    """

    methods: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    target: str | None = None
    examples: int = 8
    split: str = "test"
    overrides: tuple[str, ...] = field(default=())
    allow_changed_data: bool = False


def explain(
    network: TrainedNetwork,
    folder: Path,
    sources: Sequence[str] = (),
    asked: Asked | None = None,
    tell: Tell = lambda what, done, of: None,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Explanation]:
    """Explain a network's answers and write what is found.

    Args:
        network: what `runner.run.load` gives; it is left as it is.
        folder: where to.
        sources: files of examples, as ``predict`` takes them; none: examples of a split.
        asked: what is wanted.
        tell: hears of the progress.
        say: hears what is to be told.

    Returns:
        The explanations by the name of their files.

    Raises:
        ConfigError: a method does not apply, or there is no such method, layer, answer, split or file.
        RunFailed: an example can't be read.
    """
    if isinstance(network, Ensemble):
        raise ConfigError(
            "explain: this is an ensemble, whose networks may each prepare inputs in a way of its own. Explain its "
            "members, one by one."
        )
    asked = asked or Asked()
    explained = Explained(network)
    methods = _methods(explained, asked, bool(sources), say)
    target = _target(explained, asked.target)
    for named in asked.layers:
        layer_named(explained, named)

    @cache
    def data() -> Data:
        return _data(network, asked, say)

    cases: list[Case] = []
    if any(method.needs == "examples" for method in methods.values()):
        if sources:
            cases, notes = from_files(explained, sources, asked.examples, target)
            for note in notes:
                say(note)
        else:
            parts = data().parts
            if asked.split not in parts:
                raise ConfigError(
                    f"--split {asked.split}: these data have none.{did_you_mean(asked.split, parts)} Expected "
                    f"{' or '.join(parts)}."
                )
            cases = from_split(explained, parts[asked.split], asked.split, asked.examples, target, tell)
    found: dict[str, Explanation] = {}
    for name, method in methods.items():
        layers: tuple[str | None, ...] = asked.layers if method.takes_layer and asked.layers else (None,)
        for layer in layers:
            file = name if layer is None else "-".join((name, _NO_NAME.sub("_", layer)))
            found[file] = method(explained, layer, data).explain(cases if method.needs == "examples" else (), tell)
            written = write(folder, file, name, found[file])
            say(f"{file}: {', '.join(map(str, written))}")
            for sentence in found[file].said:
                say(f"  {sentence}")
    return found


def write(folder: Path, file: str, method: str, explanation: Explanation) -> list[Path]:
    """Write an explanation's files, each whole or not at all, in the place of earlier ones of that name."""
    make(folder)
    refuse_links(folder)
    written = []
    for ending, content in explanation.files.items():
        written.append(folder / f"{file}{ending}")
        write_bytes(written[-1], content)
    facts: dict[str, Any] = {"method": method, **explanation.facts}
    write_json(folder / f"{file}.json", facts)
    return [*written, folder / f"{file}.json"]


def place_for(run: str | Path, output: str | None) -> Path:
    """The folder for explanations: the one that is named, or one in the run folder.

    Raises:
        ConfigError: a link leads out of the run folder, or a checkpoint's file is given without a folder to write to.
    """
    if output is not None:
        return Path(os.path.expanduser(output))
    if os.path.isfile(run):
        raise ConfigError(f"{run}: a file, in which nothing can be written. Add --output DIR.")
    place = RunFolder.existing(run).path
    refuse_links(place)
    return place / FOLDER


def _methods(explained: Explained, asked: Asked, files: bool, say: Callable[[str], None]) -> dict[str, type[Method]]:
    everything = {name: method_named(name) for name in (all_methods() if "all" in asked.methods else asked.methods)}
    name = explained.task.name
    if not explained.task.answer_names:
        raise ConfigError(f"explain: the task {name} names no answers that could be explained (`answer_names`).")
    if explained.kind not in USUAL:
        raise ConfigError(
            f"explain: of {IN_WORDS.get(explained.kind, explained.kind)} nothing is explained: an answer for a node "
            "depends on all nodes and edges, one for a whole graph on all of its own, and these methods take numbers "
            "or tokens that can be changed by themselves. Methods are for images, tables, series and texts."
        )
    if not asked.methods:
        usual = [n for n in USUAL[explained.kind] if _refusal(method_named(n), explained) is None]
        if files and (others := [n for n in usual if method_named(n).needs == "network"]):
            say(f"left out as it is about the test split, not about files: {', '.join(others)}")
            usual = [n for n in usual if n not in others]
        asking = ASKING.get(explained.kind) if isinstance(explained.model, ExportedNetwork) else None
        everything = {n: method_named(n) for n in usual or [asking or "integrated_gradients"]}
    refused = {n: reason for n, m in everything.items() if (reason := _refusal(m, explained))}
    if "all" in asked.methods:
        for method, reason in refused.items():
            say(f"{method} left out: {reason}")
        everything = {n: m for n, m in everything.items() if n not in refused}
    elif refused:
        method, reason = next(iter(refused.items()))
        fitting = [n for n in all_methods() if _refusal(method_named(n), explained) is None]
        raise ConfigError(f"--method {method}: {reason} For this run there are {', '.join(fitting)}.")
    if asked.layers and not any(m.takes_layer for m in everything.values()):
        takers = [n for n in all_methods() if method_named(n).takes_layer]
        raise ConfigError(
            f"--layer {asked.layers[0]}: {', '.join(everything)} take no layer. Such as do are {', '.join(takers)}."
        )
    return everything


def _refusal(method: type[Method], explained: Explained) -> str | None:
    """Why a method can't explain a network, in a sentence; None where it can."""
    if isinstance(explained.model, ExportedNetwork) and explained.kind not in method.asks:
        return (
            "looks at layers or gradients, which an exported file does not show: explain the run that it was made of, "
            "which stands in its manifest.json as parent."
        )
    return method.refusal(explained)


def _target(explained: Explained, named: str | None) -> int | None:
    names = explained.task.answer_names
    if named is None:
        return None
    if named in names:
        return names.index(named)
    if named.isdecimal() and int(named) < len(names):
        return int(named)
    shown = f"{', '.join(names[:20])}{', ...' if len(names) > 20 else ''}"
    raise ConfigError(
        f"--target {named}: there is no such answer.{did_you_mean(named, names)} Expected one of {shown}, or its "
        f"number from 0 to {len(names) - 1}."
    )


def _data(network: TrainedNetwork, asked: Asked, say: Callable[[str], None]) -> Data:
    from runner.run.assembly import load_data
    from runner.run.unchanged import Unchanged

    data = load_data(network.recipe_at(asked.overrides))
    if note := Unchanged(asked.allow_changed_data).check(data, network.fingerprint, network.sizes, network.spec):
        say(f"other data than the run's: {note}")
    return data
