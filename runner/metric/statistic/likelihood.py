"""The statistics behind perplexity and bits per byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runner.engine.metric import Need, Scored, Statistic
from runner.engine.spec import IGNORED

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Spec

# A smaller probability counts as this one, so that its logarithm stays a number.
LEAST = 1e-38


class Surprise(Statistic):
    """Sums ``(2,)`` over tokens that count: 1, and ``-log p`` (in nats) of the true token. In float64, but on mps."""

    needs: ClassVar[frozenset[Need]] = frozenset({"probabilities"})

    def summarize(self, scored: Scored) -> Tensor:
        """The sums of some examples, from targets ``(N, steps)`` and probabilities ``(N, steps, vocabulary)``."""
        assert scored.probabilities is not None
        counts = scored.targets != IGNORED
        true = scored.targets.clamp(min=0).unsqueeze(-1)
        surprise = -scored.probabilities.gather(-1, true).squeeze(-1).clamp(min=LEAST).log()
        if surprise.device.type != "mps":
            surprise = surprise.double()
        sums = surprise.new_empty(2)
        sums[0] = counts.sum()
        sums[1] = surprise.where(counts, 0.0).sum()
        return sums


class ByteSurprise(Surprise):
    """As `Surprise`, but the first sum is of the bytes that the true tokens stand for: `Field.bytes_each`."""

    def __init__(self, spec: Spec) -> None:
        import torch  # so that metrics are known without it

        super().__init__(spec)
        assert spec.targets is not None
        self.bytes = torch.tensor(spec.targets.bytes_each())

    def summarize(self, scored: Scored) -> Tensor:
        """The sums of some examples, from targets and probabilities as `Surprise` takes them."""
        sums = super().summarize(scored)
        self.bytes = self.bytes.to(scored.targets.device)
        sums[0] = self.bytes[scored.targets.clamp(min=0)].where(scored.targets != IGNORED, 0).sum()
        return sums
