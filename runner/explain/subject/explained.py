"""A trained network as attributions see it: one number for each example and answer, in float32."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from runner.config.build import build_model
from runner.engine.spec import START
from runner.engine.state import seed_for
from runner.errors import RunFailed

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.spec import Kind
    from runner.run.trained import TrainedNetwork


@dataclass(frozen=True)
class Case:
    """An example, and which of its answers is to be explained.

    Attributes:
        place: where it was found: ``test 17``, ``photo.jpg``.
        group: why it was chosen: ``right``, ``mistake``, ...
        truth: the true answer in words; empty where it is not known or no word.
        inputs: what the network is given first ``(1, ...)``; of a table see `Explained.whole`.
        arguments: what else `Explained.forward` takes.
        target: number of the answer that is explained.
        answer: its name.
        predicted: the name of the answer that the network gives.
        value: the number that is explained.
    """

    place: str
    group: str
    truth: str
    inputs: Tensor
    arguments: tuple[Any, ...] = field(repr=False)
    target: int
    answer: str
    predicted: str
    value: float


class Explained:
    """A copy of a trained network in float32 and evaluation mode; the network itself is left as it is.

    Args:
        network: what `runner.run.load` gives.
        model: other weights for the same network, on its device; None takes its own.

    Attributes:
        model: the copy.
        kind: of the inputs.
        more: names of what the network is given beside its inputs, categories of a table aside.
        embeds: whether it is given categories beside the numbers of a table.
        at_once: examples whose gradients are kept at once, at most: as many as in training, up to 256.
    """

    def __init__(self, network: TrainedNetwork, model: nn.Module | None = None) -> None:
        self.network, self.task, self.spec, self.device = network, network.task, network.spec, network.device
        self.model = (copy.deepcopy(network.model) if model is None else model).float().eval().requires_grad_(False)
        assert self.spec.inputs is not None
        self.kind: Kind = self.spec.inputs.kind
        self.more = tuple(name for name in self.spec.more if name != "categories")
        self.embeds = "categories" in self.spec.more
        size = network.recipe.data.batch_size
        self.at_once = 256 if size == "full" else min(size, 256)

    def forward(self, inputs: Tensor, kept: Tensor | None = None, *more: Tensor) -> Tensor:
        """The answers ``(N, A)``: what captum is given.

        Args:
            inputs: of some examples ``(N, ...)``; of a table see `whole`.
            kept: see `runner.engine.task.Task.kept`.
            more: what the network is given beside, in the order of `more`.
        """
        inputs, categories = self.divided(inputs)
        return self.task.answers(self.model(inputs, **categories, **dict(zip(self.more, more, strict=True))), kept)

    def whole(self, batch: Batch) -> Tensor:
        """The inputs; of a table with the numbers of its K embedded words behind the features ``(N, F + K)``."""
        return torch.cat([batch.inputs, batch.more["categories"]], 1) if self.embeds else batch.inputs

    def divided(self, whole: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The inputs, and the categories where there are some; `whole` backwards."""
        if not self.embeds:
            return whole, {}
        features = self.spec.input_shape[-1]
        return whole[:, :features], {"categories": whole[:, features:].long()}

    def outputs(self, batch: Batch) -> Tensor:
        """What the network gives for a batch, in float32."""
        batch = batch.to(self.device)
        with torch.no_grad(), self.kernels():
            given: Tensor = self.model(batch.inputs, **batch.more)
        return given

    def answer(self, case: Case, inputs: Tensor | None = None) -> float:
        """The explained number of a case, or what it becomes with other inputs ``(N, ...)``, in the mean of these."""
        inputs = case.inputs if inputs is None else inputs
        values = []
        with torch.no_grad(), self.kernels():
            for part in inputs.split(self.at_once):
                values.append(self.forward(part, *repeated(case.arguments, len(part)))[:, case.target])
        return float(torch.cat(values).double().mean())

    def case(self, batch: Batch, place: str, group: str = "", truth: str = "", target: int | None = None) -> Case:
        """What is to be explained of one example.

        Args:
            batch: it alone.
            place: see `Case`.
            group: see `Case`.
            truth: see `Case`.
            target: number of the answer; None takes the one that the network gives.

        Raises:
            RunFailed: the answer is no finite number.
        """
        batch = batch.to(self.device)
        more = dict(batch.more)
        if "decoder_inputs" in self.more:  # the network's own answer, not the true one
            more.pop("decoder_inputs", None)
            tokens = self.outputs(type(batch)(batch.inputs, batch.targets, more, 1)).argmax(-1)
            more["decoder_inputs"] = tokens.roll(1, 1)
            more["decoder_inputs"][:, 0] = START
        with torch.no_grad(), self.kernels():
            outputs = self.model(batch.inputs, **more)
            kept = self.task.kept(outputs)
            answers = self.task.answers(outputs, kept)
        given = int(self.task.main_answer(outputs))
        target = given if target is None else target
        arguments = (kept, *(more[name] for name in self.more))
        names = self.task.answer_names
        value = float(answers[0, target])
        if not math.isfinite(value):
            raise RunFailed(f"{place}: what the network gives for it is no finite number, and can't be explained.")
        return Case(place, group, truth, self.whole(batch), arguments, target, names[target], names[given], value)

    def initialized_anew(self, seed: int) -> Explained:
        """The same network with weights that were never trained."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = build_model(self.network.recipe, self.spec, self.network.changes).to(self.device)
        return Explained(self.network, model)

    @contextmanager
    def kernels(self) -> Iterator[None]:
        """Kernels that give gradients in evaluation mode: cuDNN's recurrent ones don't."""
        recurrent = any(isinstance(module, nn.RNNBase) for module in self.model.modules())
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled and not recurrent):
            yield


def repeated(arguments: tuple[Any, ...], times: int) -> tuple[Any, ...]:
    """The further arguments of one example for `times` of them."""
    return tuple(a.expand(times, *a.shape[1:]) if isinstance(a, torch.Tensor) else a for a in arguments)


@contextmanager
def seeded(*what: int | str) -> Iterator[None]:
    """Draws that are the same each time; captum takes some of them from NumPy's global generator."""
    import numpy as np

    before = np.random.get_state()
    seed = seed_for(0, "explain", *what)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            np.random.set_state(before)
