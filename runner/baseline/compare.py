"""Baselines trained and scored as a run is, beside a run where there is one."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from runner.baseline.models import TASKS, Fitted, models
from runner.cleaning.likeness.vectors import AT_ONCE, COMPARABLE, SIDE, vectors
from runner.config.build import build_loss, build_metrics, build_task
from runner.engine.meter import Meter, Result
from runner.errors import ConfigError
from runner.record.files import write_json
from runner.record.folder import claim
from runner.run.assembly import balanced, load_data

if TYPE_CHECKING:
    from runner.config.recipe import Recipe
    from runner.engine.loss import Loss
    from runner.engine.progress import Progress
    from runner.engine.spec import Spec
    from runner.engine.split import Split
    from runner.engine.task import Task

BASELINES = Path("outputs/baselines")
Scores = dict[str, float]


@dataclass(frozen=True)
class Compared:
    """The scores of baselines, and of a run where one was given.

    Attributes:
        scores: by part, then by the name of the model, one a seed.
        sizes: examples of each part.
        score: the plain name of the score by which they are compared.
        larger: whether more of it is better.
        run: the folder of the run; None where there is none.
        notes: what is to be said of it.
    """

    scores: Mapping[str, Mapping[str, Sequence[Scores]]]
    sizes: Mapping[str, int]
    score: str
    larger: bool
    run: str | None = None
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
        part, said = self.judged, []
        if self.run is None:
            return []
        own = self.mean(part, "run", self.score)
        for name in self.scores[part]:
            other = self.mean(part, name, self.score)
            if name != "run":
                better = (own > other) == self.larger
                what = "equals" if own == other else "beats" if better else "LOSES TO"
                said.append(f"the run {what} {name}: {self.score} {own:.4g} and {other:.4g}")
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
        told |= {"scores": {part: {n: list(s) for n, s in models.items()} for part, models in self.scores.items()}}
        write_json(file, {**told, "verdicts": self.verdicts(), "notes": self.notes})
        return file


def compare(
    recipe: Recipe, seeds: int, progress: Progress, run: tuple[str, Mapping[str, Scores]] | None = None
) -> Compared:
    """Train the baselines of a task on the parts and prepared inputs of a run, and score them as it is scored.

    Args:
        recipe: checked.
        seeds: how often a model is fitted that draws.
        progress: hears what is being fitted.
        run: the folder of a run, and its own scores by part.

    Raises:
        ConfigError: there are no baselines for such data.
    """
    _refuse(recipe.data.probe())
    data = load_data(recipe)
    _refuse(data.spec)
    if not data.train.listed:
        raise ConfigError("baseline: needs all examples at once, and these come as a stream.")
    data = balanced(recipe, data)
    loss = build_loss(recipe, data.spec)
    task = build_task(recipe, data.spec, loss)
    for note in data.notes:
        progress.message(note)
    notes = []
    if data.spec.inputs and data.spec.inputs.kind == "image" and max(data.spec.input_shape[1:]) > SIDE:
        notes.append(f"images are averaged down to {SIDE} by {SIDE} pixels for the baselines")
    inputs = {name: vectors(part) for name, part in data.parts.items()}
    targets = torch.cat(
        [data.train.read(r).targets.cpu() for r in torch.arange(len(data.train)).split(AT_ONCE)]
    ).numpy()
    parts = [name for name in ("val", "test") if name in data.parts]
    scores: dict[str, dict[str, list[Scores]]] = {part: {} for part in parts}
    for part in parts if run else ():
        scores[part]["run"] = [dict(run[1][part])] if run else []
    for name, make in models(task.name).items():
        progress.message(f"fitting {name}")
        for seed in range(seeds):
            try:
                fitted = Fitted(make(seed), inputs["train"], targets, task)
            except ValueError as error:
                notes.append(f"{name} is left out: {' '.join(str(error).split())}")
                break
            for part in parts:
                scores[part].setdefault(name, []).append(
                    _scores(fitted, data.parts[part], inputs[part], recipe, task, loss)
                )
            given = scores[parts[0]][name]
            if name != "boosting" or (seed == 1 and given[0] == given[1]):
                break  # it draws nothing
    monitor = str(recipe.values["monitor"]).replace("val_", "val/").partition("/")[2]
    directions = {"loss": "min", **{m.name: m.direction for m in build_metrics(recipe, task)}}
    score = (
        monitor if monitor in directions and monitor != "loss" else next((n for n in directions if n != "loss"), "loss")
    )
    return Compared(scores, data.sizes, score, directions[score] == "max", run[0] if run else None, notes)


def _refuse(spec: Spec) -> None:
    """Refuse what there are no baselines for, as far as it is known."""
    if spec.task is not None and spec.task not in TASKS:
        raise ConfigError(f"baseline: is for {', '.join(TASKS)}, and these data are for {spec.task}.")
    if spec.inputs is not None and spec.inputs.kind not in COMPARABLE:
        raise ConfigError(f"baseline: takes rows of tables, series or images, and these data are {spec.inputs.kind}.")


def _scores(fitted: Fitted, part: Split, inputs: Any, recipe: Recipe, task: Task, loss: Loss) -> Scores:
    meter = Meter(task, build_metrics(recipe, task))
    outputs = fitted.outputs(inputs)
    for rows in torch.arange(len(part)).split(AT_ONCE):
        batch = part.read(rows)
        value = loss.evaluate(outputs[rows], batch)
        meter.add([Result(value, outputs[rows], batch, loss.units(batch))])
        meter.fold()
    return meter.read()
