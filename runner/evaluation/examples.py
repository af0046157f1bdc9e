"""The examples with the highest loss, and the mistakes of which the network was surest."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.batches import Batches
    from runner.engine.loss import Loss
    from runner.engine.task import Task
    from runner.engine.transform import Transform

COUNT = 20  # of each kind
LONGEST = 2000  # characters of a text


@dataclass(frozen=True)
class Example:
    """An example that is kept.

    Attributes:
        rank: by which it is kept: the higher, the worse.
        index: its number in its part, from 0.
        loss: of it alone.
        confidence: probability of the wrong answer; None where it is right or neither.
        inputs: what the network was given; None of a graph.
        target: the true answer.
        predicted: what `Task.predict` gives.
        told: what `Task.true_rows` and `Task.rows` give of it.
    """

    rank: float
    index: int
    loss: float
    confidence: float | None
    inputs: Tensor | None
    target: Tensor
    predicted: Tensor
    told: dict[str, Any]


class Examples:
    """Looks at every batch and keeps the worst `COUNT` examples of each kind, whatever the size of the part.

    Args:
        task: what is predicted.
        loss: the loss.
        batches: the examples.
        transform: tells what inputs were before; None where there was nothing raw.
    """

    def __init__(self, task: Task, loss: Loss, batches: Batches, transform: Transform | None) -> None:
        self.task, self.loss, self.split, self.transform = task, loss, batches.split, transform
        self.rows, self.seen = batches.rows_in_order(), 0
        self.highest_loss: list[Example] = []
        self.confident_mistakes: list[Example] = []

    def see(self, outputs: Tensor, batch: Batch) -> None:
        """Look at a batch."""
        outputs = outputs[: batch.examples].float()
        losses = self.loss.by_example(outputs, batch).float().cpu()
        sure = self.task.mistakes(outputs, batch.targets)
        confidences = None if sure is None else sure.float().nan_to_num(0.0).cpu()
        self._keep(self.highest_loss, losses.nan_to_num(math.inf, math.inf), losses, confidences, outputs, batch)
        if confidences is not None:
            self._keep(self.confident_mistakes, confidences, losses, confidences, outputs, batch, above=0.0)
        self.seen += batch.examples

    def _keep(
        self,
        kept: list[Example],
        ranks: Tensor,
        losses: Tensor,
        confidences: Tensor | None,
        outputs: Tensor,
        batch: Batch,
        above: float = -math.inf,
    ) -> None:
        least = kept[-1].rank if len(kept) == COUNT else above
        places = ranks.argsort(descending=True, stable=True)[:COUNT]  # topk takes any of those that are alike
        new = [
            self._example(rank, i, float(losses[i]), confidences, outputs, batch)
            for rank, i in zip(ranks[places].tolist(), places.tolist(), strict=True)
            if rank > least
        ]
        kept[:] = sorted([*kept, *new], key=lambda example: (-example.rank, example.index))[:COUNT]

    def _example(
        self, rank: float, i: int, loss: float, confidences: Tensor | None, outputs: Tensor, batch: Batch
    ) -> Example:
        own, target = outputs[i : i + 1].cpu(), batch.targets[i : i + 1].cpu()
        by_example = self.task.spec.inputs is not None and self.task.spec.inputs.kind != "graph"
        confidence = None if confidences is None else float(confidences[i])
        return Example(
            rank,
            int(self.rows[self.seen + i]),
            loss,
            confidence or None,
            batch.inputs[i].cpu() if by_example else None,
            target[0],
            self.task.predict(own)[0],
            {**self.task.true_rows(target)[0], **self.task.rows_of(own, batch.only(i))[0]},
        )

    def table(self) -> list[dict[str, Any]]:
        """A row for each: what it is, what is true, what was told, and its raw values under ``input_`` and their names.

        Masks are in the pictures only.
        """
        kinds = {"highest_loss": self.highest_loss, "confident_mistake": self.confident_mistakes}
        masks = self.task.spec.targets is not None and self.task.spec.targets.kind == "mask"
        rows = []
        for kind, examples in kinds.items():
            for rank, example in enumerate(examples, start=1):
                row = {
                    "kind": kind,
                    "rank": rank,
                    "index": example.index,
                    **({"place": place} if (place := self.split.place(example.index)) else {}),
                    "loss": _short(example.loss),
                    "confidence": None if example.confidence is None else _short(example.confidence),
                    **{
                        name: _short(value) for name, value in example.told.items() if not masks or name != "prediction"
                    },
                }
                if self.transform is not None and example.inputs is not None:
                    (raw,) = self.transform.undo(example.inputs[None])
                    row |= {f"input_{name}": _short(value) for name, value in raw.items()}
                rows.append(row)
        return rows


def _short(value: Any) -> Any:
    """A value of a table: a number without the digits that mean nothing, a long text cut off."""
    if isinstance(value, float):
        return float(f"{value:.7g}")  # float32 has no more
    text = value if isinstance(value, str) else json.dumps(value) if isinstance(value, list) else None
    if text is None:
        return value
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
