"""Baselines trained and scored as a run is, beside a run where there is one."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from runner.baseline.interval import CONFIDENCE, Difference, Judge, blocks_of, difference_of_ratios
from runner.baseline.models import TASKS, Fitted, forecasts, models
from runner.baseline.steps import SCORES, scored
from runner.baseline.steps import models as stepwise
from runner.baseline.summaries import summaries
from runner.baseline.texts import counts
from runner.cleaning.likeness.vectors import AT_ONCE, COMPARABLE, SIDE, vectors
from runner.config.build import build_loss, build_metrics, build_task
from runner.config.recipe import Recipe
from runner.data.series.option import SeriesOption
from runner.engine.meter import Meter, Result
from runner.errors import ConfigError
from runner.record.files import write_json
from runner.record.folder import claim
from runner.run.assembly import balanced, load_data

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.data import Data
    from runner.engine.loss import Loss
    from runner.engine.progress import Progress
    from runner.engine.spec import Spec
    from runner.engine.split import Split
    from runner.engine.task import Task
    from runner.run.trained import TrainedNetwork

BASELINES = Path("outputs/baselines")
Scores = dict[str, float]


class OfRun(NamedTuple):
    """A run that is compared.

    Attributes:
        folder: its folder.
        scores: its own, by part.
        network: what it trained.
    """

    folder: str
    scores: Mapping[str, Scores]
    network: TrainedNetwork


@dataclass(frozen=True)
class Compared:
    """The scores of baselines, and of a run where one was given.

    Attributes:
        scores: by part, then by the name of the model, one a seed.
        sizes: examples of each part.
        score: the plain name of the score by which they are compared.
        larger: whether more of it is better.
        run: the folder of the run; None where there is none.
        differences: of the run from each model on the judged part; None where there are too few examples.
        notes: what is to be said of it.
    """

    scores: Mapping[str, Mapping[str, Sequence[Scores]]]
    sizes: Mapping[str, int]
    score: str
    larger: bool
    run: str | None = None
    differences: Mapping[str, Difference | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def judged(self) -> str:
        """The part by which models are compared: test, where there is one."""
        return "test" if "test" in self.scores else "val"

    def mean(self, part: str, model: str, score: str) -> float:
        """A score, the mean over seeds."""
        return statistics.fmean(scores[score] for scores in self.scores[part][model])

    def verdicts(self) -> list[str]:
        """Whom the run beats and to whom it loses, a sentence each; none without a run."""
        said = []
        for name, difference in self.differences.items():
            own, other = (self.mean(self.judged, model, self.score) for model in ("run", name))
            what = "beats" if (own > other) == self.larger else "LOSES TO"
            if own == other:
                what = "equals"
            elif difference is not None and difference.low <= 0 <= difference.high:
                what = "is not shown to differ from"
            interval = "too few examples for an interval"
            if difference is not None:
                low, high = difference.low, difference.high
                interval = f"{difference.estimate:+.3g}, {CONFIDENCE:.0%} interval {low:+.3g} to {high:+.3g}"
            said.append(f"the run {what} {name}: {self.score} {own:.4g} and {other:.4g} ({interval})")
        return said

    def write(self, name: str) -> Path:
        """Write ``baselines.json`` into a folder of its own in ``outputs/baselines``; returns the file."""
        file = claim(BASELINES, name) / "baselines.json"
        told: dict[str, Any] = {
            "run": self.run,
            "score": self.score,
            "judged_by": self.judged,
            "sizes": dict(self.sizes),
        }
        told |= {"differences": {name: d and asdict(d) for name, d in self.differences.items()}}
        told |= {"scores": {part: {n: list(s) for n, s in models.items()} for part, models in self.scores.items()}}
        write_json(file, {**told, "verdicts": self.verdicts(), "notes": self.notes})
        return file


def compare(recipe: Recipe, seeds: int, progress: Progress, run: OfRun | None = None) -> Compared:
    """Train the baselines of a task on the parts and prepared inputs of a run, and score them as it is scored.

    Args:
        recipe: checked.
        seeds: how often a model is fitted that draws.
        progress: hears what is being fitted.
        run: what is compared with them.

    Raises:
        ConfigError: there are no baselines for such data.
    """
    _refuse(recipe.data.probe())
    asked = load_data(recipe, progress.message)
    data = load_data(_at_once(recipe), progress.message) if "future" in asked.spec.more else asked
    _refuse(data.spec)
    if not data.train.listed:
        raise ConfigError("baseline: needs all examples at once, and these come as a stream.")
    data = balanced(recipe, data)
    loss = build_loss(recipe, data.spec)
    task = build_task(recipe, data.spec, loss)
    for note in data.notes:
        progress.message(note)
    if task.name in SCORES:
        return _at_every_token(recipe, data, task, loss, progress, run)
    notes = []
    if data.spec.inputs and data.spec.inputs.kind == "image" and max(data.spec.input_shape[1:]) > SIDE:
        notes.append(f"images are averaged down to {SIDE} by {SIDE} pixels for the baselines")
    series = task.name != "forecasting" and data.spec.inputs is not None and data.spec.inputs.kind == "series"
    if series:
        notes.append("summary_...: from mean, deviation, smallest and largest value of each channel alone")
    views = {"summary_": {name: summaries(part) for name, part in data.parts.items()}} if series else {}
    texts = data.spec.inputs is not None and data.spec.inputs.kind == "tokens"
    if texts or "lengths" not in data.spec.more:
        views[""] = {name: _vectors(part, data.spec) for name, part in data.parts.items()}
    seasons = recipe.data.seasons if isinstance(recipe.data, SeriesOption) else ()
    named = forecasts(data.spec, seasons) if task.name == "forecasting" else models(task.name, texts)
    tried = {f"{view}{name}": (make, inputs) for view, inputs in views.items() for name, make in named.items()}
    targets = _read(data.train, lambda batch: batch.targets).numpy()
    parts = [name for name in ("val", "test") if name in data.parts]
    scores: dict[str, dict[str, list[Scores]]] = {part: {} for part in parts}
    if run is not None:
        for part in parts:
            scores[part]["run"] = [dict(run.scores[part])]
    answers: dict[str, list[Tensor]] = {}  # of each model on the part that is judged, the last one
    for name, (make, inputs) in tried.items():
        progress.message(f"fitting {name}")
        for seed in range(seeds):
            try:
                fitted = Fitted(make(seed), inputs["train"], targets, task)
            except ValueError as error:
                notes.append(f"{name} is left out: {' '.join(str(error).split())}")
                break
            for part in parts:
                outputs = fitted.outputs(inputs[part])
                scores[part].setdefault(name, []).append(_scores(outputs, data.parts[part], recipe, task, loss))
            answers.setdefault(name, []).append(outputs)
            given = scores[parts[0]][name]
            if not name.endswith("boosting") or (seed == 1 and given[0] == given[1]):
                break  # it draws nothing
    monitor = str(recipe.values["monitor"]).replace("val_", "val/").partition("/")[2]
    metrics = {m.name: m for m in build_metrics(recipe, task)}
    # An interval draws answers without the inputs, with which some scores are computed.
    alone = {name: metric for name, metric in metrics.items() if "inputs" not in metric.statistic(task.spec).needs}
    directions = {"loss": "min", **{name: metric.direction for name, metric in alone.items()}}
    score = (
        monitor if monitor in directions and monitor != "loss" else next((n for n in directions if n != "loss"), "loss")
    )
    if task.spec.targets is not None and task.spec.targets.levels:
        score = "mae"  # every forecast has it
        notes.append("plain models tell a number and no quantiles: compared by mae, the run by its middle quantile")
    differences: dict[str, Difference | None] = {}
    if run is not None:
        judged = asked.parts[parts[-1]]
        blocks = blocks_of(judged)
        if blocks is not None:
            notes.append(f"windows that share steps are drawn together for intervals: in {len(blocks):,} block(s)")
        judge = Judge(task, loss, metrics.get(score), _read(judged, lambda batch: batch.targets), blocks)
        own = _read(judged, run.network.outputs)
        for name, outputs_of in answers.items():
            progress.message(f"comparing with {name}")
            differences[name] = judge.difference(own, outputs_of)
    folder = run.folder if run is not None else None
    return Compared(scores, data.sizes, score, directions[score] == "max", folder, differences, notes)


def _at_once(recipe: Recipe) -> Recipe:
    """The recipe with forecasts of the whole horizon at once, as plain models are fitted."""
    return Recipe({**recipe.values, "data": {**recipe.values["data"], "strategy": "direct"}})


def _at_every_token(
    recipe: Recipe, data: Data, task: Task, loss: Loss, progress: Progress, run: OfRun | None
) -> Compared:
    """`compare` of what is told at every token of a text."""
    score, larger = SCORES[task.name]
    parts = [name for name in ("val", "test") if name in data.parts]
    scores: dict[str, dict[str, list[Scores]]] = {part: {} for part in parts}
    told: dict[str, Tensor] = {}  # of each model on the part that is judged, what the score is made of
    metrics = build_metrics(recipe, task)
    for name, make in stepwise(task.spec).items():
        progress.message(f"fitting {name}")
        model = make().fit(data.train)
        for part in parts:
            found, told[name] = scored(model.outputs, data.parts[part], task, loss, metrics)
            scores[part][name] = [found]
    differences: dict[str, Difference | None] = {}
    notes = []
    if run is not None:
        scores = {part: {"run": [dict(run.scores[part])], **scores[part]} for part in parts}
        if data.train.contiguous:
            notes.append("the run's network goes on from batch to batch, and its examples can't be drawn one by one")
            differences = dict.fromkeys(told)
        else:
            progress.message("comparing with the run")
            _, own = scored(run.network.outputs, data.parts[parts[-1]], task, loss, metrics)
            differences = {name: difference_of_ratios(own, sums) for name, sums in told.items()}
    folder = run.folder if run is not None else None
    return Compared(scores, data.sizes, score, larger, folder, differences, notes)


def _read(part: Split, take: Callable[[Batch], Tensor]) -> Tensor:
    """What is taken of all examples of a part, on the CPU."""
    return torch.cat([take(part.read(rows)).cpu() for rows in torch.arange(len(part)).split(AT_ONCE)])


def _refuse(spec: Spec) -> None:
    """Refuse what there are no baselines for, as far as it is known."""
    known = (*TASKS, *SCORES)
    if spec.task is not None and spec.task not in known:
        raise ConfigError(f"baseline: is for {', '.join(known)}, and these data are for {spec.task}.")
    if spec.inputs is not None and spec.inputs.kind not in (*COMPARABLE, "graph", "tokens"):
        raise ConfigError(
            f"baseline: takes rows of tables, series, images, texts or graphs, and these data are {spec.inputs.kind}."
        )


def _vectors(part: Split, spec: Spec) -> NDArray[np.float32] | csr_array:
    """The examples as vectors: of a text its counts, of a node its features, of a graph the sums over its nodes."""
    if spec.inputs is not None and spec.inputs.kind == "tokens":
        assert spec.inputs.size is not None
        return counts(part, spec.inputs.size)
    if spec.inputs is None or spec.inputs.kind != "graph":
        return vectors(part)
    return _read(part, _without_edges).numpy()


def _without_edges(batch: Batch) -> Tensor:
    if "nodes" in batch.more:
        return batch.inputs[batch.more["nodes"]]
    sizes = batch.more["sizes"]
    graphs = torch.repeat_interleave(sizes, output_size=len(batch.inputs))
    return batch.inputs.new_zeros(len(sizes), batch.inputs.shape[1]).index_add_(0, graphs, batch.inputs)


def _scores(outputs: Tensor, part: Split, recipe: Recipe, task: Task, loss: Loss) -> Scores:
    meter = Meter(task, build_metrics(recipe, task))
    for rows in torch.arange(len(part)).split(AT_ONCE):
        batch = part.read(rows)
        value = loss.evaluate(outputs[rows], batch)
        meter.add([Result(value, outputs[rows], batch, loss.units(batch))])
        meter.fold()
    return meter.read()
