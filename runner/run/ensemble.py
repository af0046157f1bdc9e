"""Several trained networks as one: their probabilities or values are averaged, or they vote."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from runner.errors import ConfigError, RunFailed
from runner.run.trained import TrainedNetwork

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.data import Data

# What evaluation is told of a batch: its examples, and the outputs of each member for them, in the units of the first.
Told = tuple["Batch", "list[Tensor]"]


@dataclass(frozen=True)
class Ensemble(TrainedNetwork):
    """Trained networks for one task and the same data, as one.

    Each prepares raw examples as it was fitted to, so that folds, whose training parts differ, go together. What
    `TrainedNetwork` says of itself is that of the first; `model` gives the outputs of all together for prepared inputs,
    where all prepare them alike.

    Attributes:
        members: at least one.
        weights: one each, at least 0, sum 1.
        vote: take the class that most members tell, instead of the average.
    """

    members: tuple[TrainedNetwork, ...] = ()
    weights: tuple[float, ...] = ()
    vote: bool = False

    @classmethod
    def of(cls, members: Sequence[TrainedNetwork], weights: Sequence[float] = (), vote: bool = False) -> Ensemble:
        """An ensemble of networks that go together; without `weights` with equal ones."""
        first = members[0]
        shares = tuple(weights) or (1 / len(members),) * len(members)
        own = {name: getattr(first, name) for name in TrainedNetwork.__dataclass_fields__}
        made = cls(**own, members=tuple(members), weights=shares, vote=vote)
        return replace(made, model=Together(made).eval())

    @property
    def folds(self) -> tuple[int, ...]:
        """The fold that each member was not trained on; empty where all have the same part for validation."""
        folds = tuple(int(m.recipe.data.fold) for m in self.members)
        return folds if self.recipe.data.folds is not None and len(set(folds)) > 1 else ()

    @property
    def takes_prepared(self) -> bool:
        """Whether its `model` takes the inputs that the first network takes, and gives what has a loss."""
        return isinstance(self.model, Together) and self.model.alike and not self.vote and not self.folds

    def together(self, outputs: Sequence[Tensor], weights: Sequence[float] = ()) -> Tensor:
        """Outputs of the ensemble from those of its members, in the units of the first.

        Args:
            outputs: what each gave.
            weights: one each; those of the ensemble where there are none.
        """
        stacked, shares = torch.stack(list(outputs)), torch.tensor(list(weights or self.weights), dtype=torch.float64)
        return self.task.vote(stacked, shares) if self.vote else self.task.combine(stacked, shares)

    def in_first_units(self, member: TrainedNetwork, values: Tensor) -> Tensor:
        """Outputs or targets of a member, scaled as those of the first are."""
        return member.task.in_units_of(self.task, values)

    def predict(self, raw: Any) -> list[dict[str, Any]]:
        """Predictions for raw examples; see `TrainedNetwork.predict`."""
        if any(member.transform is None for member in self.members):
            return super().predict(raw)
        each = []
        for member in self.members:
            assert member.transform is not None
            batch = member.transform.batch(raw)
            each.append(self.in_first_units(member, member.outputs(batch)))
        return self.task.rows_of(self.together(each), batch)

    def told(self, data: Sequence[Data], split: str, members: Sequence[int] = ()) -> Iterator[Told]:
        """Go over a part of the data, batch by batch.

        Args:
            data: of each member, as it prepares them.
            split: its name.
            members: numbers of those that are asked; all where there are none.
        """
        from runner.run.assembly import evaluation_batches

        asked = list(members or range(len(self.members)))
        parts = {id(data[n]): data[n].parts[split] for n in asked}
        cpu = torch.device("cpu")
        read = {key: evaluation_batches(self.recipe, part, cpu, False).in_order() for key, part in parts.items()}
        for together in zip(*read.values(), strict=True):
            batches = dict(zip(read, together, strict=True))
            first = batches[id(data[asked[0]])]
            owner = self.members[asked[0]]
            targets = self.in_first_units(owner, first.targets)
            batch = first if targets is first.targets else first.changed(targets=targets)
            members_ = [(self.members[n], batches[id(data[n])]) for n in asked]
            yield batch, [self.in_first_units(member, member.outputs(given)) for member, given in members_]

    def out_of_fold(self, data: Sequence[Data]) -> Iterator[tuple[int, Told]]:
        """As `told` for validation, each example by members not trained on it; and the number of its fold."""
        numbered = sorted(range(len(self.members)), key=lambda n: (self.folds[n], n))
        for fold, numbers in groupby(numbered, key=lambda n: self.folds[n]):
            for told in self.told(data, "val", list(numbers)):
                yield fold, told

    def joined(self, data: Sequence[Data], split: str) -> Iterator[tuple[Batch, Tensor, list[Tensor]]]:
        """Batches of a part, the outputs of the ensemble, and those of the members that were asked."""
        if split == "val" and self.folds:
            for _, (batch, each) in self.out_of_fold(data):
                yield batch, self.together(each, (1 / len(each),) * len(each)), each
        else:
            for batch, each in self.told(data, split):
                yield batch, self.together(each), each

    def content(self, saved: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """What its checkpoint holds: those of the members, whole.

        Args:
            saved: the checkpoint of each member.
        """
        members = [{name: one[name] for name in KEPT} | {"changes": one.get("changes", [])} for one in saved]
        return {"members": members, "weights": list(self.weights), "vote": self.vote}


class Together(nn.Module):
    """The networks of an ensemble as one, for inputs that are prepared already.

    Args:
        ensemble: what they are, and how their outputs are joined.
    """

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        self.members = nn.ModuleList([member.model for member in ensemble.members])
        self.ensemble = ensemble
        states = [member.transform.state_dict() if member.transform else {} for member in ensemble.members]
        self.alike = all(_same(states[0], state) for state in states)

    def forward(self, inputs: Tensor, **more: Tensor) -> Tensor:
        """Outputs ``(N, ...)`` of all together.

        Raises:
            ConfigError: the members prepare raw examples each in its way.
        """
        if not self.alike:
            raise ConfigError(
                "the members of this ensemble were trained on different parts, and each prepares inputs in its own "
                "way: there are no inputs for all. Take one of them alone."
            )
        owners = zip(self.ensemble.members, self.members, strict=True)
        each = [self.ensemble.in_first_units(member, model(inputs, **more)) for member, model in owners]
        return self.ensemble.together(each)


def _same(one: Any, other: Any) -> bool:
    """Whether two states of plain containers and tensors are equal."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one.cpu(), other.cpu())
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


# What an ensemble keeps of the checkpoint of each member.
KEPT = ("model", "config", "spec", "transform", "data")


def read(saved: dict[str, Any], path: Path, network: Callable[[dict[str, Any]], TrainedNetwork]) -> Ensemble:
    """The ensemble that a checkpoint holds.

    Args:
        saved: the content of the checkpoint.
        path: of its file, for messages.
        network: makes a trained network of what is kept of a member.

    Raises:
        RunFailed: these are no members, or their weights no shares.
    """
    kept, given = saved["members"], saved.get("weights")
    whole = isinstance(kept, list) and kept and all(isinstance(m, dict) and m.keys() >= {*KEPT} for m in kept)
    weights = [w for w in given if type(w) is float and w >= 0] if isinstance(given, list) else []
    if (
        not whole
        or not len(weights) == len(given or ()) == len(kept)
        or not math.isclose(sum(weights), 1, abs_tol=1e-6)
    ):
        raise RunFailed(f"{path}: damaged, it holds no members of an ensemble with shares that sum to 1.")
    return Ensemble.of([network(member) for member in kept], weights, saved.get("vote") is True)


def load_each(ensemble: Ensemble, overrides: list[str], allow_changed_data: bool | None = None) -> list[Data]:
    """The data of each member, split and prepared as it was fitted to; loaded once where they are the same.

    Args:
        ensemble: says how.
        overrides: where the data are now; see `evaluate_run`.
        allow_changed_data: go on where they are not those of the training; None: no, and nobody can say so.

    Raises:
        ConfigError: they have changed.
    """
    from runner.run.assembly import load_data
    from runner.run.unchanged import Unchanged

    known: dict[str, Data] = {}
    found = []
    for member in ensemble.members:
        recipe = member.recipe_at(overrides)
        key = repr(sorted((k, v) for k, v in recipe["data"].values.items() if k not in READING))
        if key not in known:
            known[key] = load_data(recipe)
            Unchanged(allow_changed_data).check(known[key], member.fingerprint, member.sizes, member.spec)
        found.append(known[key])
    return found


# Settings of data that say how they are read, not what they are.
READING = ("batch_size", "drop_last", "num_workers")


def scores_of_ensemble(
    ensemble: Ensemble, data: Sequence[Data], split: str
) -> tuple[dict[str, float], list[dict[str, float]]]:
    """Scores of an ensemble on a part of its data, and those of its members on the same examples.

    Members of different folds are asked for the validation examples that they were not trained on: then there are no
    scores of members, as each was asked of others. A vote has shares, not probabilities, and so no loss.
    """
    from runner.config.build import build_metrics
    from runner.engine.meter import Meter, Result

    def meter() -> Meter:
        return Meter(ensemble.task, build_metrics(ensemble.recipe, ensemble.task))

    whole = not (split == "val" and ensemble.folds)
    meters = [meter() for _ in range(1 + whole * len(ensemble.members))]
    with torch.inference_mode():
        for batch, joined, each in ensemble.joined(data, split):
            for one, outputs in zip(meters, [joined, *each], strict=False):
                loss = ensemble.loss.evaluate(outputs, batch)
                one.add([Result(loss, outputs, batch, ensemble.loss.units(batch))])
    own, *members = [one.read() for one in meters]
    if ensemble.vote:
        own.pop("loss")
    return own, members
