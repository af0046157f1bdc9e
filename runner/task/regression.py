"""One or several numbers for each example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.engine.task import Task

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Spec


class Regression(Task):
    """One or several numbers, each in its unit."""

    loss = "runner.loss.mse.MSE"
    targets = ("values",)
    sections = ("residuals",)
    link = "identity"

    @classmethod
    def num_outputs(cls, spec: Spec) -> int:
        """One for each number."""
        assert spec.targets is not None and spec.targets.shape is not None
        return spec.targets.shape[-1] or 1

    def predict(self, outputs: Tensor) -> Tensor:
        """The outputs themselves ``(N, targets)``, scaled as the targets are."""
        return outputs

    @property
    def answer_names(self) -> tuple[str, ...]:
        """The targets."""
        assert self.spec.targets is not None
        return self.spec.targets.names or tuple(f"value {i}" for i in range(1, self.num_outputs(self.spec) + 1))

    def answers(self, outputs: Tensor, kept: Tensor | None) -> Tensor:
        """The numbers in their units ``(N, targets)``."""
        targets = self.spec.targets
        assert targets is not None
        return outputs * outputs.new_tensor(targets.std or (1.0,)) + outputs.new_tensor(targets.mean or (0.0,))

    def main_answer(self, outputs: Tensor) -> Tensor:
        """The first."""
        return outputs.new_zeros(len(outputs)).long()

    def in_units_of(self, other: Task, values: Tensor) -> Tensor:
        """``(v std + mean - mean') / std'`` of each target; see `Task.in_units_of`."""
        return rescaled(self.spec, other.spec, values)

    def rows(self, outputs: Tensor) -> list[dict[str, Any]]:
        """The numbers in their units, under the names of the targets."""
        return self._named("prediction", outputs)

    def true_rows(self, targets: Tensor) -> list[dict[str, Any]]:
        """The true numbers, likewise."""
        return self._named("true", targets.flatten(1))

    def _named(self, what: str, values: Tensor) -> list[dict[str, Any]]:
        targets = self.spec.targets
        assert targets is not None
        rows = in_their_units(values, targets.mean, targets.std).tolist()
        names = targets.names or ("",)
        if len(names) == 1 or len(names) != values.shape[1]:
            names = ("",) if values.shape[1] == 1 else tuple(str(i) for i in range(values.shape[1]))
        keys = ["_".join(filter(None, (what, name))) for name in names]
        return [dict(zip(keys, row, strict=True)) for row in rows]


def in_their_units(values: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Values ``(..., targets)`` that were scaled, as they were before: in float64, ``value * std + mean``."""
    values = values.double()
    return values * values.new_tensor(std or (1.0,)) + values.new_tensor(mean or (0.0,))


def rescaled(own: Spec, other: Spec, values: Tensor) -> Tensor:
    """Values ``(..., steps * targets)`` that were scaled with the statistics of one part, with those of another."""
    one, two = own.targets, other.targets
    assert one is not None and two is not None
    if (one.mean, one.std) == (two.mean, two.std):
        return values
    width = max(1, *(len(told) for told in (one.mean, one.std, two.mean, two.std)))
    told = in_their_units(values.unflatten(-1, (-1, width)), one.mean, one.std)
    scaled = (told - told.new_tensor(two.mean or (0.0,))) / told.new_tensor(two.std or (1.0,))
    return scaled.flatten(-2).to(values)
