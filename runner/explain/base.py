"""What every method declares, and what all attributions have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch

from runner.engine.spec import IN_WORDS
from runner.explain.check.randomization import HIGH, UNTRAINED, mean_of, rank_correlation
from runner.explain.subject.columns import columns_of
from runner.explain.subject.explained import Case, Explained, seeded

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.data import Data
    from runner.engine.spec import Kind

Tell = Callable[[str, int, int], None]  # what goes on, how much of it is done, and of how much


@dataclass
class Explanation:
    """What a method found.

    Attributes:
        facts: as the JSON file has it.
        files: what else is written: content by ending, such as ``.png``.
        said: sentences for the terminal.
    """

    facts: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


class Method:
    """A way to explain a network.

    Subclasses live one per file in ``runner/explain``, named as the file.

    Attributes:
        kinds: of inputs that it can be asked about.
        needs: what it is about: single examples, or the network (then the examples play no part).
        takes_layer: whether ``--layer`` has a meaning.
        categories: whether it has a meaning for words of a table that are embedded.
        instead: what is said where it does not fit the inputs.
        asks: kinds of inputs of which it asks for answers alone, not for layers or gradients: then it explains an
            exported file too.

    Args:
        explained: the network.
        layer: the layer that was named; None: a default.
        data: loads the data that the network was trained with.
    """

    kinds: ClassVar[tuple[Kind, ...]]
    needs: ClassVar[Literal["examples", "network"]] = "examples"
    takes_layer: ClassVar[bool] = False
    categories: ClassVar[bool] = False
    instead: ClassVar[str] = ""
    asks: ClassVar[tuple[Kind, ...]] = ()

    def __init__(self, explained: Explained, layer: str | None, data: Callable[[], Data]) -> None:
        self.explained, self.layer, self.data = explained, layer, data

    @property
    def name(self) -> str:
        """The name of its file."""
        return type(self).__module__.rpartition(".")[2]

    @classmethod
    def refusal(cls, explained: Explained) -> str | None:
        """Why it can't explain this network, in a sentence; None where it can."""
        if explained.kind not in cls.kinds:
            asked = IN_WORDS.get(explained.kind, explained.kind)
            return f"this network is given {asked}, and {cls.instead}."
        if explained.embeds and not cls.categories:
            return (
                "of words that are embedded there is no zero and no gradient: shap and permutation_importance have a "
                "share for each column."
            )
        return None

    def explain(self, cases: Sequence[Case], tell: Tell) -> Explanation:
        """Explain.

        Args:
            cases: the examples; none where `needs` is ``network``.
            tell: hears of the progress.
        """
        raise NotImplementedError


class Attribution(Method):
    """A method that gives each part of an input its share in the answer.

    Attributes:
        gradient: whether it is made of gradients: then it is compared with that of weights that were never trained.
        complete: whether the shares sum to the answer less that of a baseline.
        reduction: what one pixel has of its channels, and a column of its features: the ``sum`` of their shares, the
            largest (``max``), or the ``first``, where they were changed together and all have the same.
        signed: whether shares may speak against the answer.
    """

    gradient: ClassVar[bool] = False
    complete: ClassVar[bool] = False
    reduction: ClassVar[Literal["sum", "max", "first"]] = "sum"
    signed: ClassVar[bool] = True

    def baseline(self) -> str:
        """What shares are measured against, in words; empty where there is nothing of the kind."""
        return ""

    def attribute(self, case: Case) -> tuple[Tensor, float | None]:
        """The share of every number of a case's inputs, and the answer of the baseline, if there is one.

        Returns:
            ``(1, ...)`` of the shape of the inputs; for images one channel will do.
        """
        raise NotImplementedError

    def shares(self, case: Case) -> tuple[Tensor, float | None]:
        """Of images a share for each pixel ``(H, W)``, of tables for each column, else as the inputs ``(...)``."""
        with seeded(self.name, case.place), self.explained.kernels():
            values, base = self.attribute(case)
        values = values.detach()[0].float().cpu()
        if self.explained.kind == "image":
            return self._reduced(values, 0), base
        if self.explained.kind == "table":
            columns = columns_of(self.explained)
            return torch.stack([self._reduced(values[list(column.features)], 0) for column in columns]), base
        return values, base

    def _reduced(self, values: Tensor, dim: int) -> Tensor:
        if self.reduction == "first":
            return values.select(dim, 0)
        return values.sum(dim) if self.reduction == "sum" else values.amax(dim)

    def explain(self, cases: Sequence[Case], tell: Tell) -> Explanation:
        """See `Method.explain`."""
        from runner.explain.drawing.shares import drawn

        seeds = range(min(UNTRAINED, len(cases)) if self.gradient else 0)
        untrained = [type(self)(self.explained.initialized_anew(seed), self.layer, self.data) for seed in seeds]
        found, rows = [], []
        for number, case in enumerate(cases):
            tell(self.name, number, len(cases))
            shares, base = self.shares(case)
            row: dict[str, Any] = about(case) | {"values": rounded(shares)}
            if base is not None:
                row |= {"base_value": base, "sum": float(shares.double().sum())}
                if self.complete:
                    row["completeness_error"] = row["sum"] - (case.value - base)
            if untrained:
                other = untrained[number % len(untrained)].shares(case)[0]
                row["rank_correlation_with_untrained"] = rank_correlation(shares, other)
            found.append(shares)
            rows.append(row)
        facts: dict[str, Any] = {"baseline": self.baseline(), "examples": rows}
        if self.layer:
            facts = {"layer": self.layer, **facts}
        explanation = Explanation(facts, drawn(self.explained, cases, found, self.signed))
        self._checked(explanation)
        return explanation

    def _checked(self, explanation: Explanation) -> None:
        """Add what the checks showed, over all examples."""
        rows, checks = explanation.facts["examples"], {}
        if self.complete:
            errors = [abs(row["completeness_error"]) for row in rows]
            spans = [abs(row["value"] - row["base_value"]) for row in rows]
            share = sum(errors) / max(sum(spans), 1e-12)
            checks["completeness_error"] = share
            explanation.said.append(
                f"completeness: shares miss the answer less that of the baseline by {100 * share:.2g} % of it"
            )
        if self.gradient:
            mean = mean_of([row["rank_correlation_with_untrained"] for row in rows])
            checks["rank_correlation_with_untrained"] = mean
            if mean is None:
                explanation.said.append("sanity check: not defined, all shares are alike")
            else:
                said = f"sanity check: rank correlation {mean:.2f} with the shares of untrained weights"
                if mean > HIGH:
                    said += (
                        f": high (above {HIGH}), where they are large follows from the inputs and the network's form "
                        "more than from what was learnt"
                    )
                explanation.said.append(said)
        explanation.facts = {"checks": checks, **explanation.facts}


def about(case: Case) -> dict[str, Any]:
    """What is said of a case in files."""
    told = {"example": case.place, "group": case.group, "truth": case.truth, "predicted": case.predicted}
    return {**{k: v for k, v in told.items() if v}, "explained": case.answer, "value": case.value}


def rounded(values: Tensor) -> Any:
    """Numbers with six digits, in lists: as files have them."""
    return json.loads(json.dumps(values.tolist()), parse_float=lambda text: float(f"{float(text):.6g}"))


def zero_in_words(explained: Explained) -> str:
    """What inputs of zeros are, behind the scaling of the data."""
    scaling = explained.network.recipe.data.scaling
    what = {
        "standard": {"image": "the mean colour of the training images", "table": "the training part's mean"},
        "minmax": {"image": "the darkest colour of the training images", "table": "the training part's least value"},
        "none": {"image": "black", "table": "0"},
        "imagenet": {"image": "the mean colour of ImageNet"},
        "symmetric": {"image": "grey halfway between black and white"},
        "robust": {"table": "the training part's median"},
        "quantile": {"table": "the training part's median"},
        "power": {"table": "the training part's mean of transformed values"},
    }[scaling]
    words = what.get("image" if explained.kind == "image" else "table", "")
    if explained.kind == "table":
        words += " of every column of numbers, and no word of a column of words"
    return f"{words} (0 behind scaling={scaling})"
