"""Which examples are explained: some of the test split, or those of a user's files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch

from runner.engine.batch import Batch
from runner.engine.spec import IGNORED
from runner.engine.transform import Bad
from runner.errors import ConfigError, RunFailed

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.data import Data
    from runner.engine.spec import Field
    from runner.engine.split import Split
    from runner.explain.base import Tell
    from runner.explain.subject.explained import Case, Explained

_LOOKED_AT = 2000  # examples of the split among which classes are looked at, and a tenth of it where losses are


def from_split(
    explained: Explained, split: Split, name: str, number: int, target: int | None, tell: Tell
) -> list[Case]:
    """A mix of a split's examples.

    Of classes a third each, as far as there are such: the most confident mistakes, other mistakes, right answers; of
    every other task half those with the highest loss, half drawn.

    Args:
        explained: the network.
        split: the examples.
        name: of the split.
        number: how many.
        target: see `Explained.case`.
        tell: hears of the progress.
    """
    field = explained.spec.targets
    chosen = _by_class if field is not None and field.kind == "class" else _by_loss
    cases = []
    for group, row in chosen(explained, split, number, tell):
        batch = split.read(torch.tensor([row]))
        cases.append(explained.case(batch, f"{name} {row}", group, in_words(field, batch.targets[0]), target))
    return cases


def _by_class(explained: Explained, split: Split, number: int, tell: Tell) -> list[tuple[str, int]]:
    rows = split.drawn(_LOOKED_AT, 0)
    right: list[Tensor] = []
    confidence: list[Tensor] = []
    for part in rows.split(explained.at_once):
        tell("choosing examples", explained.at_once * len(right), len(rows))
        batch = split.read(part)
        outputs = explained.outputs(batch).cpu()
        right.append(explained.task.predict(outputs) == batch.targets.cpu())
        confidence.append(explained.task.probabilities(outputs).amax(1))
    hits, order = torch.cat(right), torch.cat(confidence).argsort(descending=True, stable=True)
    wrong, good = rows[order[~hits[order]]].tolist(), rows[hits].tolist()
    worst = wrong[: -(-number // 3)]
    others = evenly(wrong[len(worst) :], number // 3)
    shown = evenly(good, number - len(worst) - len(others))
    groups = {"most confident mistake": worst, "mistake": others, "right": shown}
    return [(group, row) for group, some in groups.items() for row in some]


def _by_loss(explained: Explained, split: Split, number: int, tell: Tell) -> list[tuple[str, int]]:
    rows = split.drawn(_LOOKED_AT // 10, 0)
    losses: list[Tensor] = []
    for row in rows:
        tell("choosing examples", len(losses), len(rows))
        batch = split.read(row[None])
        losses.append(explained.network.loss.evaluate(explained.outputs(batch), batch.to(explained.device)))
    order = rows[torch.stack(losses).cpu().argsort(descending=True, stable=True)].tolist()
    worst = order[: -(-number // 2)]
    drawn = evenly(sorted(order[len(worst) :]), number - len(worst))
    return [("highest loss", row) for row in worst] + [("drawn", row) for row in drawn]


def evenly(rows: Sequence[int], number: int) -> list[int]:
    """So many of some rows, or all where there are fewer, at equal distances."""
    number = min(number, len(rows))
    return [rows[i * len(rows) // number] for i in range(number)]


def from_files(
    explained: Explained, sources: Sequence[str], number: int, target: int | None
) -> tuple[list[Case], list[str]]:
    """The first examples of a user's files, as ``predict`` takes them.

    Returns:
        The cases, and what is to be said of them.

    Raises:
        ConfigError: the data have no raw form, a file is not there, or holds no example.
        RunFailed: an example can't be read.
    """
    transform = explained.network.transform
    if transform is None:
        raise ConfigError("explain: the data of this run have no raw form that files could hold. Leave INPUT out.")
    cases: list[Case] = []
    more = False
    for raw in transform.read(sources, number + 1):
        if isinstance(raw, Bad):
            raise RunFailed(f"{raw.place}: {raw.reason}")
        for batch, place in zip(_one_by_one(transform.batch(raw.examples)), raw.places, strict=True):
            if more := len(cases) == number:
                break
            cases.append(explained.case(batch, place, target=target))
        if more:
            break
    if not cases:
        raise ConfigError(f"{', '.join(sources)}: holds no example.")
    notes = [f"explained are the first {number}; --examples N takes more"] if more else []
    return cases, [*transform.notes, *notes]


def _one_by_one(batch: Batch) -> Iterator[Batch]:
    lengths = batch.more.get("lengths")
    for i in range(batch.examples):
        inputs = batch.inputs[i : i + 1]
        if lengths is not None:
            inputs = inputs[:, : int(lengths[i])]
        yield Batch(inputs, batch.targets[:0], {k: v[i : i + 1] for k, v in batch.more.items()}, 1)


def background(explained: Explained, data: Data, number: int) -> Tensor:
    """`Explained.whole` of so many training examples, drawn ``(number, ...)``, on the network's device."""
    return explained.whole(data.train.sample(number, 0)).to(explained.device)


def in_words(field: Field | None, target: Tensor) -> str:
    """A true answer: the name of a class, the names of labels, numbers in their units; nothing of other kinds."""
    if field is None or not target.numel():
        return ""
    if field.kind == "class":
        number = int(target)
        return "" if number == IGNORED else _name(field, number)
    if field.kind == "labels":
        return ";".join(_name(field, i) for i, holds in enumerate(target.tolist()) if holds > 0.5)
    if field.kind == "values" and target.numel() <= 8:
        std, mean = target.new_tensor(field.std or (1.0,)), target.new_tensor(field.mean or (0.0,))
        return ", ".join(f"{value:.4g}" for value in (target * std + mean).flatten().tolist())
    return ""


def _name(field: Field, number: int) -> str:
    return field.names[number] if field.names else str(number)
