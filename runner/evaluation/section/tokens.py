"""How surprising tokens are, by their place and by what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from runner.engine.metric import Need, Scored, Statistic
from runner.engine.spec import IGNORED
from runner.evaluation.section.base import Findings, Section, number
from runner.metric.statistic.likelihood import LEAST

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from runner.engine.spec import Spec

POSITIONS = 1024  # told apart; tokens behind count with the last one
SHOWN = 50  # tokens in JSON


class TokenSums(Statistic):
    """Sums ``(3, POSITIONS + vocabulary)`` over tokens, by position and by token: 1, ``-log p`` in nats, whether told.

    One tensor, so that both come of one look at the probabilities.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"probabilities"})

    def summarize(self, scored: Scored) -> Tensor:
        """The sums of some examples, from targets ``(N, steps)`` and probabilities ``(N, steps, vocabulary)``."""
        import torch

        assert scored.probabilities is not None
        counts, true = scored.targets != IGNORED, scored.targets.clamp(min=0)
        surprise = -scored.probabilities.gather(-1, true.unsqueeze(-1)).squeeze(-1).clamp(min=LEAST).log()
        if surprise.device.type != "mps":
            surprise = surprise.double()
        right = (scored.predictions == scored.targets).to(surprise.dtype)
        values = torch.stack([torch.ones_like(surprise), surprise, right]).where(counts, 0.0).flatten(1)
        steps = torch.arange(true.shape[1], device=true.device).clamp(max=POSITIONS - 1).expand_as(true).flatten()
        sums = values.new_zeros(3, POSITIONS + scored.probabilities.shape[-1])
        sums.index_add_(1, steps, values)
        sums.index_add_(1, POSITIONS + true.flatten(), values)
        return sums


class TokenLosses(Section):
    """Loss (nats) and accuracy of tokens by position, and of those that cost most together."""

    def statistics(self) -> tuple[Callable[[Spec], Statistic], ...]:
        """See `Section.statistics`."""
        return (TokenSums,)

    def find(self, totals: dict[Any, Tensor], found: Findings) -> None:
        """See `Section.find`."""
        by_position, by_token = totals[TokenSums].split([POSITIONS, totals[TokenSums].shape[1] - POSITIONS], 1)
        found.facts["tokens"] = round(float(by_token[0].sum()))
        found.tables["per_position"] = [
            {"position": place + 1, "tokens": round(n), "loss": number(loss / n), "accuracy": right / n}
            for place, (n, loss, right) in enumerate(by_position.T.tolist())
            if n
        ]
        if float(by_position[0, -1]):
            found.notes.append(f"tokens behind position {POSITIONS:,} count with it")
        names = self.task.spec.targets.names if self.task.spec.targets else ()
        whole = float(by_token[1].sum())
        order = by_token[1].argsort(descending=True, stable=True).tolist()
        columns = by_token.T.tolist()
        rows = [
            {
                "token": names[token] if names else str(token),
                "count": round(columns[token][0]),
                "loss": number(columns[token][1] / columns[token][0]),
                "accuracy": columns[token][2] / columns[token][0],
                "share_of_loss": number(columns[token][1] / whole) if whole else None,
            }
            for token in (order if self.full else order[: 2 * SHOWN])
            if columns[token][0]
        ]
        found.tables["costliest_tokens"] = rows[:SHOWN]
        if self.full:
            found.files["per_token"] = rows

    def draw(self, found: Findings) -> dict[str, Figure]:
        """Loss by position, and the tokens that cost most."""
        from runner.canvas import COLORS, canvas, shortened

        rows, tokens = found.tables["per_position"], found.tables["costliest_tokens"][:15]
        if not rows:
            return {}
        figure, (axis, below) = canvas("Loss of tokens", height=3.4, rows=2)
        axis.plot([row["position"] for row in rows], [row["loss"] for row in rows], color=COLORS[0], marker=".")
        axis.set_xlabel("position in the sequence")
        axis.set_ylabel("loss (nats a token)")
        below.barh(range(len(tokens)), [100 * (row["share_of_loss"] or 0) for row in tokens], color=COLORS[4])
        labels = [shortened(repr(row["token"])) for row in tokens]
        below.set_yticks(range(len(tokens)), labels, fontsize=8, parse_math=False)
        below.invert_yaxis()
        below.set_xlabel("share of the whole loss (%)")
        return {"tokens": figure}
