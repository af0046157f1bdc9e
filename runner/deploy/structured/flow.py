"""Channels that flow through a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from runner.deploy.structured.labels import Labels, varies

Layers = list[Tensor]


class Flow(TorchDispatchMode):
    """Follows the channels of all tensors while a network is called.

    Every operation that runs unites the labels of those channels that can only be removed together: those of two
    tensors that are added, those of a tensor and of the weights that are multiplied with it. `operations.RULES` says so
    by the name under which torch dispatches an operation. Of what goes into one that is not known there nothing is
    removed, which is always right.

    Args:
        model: whose weights have channels.
        labels: what is found is written there.

    Attributes:
        weights: layers of each parameter and buffer, by name.
        mixed: operations that mix channels other than by weights, such as the mean of a layer normalization. Where
            there is one, a network without a channel differs from one whose channel is zero.
        unknown: operations that are not known here, and so kept channels in.
        seen: numbers (`id`) of the tensors that went into an operation.
        paused: whether operations are not looked at.
    """

    def __init__(self, model: nn.Module, labels: Labels) -> None:
        super().__init__()
        self.labels = labels
        self.mixed: set[str] = set()
        self.unknown: set[str] = set()
        self.weights: dict[str, Layers] = {}
        self.seen: set[int] = set()
        self.paused = False
        self._known: dict[int, tuple[Tensor, Layers | None]] = {}
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point() and tensor.ndim:
                self.weights[name] = labels.fresh(tensor.shape)
                self.put(tensor, self.weights[name])
        self._weights = {id(tensor) for tensor in [*model.parameters(), *model.buffers()]}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and follow the channels through it."""
        outputs = func(*args, **(kwargs or {}))
        given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        self.seen.update(map(id, given))
        if not self.paused:
            self._follow(func, args, kwargs or {}, given, outputs)
        return outputs

    def layers(self, tensor: Tensor) -> Layers:
        """Those of a tensor; none where nothing of it can be removed."""
        return self._known.get(id(tensor), (tensor, []))[1] or []

    def is_free(self, tensor: Tensor) -> bool:
        """Whether it is alike everywhere, as zeros are, so that it may have any shape."""
        return self._known.get(id(tensor), (tensor, []))[1] is None

    def is_weight(self, tensor: Tensor) -> bool:
        """Whether it is a parameter or a buffer itself."""
        return id(tensor) in self._weights

    def put(self, tensor: Tensor, layers: Layers | None) -> None:
        """Say which layers a tensor has; None: it is free."""
        self._known[id(tensor)] = tensor, layers  # the tensor is kept, so that its number stays its own

    def fix(self, tensors: Iterable[Tensor]) -> None:
        """Let nothing of them be removed."""
        for tensor in tensors:
            for layer in self.layers(tensor):
                self.labels.fix(layer)

    def _follow(self, func: Any, args: Any, kwargs: Any, given: list[Tensor], outputs: Any) -> None:
        from runner.deploy.structured.operations import FRESH, LIKE, RULES

        name = func.overloadpacket.__name__
        made = [t for t in tree_leaves(outputs) if isinstance(t, Tensor)]
        if name in FRESH:
            self.put(made[0], None)
        elif name in LIKE:
            self.put(made[0], None if self.is_free(given[0]) else self.layers(given[0]))
        elif not any(self.layers(t) or self.is_free(t) for t in given):
            return
        elif name in RULES:
            RULES[name](self, func, args, kwargs, outputs)
        elif _is_pointwise(func):
            layers = self.meet(given, made[0].shape)
            if made[0] is given[0] and made[0]._is_view() and layers and not self.layers(given[0]):
                self.fix(given)  # a part of another tensor is written, which would not hear of it
                return
            for tensor in made:
                self.put(tensor, layers)
        elif any(self.layers(t) for t in given):
            self.unknown.add(name)
            self.fix(given)

    def meet(self, tensors: Sequence[Tensor], shape: Sequence[int]) -> Layers | None:
        """Layers of what is made of tensors number by number, in the shape to which they are broadcast; None: free."""
        own = [t for t in tensors if not self.is_free(t)]
        parts = [
            ([1] * (len(shape) - t.ndim) + _own_sizes(t), [layer.expand(*shape) for layer in self.layers(t)])
            for t in own
        ]
        return self.united(parts) if parts else None

    def united(self, parts: Sequence[tuple[Sequence[int], Layers]]) -> Layers:
        """Layers of what is made of parts number by number, each with its sizes before it was broadcast."""
        found: Layers = []
        for number, (_, own) in enumerate(parts):
            new: Layers = []
            joined: Layers = []
            for layer in own:
                bare: set[int] = set()  # dimensions along which another part has numbers that are no channels
                for other, (sizes, layers) in enumerate(parts):
                    if other != number:
                        covered = set().union(*map(varies, layers))
                        bare |= {d for d in varies(layer) if sizes[d] > 1} - covered
                if (left := self.labels.same_along(layer, bare)) is None:
                    continue
                for one in (one for one in found if varies(one) & varies(left)):
                    joined.append(one)
                    left = self.labels.unite(one, left)
                new.append(left)
            found = [one for one in found if not any(one is other for other in joined)] + new
        return found

    def summed(self, layers: Layers, dims: Iterable[int], keep: bool = False) -> tuple[Layers, bool]:
        """Layers of what is summed over `dims`, and whether the sum goes over channels."""
        over, left, mixes = set(dims), [], False
        for layer in layers:
            if varies(layer) and varies(layer) <= over:
                mixes = True
            elif (same := self.labels.same_along(layer, over)) is not None:
                index = tuple((slice(0, 1) if keep else 0) if d in over else slice(None) for d in range(layer.ndim))
                left.append(same[index])
        return left, mixes

    def multiplied(self, a: Tensor, b: Tensor, shape: Sequence[int]) -> Layers:
        """Layers of the product of matrices ``(..., M, K)`` and ``(..., K, N)``, which has that shape."""
        full = [*shape[:-1], a.shape[-1], shape[-1]]  # (..., M, K, N)
        parts = [
            ([*a.shape, 1], [layer.unsqueeze(-1).expand(full) for layer in self.layers(a)]),
            ([*b.shape[:-2], 1, *b.shape[-2:]], [layer.unsqueeze(-3).expand(full) for layer in self.layers(b)]),
        ]
        return self.summed(self.united(parts), {len(full) - 2})[0]


def _own_sizes(tensor: Tensor) -> list[int]:
    """Sizes of a tensor before it was expanded."""
    return [1 if stride == 0 else size for size, stride in zip(tensor.shape, tensor.stride(), strict=True)]


def _is_pointwise(func: Any) -> bool:
    """Whether torch says so, of the operation or of that which does not overwrite its input; of some it forgot to."""
    if func.overloadpacket.__name__.rstrip("_") in ("hardswish", "hardsigmoid", "hardtanh", "mish", "softplus"):
        return True
    packet: Any = getattr(torch.ops.aten, func.overloadpacket.__name__.rstrip("_"), func.overloadpacket)
    others: list[Callable[..., Any]] = [getattr(packet, overload) for overload in packet.overloads()]
    return any(torch.Tag.pointwise in one.tags for one in [func, *others])  # type: ignore[attr-defined]
