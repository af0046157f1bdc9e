"""What of a network is exported: a module of tensors alone, with an example of what it is given."""

from __future__ import annotations

import copy
import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from runner.deploy.recurrent import shapes_of_recurrent_layers
from runner.errors import ConfigError, RunnerError
from runner.model.changes.half import Half

if TYPE_CHECKING:
    from runner.deploy.parent import Parent
    from runner.engine.batch import Batch
    from runner.engine.spec import Field

# Sizes of the example where they may vary: unlike each other, as equal ones could be taken for one and the same.
_EXAMPLES, _STEPS = 3, 5

# What is given beside inputs and belongs to no single example, and why a file can't take it.
_NOT_BY_EXAMPLE = {
    "edges": "is given a graph, in which the answer for a node depends on all others, and a file takes examples one by "
    "one",
    "begins": "carries its state from one batch to the next, and a file keeps none. Train it with data that are cut "
    "into windows",
    "decoder_inputs": "tells answers token by token until they end, which no fixed graph does",
}
_ADVICE = {
    "decoder_inputs": "Take `python -m runner quantize --method weight_only`, whose network still tells answers",
}


@dataclass(frozen=True)
class Graph:
    """What is exported.

    To put something in front of the network, make another one of it: a `module` that is given other tensors, and these
    as `given`.

    Attributes:
        module: in evaluation mode; its ``forward(*given)`` takes tensors in their order, whatever their names, and
            gives one tensor ``(N, ...)``: see `Positional`.
        names: of what it is given, in that order; the first is ``inputs``.
        given: an example of it.
        free: of each the dimensions that may have another size, by number: ``{0: "batch", 1: "steps"}``. Those of one
            name are always of one size.
        outputs: what it gives is called.
    """

    module: nn.Module
    names: tuple[str, ...]
    given: tuple[Tensor, ...]
    free: tuple[dict[int, str], ...]
    outputs: tuple[str, ...] = ("outputs",)

    def program(self) -> torch.export.ExportedProgram:
        """The operations of the module on tensors of any values and of any sizes of the `free` dimensions.

        Raises:
            ConfigError: it does not always do the same, or not with any size.
        """
        dims = {name: torch.export.Dim(name, min=1) for free in self.free for name in free.values()}
        shapes = tuple({number: dims[name] for number, name in free.items()} for free in self.free)
        with silent(), shapes_of_recurrent_layers():
            try:
                return torch.export.export(self.module, self.given, dynamic_shapes=(shapes,), strict=False)
            except RunnerError:
                raise
            except Exception as error:  # of the exporter, of many kinds
                raise refused(error) from error


class Positional(nn.Module):
    """A network whose arguments are told by their order.

    Args:
        network: takes inputs, and `names` by name.
        names: of what it is given beside.
    """

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *given: Tensor) -> Tensor:
        """Outputs ``(N, ...)``."""
        outputs: Tensor = self.network(given[0], **dict(zip(self.names, given[1:], strict=True)))
        return outputs


def graph(parent: Parent, dynamic_batch: bool, half: bool = False) -> Graph:
    """What is exported of a trained network.

    Args:
        parent: whose network it is.
        dynamic_batch: let the number of examples vary; otherwise it is one.
        half: compute in float16, between inputs and outputs in float32.

    Raises:
        ConfigError: it is given something that belongs to no single example.
    """
    spec = parent.network.spec
    batch = parent.data.val.sample(8, 0)
    for name, reason in _NOT_BY_EXAMPLE.items():
        if name in batch.more or name in spec.more:
            advice = f" {_ADVICE[name]}." if name in _ADVICE else ""
            raise ConfigError(f"{parent.place.path}: can't be exported: its network {reason}.{advice}")
    network = parent.network.model
    if half:
        network = copy.deepcopy(network)
        Half("fp16").apply(network)
    given, free = _example(batch, {"inputs": spec.inputs, **spec.more}, dynamic_batch)
    return Graph(Positional(network, tuple(batch.more)).eval(), ("inputs", *batch.more), given, free)


def _example(
    batch: Batch, fields: dict[str, Field | None], dynamic_batch: bool
) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
    """Tensors of other sizes than 1 where sizes vary, which would be taken for fixed ones."""
    given, free = [], []
    for name, tensor in {"inputs": batch.inputs, **batch.more}.items():
        field = fields.get(name)
        varying = [i for i, size in enumerate(field.shape or (), 1) if size is None] if field else []
        named = {i: "steps" if name == "inputs" and i == varying[0] else f"{name}_{i}" for i in varying}
        rows = torch.arange(_EXAMPLES if dynamic_batch else 1) % len(tensor)
        tensor = tensor[rows].contiguous()
        for i in varying:
            lacking = max(0, _STEPS - tensor.shape[i])
            tensor = torch.cat((tensor, tensor.new_zeros(*tensor.shape[:i], lacking, *tensor.shape[i + 1 :])), i)
        given.append(tensor)
        free.append(({0: "batch"} if dynamic_batch else {}) | named)
    return tuple(given), tuple(free)


@contextmanager
def silent() -> Iterator[None]:
    """Without what exporters say of themselves: what is deprecated, which step they are at, a graph that has failed."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def refused(error: BaseException) -> ConfigError:
    """What an exporter's error means for the person who asked for the file."""
    text = str(error)
    while error.__cause__ is not None and "onnx" in type(error).__module__:
        error = error.__cause__
    if "data-dependent" in text or "DataDependent" in type(error).__name__:
        place = re.search(r"Caused by:.*?# (\S+\.py:\d+ in \S+)", text, re.DOTALL)
        where = f" ({place[1]})" if place else ""
        return ConfigError(
            f"export: this network decides by the values that it computes what it does next{where}, and a graph does "
            "the same for all. Write it with torch.where or torch.cond, or keep it as it is."
        )
    if "specialized" in text or "Constraints violated" in text:
        return ConfigError(
            "export: this network computes something else for another size of "
            f"{_sizes(text)} than for that of the example ({_first(text, 2)}). Leave --dynamic-batch out, or write it "
            "without a size that is fixed in Python."
        )
    return ConfigError(f"export: torch can't write this network as a graph: {_first(str(error))}")


def _sizes(text: str) -> str:
    names: Any = re.findall(r"marked (\w+) as dynamic|Constraints violated \((.*?)\)", text)
    found = [a or b for a, b in names]
    return found[0] if found else "a dimension"


def _first(text: str, lines: int = 1) -> str:
    """The first lines of a message, short enough for one paragraph."""
    found = [line.strip(" -") for line in text.splitlines() if line.strip()]
    told = " ".join(found[:lines]) or "it does not say why"
    return told if len(told) < 300 else told[:300] + " ..."
