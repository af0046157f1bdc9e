"""The base of options that make features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from runner.engine.split import TensorSplit
from runner.engine.split.rows import RowsSplit
from runner.engine.transform import Transform
from runner.errors import RunFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from runner.engine.batch import Batch
    from runner.engine.data import Data
    from runner.engine.spec import Kind, Spec
    from runner.engine.split import Split
    from runner.engine.transform import Bad, Raw


class Features:
    """Makes features of features: fitted on the training part, kept in checkpoints, applied wherever rows are read.

    Settings are arguments of ``__init__``; what was fitted is in `state_dict`, in plain containers and tensors.

    Attributes:
        takes: kinds of inputs that it can be given.
        tasks: those that it is for; None: any.
        order: smaller acts earlier, whatever was typed first: bins are multiplied, products selected, components made
            of what is left.
        names: of the features that it gives, once fitted.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("table",)
    tasks: ClassVar[tuple[str, ...] | None] = None
    order: ClassVar[int]
    names: tuple[str, ...]

    def fit(self, inputs: Tensor, targets: Tensor, names: Sequence[str], spec: Spec) -> None:
        """Learn from the training part, and set `names`.

        Args:
            inputs: rows ``(N, F)``.
            targets: classes or values of each.
            names: of the F features.
            spec: of the data.
        """
        raise NotImplementedError

    def __call__(self, inputs: Tensor) -> Tensor:
        """Rows ``(N, F)`` of any part as rows ``(N, G)``."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """What was fitted, names included."""
        return {"names": list(self.names)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.names = tuple(state["names"])


class WithFeatures(Transform):
    """A transform and what makes features of what it gives.

    Args:
        transform: of the data option.
        steps: what makes features, by name, in this order.
    """

    def __init__(self, transform: Transform, steps: dict[str, Features]) -> None:
        super().__init__()
        self.transform, self.steps = transform, steps
        self.notes = transform.notes

    def __call__(self, raw: Any) -> Tensor:
        """Raw rows as features ``(N, G)``."""
        return self._made(self.transform(raw))

    def batch(self, raw: Any) -> Batch:
        """See `Transform.batch`."""
        batch = self.transform.batch(raw)
        return batch.changed(self._made(batch.inputs))

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """See `Transform.read`."""
        return self.transform.read(sources, size)

    def undo(self, inputs: Tensor) -> list[dict[str, Any]]:
        """The features by their names: what they were made of can't be told from them."""
        names = list(self.steps.values())[-1].names
        return [dict(zip(names, row, strict=True)) for row in inputs.tolist()]

    def module(self) -> nn.Module | None:
        """See `Transform.module`."""
        before = self.transform.module()
        return None if before is None else _module(before, self._made)

    def state_dict(self) -> dict[str, Any]:
        """See `Transform.state_dict`."""
        return {
            "transform": self.transform.state_dict(),
            "features": {name: step.state_dict() for name, step in self.steps.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Transform.load_state_dict`."""
        self.transform.load_state_dict(state["transform"])
        for name, step in self.steps.items():
            step.load_state_dict(state["features"][name])

    def _made(self, inputs: Tensor) -> Tensor:
        for step in self.steps.values():
            inputs = step(inputs)
        return inputs


def _module(before: nn.Module, made: Callable[[Tensor], Tensor]) -> nn.Module:
    from torch import nn

    class Made(nn.Module):
        """Features of what another module gives; what stands beside its inputs stays."""

        def __init__(self) -> None:
            super().__init__()
            self.before = before

        def forward(self, raw: Tensor) -> Any:
            given = self.before(raw)
            return (made(given[0]), *given[1:]) if isinstance(given, tuple) else made(given)

    return Made()


def with_features(data: Data, steps: dict[str, Features]) -> Data:
    """The data with features made of theirs, each step fitted on the training part as those before it left it.

    Args:
        data: a table in memory.
        steps: by name, in the order in which they act.
    """
    spec, parts = data.spec, dict(data.parts)
    for step in steps.values():
        train = _in_memory(parts["train"])
        if not train.inputs.shape[1]:
            raise RunFailed("features: these data have no number that features could be made of. Take features=[].")
        step.fit(train.inputs, train.targets, spec.feature_names, spec)
        parts = {name: _changed(part, step) for name, part in parts.items()}
        assert spec.inputs is not None
        spec = replace(spec, inputs=replace(spec.inputs, shape=(len(step.names),), names=step.names))
    transform = WithFeatures(data.transform, steps) if data.transform else None
    return replace(data, spec=spec, parts=parts, transform=transform)


def _in_memory(split: Split) -> TensorSplit:
    whole = split.whole() if isinstance(split, RowsSplit) else split
    assert isinstance(whole, TensorSplit)
    return whole


def _changed(split: Split, step: Features) -> TensorSplit:
    known = _in_memory(split)
    return replace(known, inputs=step(known.inputs))
