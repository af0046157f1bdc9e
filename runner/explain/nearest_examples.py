"""The training examples that the network takes for most alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from runner.errors import ConfigError
from runner.explain.base import Explanation, Method, Tell, about
from runner.explain.subject.examples import in_words
from runner.explain.subject.layers import CONVOLUTIONS, layer_named

if TYPE_CHECKING:
    from runner.engine.batch import Batch
    from runner.explain.subject.explained import Case, Explained

SHOWN = 5


class NearestExamples(Method):
    """The 5 training examples whose last hidden features have the least Euclidean distance to an example's.

    The features are what the last layer with weights is given (``--layer``: what that layer gives): of maps the mean
    over positions, of steps the last one.

    Source: Papernot and McDaniel 2018, "Deep k-Nearest Neighbors: Towards Confident, Interpretable and Robust Deep
    Learning", section 3.
    """

    kinds = ("image", "table", "series", "tokens")
    takes_layer = True
    categories = True
    instead = "nodes and edges are no examples by themselves"

    @classmethod
    def refusal(cls, explained: Explained) -> str | None:
        """See `Method.refusal`."""
        if "decoder_inputs" in explained.more:
            return "a network that answers in sequences has hidden features for each token, not for an example."
        return super().refusal(explained)

    def explain(self, cases: Sequence[Case], tell: Tell) -> Explanation:
        """See `Method.explain`."""
        from runner.explain.drawing.neighbours import drawn

        train, targets = self.data().train, self.explained.spec.targets
        asked = torch.cat(
            [
                self.features(case.inputs, dict(zip(self.explained.more, case.arguments[1:], strict=True)))
                for case in cases
            ]
        )
        best = asked.new_full((len(cases), 0), 0.0)
        rows = torch.zeros((len(cases), 0), dtype=torch.int64)
        done, size = 0, self.explained.network.batch_size
        device = self.explained.device
        for batch in train.opened(device, 0, 0).in_order(size, lambda some: (one.to(device) for one in some)):
            tell(self.name, done, len(train))
            more = {name: batch.more[name] for name in self.explained.more if name in batch.more}
            there = self.features(self.explained.whole(batch), more)
            far = torch.cdist(asked, there, compute_mode="donot_use_mm_for_euclid_dist")
            numbers = torch.arange(done, done + len(there)).expand(len(cases), -1)
            best, order = torch.cat((best, far), 1).sort(dim=1, stable=True)
            rows = torch.cat((rows, numbers), 1).gather(1, order.cpu())
            best, rows = best[:, :SHOWN], rows[:, :SHOWN]
            done += len(there)
        examples: list[dict[str, Any]] = []
        found: list[list[tuple[str, Batch]]] = []
        for case, distances, nearest in zip(cases, best.tolist(), rows.tolist(), strict=True):
            batches = [train.read(torch.tensor([row])) for row in nearest]
            told = [in_words(targets, batch.targets[0]) for batch in batches]
            near = [
                {"example": f"train {row}", "truth": truth, "distance": distance}
                for row, truth, distance in zip(nearest, told, distances, strict=True)
            ]
            examples.append({**about(case), "nearest": near})
            heads = [
                f"train {row}: {truth}\n{distance:.3g} away"
                for row, truth, distance in zip(nearest, told, distances, strict=True)
            ]
            found.append(list(zip(heads, batches, strict=True)))
        facts = {"layer": self.layer or f"what {last_weighted(self.explained)} is given", "examples": examples}
        return Explanation(facts, drawn(self.explained, cases, found))

    def features(self, whole: Tensor, more: dict[str, Tensor]) -> Tensor:
        """The features ``(N, F)`` of some examples, of which `Explained.whole` and what else there is are given."""
        inputs, categories = self.explained.divided(whole)
        layer = layer_named(self.explained, self.layer or last_weighted(self.explained))
        kept: list[Tensor] = []

        def given_to(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            kept[:] = [given[0]]

        def given_by(_: nn.Module, __: object, given: Tensor) -> None:
            kept[:] = [given]

        hook = layer.register_forward_hook(given_by) if self.layer else layer.register_forward_pre_hook(given_to)
        try:
            with torch.no_grad():
                self.explained.model(inputs, **categories, **more)
        finally:
            hook.remove()
        if not isinstance(kept[0], Tensor) or len(kept[0]) != len(inputs) or kept[0].ndim < 2:
            raise ConfigError(f"--layer {self.layer}: gives no features of an example. Name a dense layer.")
        given = kept[0].float()
        if given.ndim == 2:
            return given
        return given.flatten(2).mean(2) if given.ndim > 3 or isinstance(layer, CONVOLUTIONS) else given[:, -1]


def last_weighted(explained: Explained) -> str:
    """The name of the last dense layer or convolution."""
    names = [n for n, m in explained.model.named_modules() if isinstance(m, (nn.Linear, *CONVOLUTIONS))]
    if not names:
        raise ConfigError(
            "--method nearest_examples: this network has no dense layer or convolution. Give --layer NAME."
        )
    last: str = names[-1]
    return last
