"""What recurrent networks have in common: everything around their cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn

from runner.engine.carried import Carrying
from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.base import ONE_VECTOR, Network
from runner.model.layers.activation import Activation
from runner.model.layers.dropout import dropout_layer

if TYPE_CHECKING:
    from runner.engine.batch import Batch

Pooling = Literal["auto", "last", "mean", "attention", "none"]
StepNorm = Literal["batch", "layer", "rms", "none"]
Units = Annotated[int, Ge(1)]


class StepBatchNorm(nn.Module):
    """Batch normalization at each time step by itself, with one scale and shift for all steps.

    Early steps are distributed unlike late ones, so each has statistics of its own.

    Args:
        steps: T.
        features: F.

    Source: Cooijmans et al. 2017, "Recurrent Batch Normalization", section 3.
    """

    def __init__(self, steps: int, features: int) -> None:
        super().__init__()
        self.statistics = nn.BatchNorm1d(steps * features, affine=False)
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, T, F)`` to the same shape."""
        return self.statistics(x.flatten(1)).view(x.shape) * self.weight + self.bias  # type: ignore[no-any-return]


class AttentionPool(nn.Module):
    """Mean over the steps, weighted by how much each has to say: ``a = softmax_t(u · tanh(W h_t + b))``.

    Args:
        features: F.

    Source: Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", equations 5 to 7.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, features)
        self.score = nn.Linear(features, 1, bias=False)

    def forward(self, x: Tensor, inside: Tensor | None = None) -> Tensor:
        """``(N, T, F)`` to ``(N, F)``; `inside` ``(N, T)`` says which steps there are, None all."""
        scores: Tensor = self.score(torch.tanh(self.hidden(x)))
        if inside is not None:
            scores = scores.masked_fill(~inside[..., None], -torch.inf)
        return (scores.softmax(1) * x).sum(1)


def step_norm(name: StepNorm, steps: int, features: int) -> nn.Module:
    """The normalization called `name` for ``(N, steps, features)``; layer and rms take each step by itself."""
    if name == "batch":
        return StepBatchNorm(steps, features)
    if name == "layer":
        return nn.LayerNorm(features)
    return nn.RMSNorm(features, eps=1e-5) if name == "rms" else nn.Identity()


def recur(layer: nn.RNNBase, x: Tensor, state: Tensor | None = None) -> Tensor:
    """The states of a recurrent layer at all steps, from `state` (or zeros) on."""
    return recur_on(layer, x, state)[0]


def recur_on(layer: nn.RNNBase, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    """`recur`, and what the layer goes on from behind the last step.

    In float32 under float16 on CPUs, which have no kernels for it.
    """
    if x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.float16:
        with torch.autocast("cpu", enabled=False):
            return layer(x.float(), None if state is None else _float(state))  # type: ignore[no-any-return]
    return layer(x, state)  # type: ignore[no-any-return]


def _float(state: Any) -> Any:
    """A state in float32; of an lstm it is two tensors."""
    return tuple(part.float() for part in state) if isinstance(state, tuple) else state.float()


def recur_within(layer: nn.RNNBase, x: Tensor, lengths: Tensor) -> Tensor:
    """`recur` over series of unequal length ``(N, T, F)``, padded at their ends, each read backwards from its own end.

    Forwards, padding comes too late to change anything. For the way back the series are moved to the end of the batch,
    and the layer reads them once more: twice the time of equal lengths, but nothing waits for the device, as torch's
    packed sequences do.
    """
    forwards = recur(layer, x)
    if not layer.bidirectional:
        return forwards
    half, steps = layer.hidden_size, torch.arange(x.shape[1], device=x.device)
    late = x.shape[1] - lengths[:, None]
    backwards = recur(layer, at_steps(x, (steps - late).clamp(min=0)))[..., half:]
    return torch.cat((forwards[..., :half], at_steps(backwards, (steps + late).clamp(max=x.shape[1] - 1))), -1)


def at_steps(x: Tensor, steps: Tensor) -> Tensor:
    """Of series ``(N, T, F)`` the steps ``(N, S)``: ``(N, S, F)``."""
    return x.gather(1, steps[..., None].expand(-1, -1, x.shape[2]))


def series_shape(spec: Spec) -> tuple[int, int]:
    """Steps and features of the data's series; the rows of an image are its steps."""
    if len(spec.input_shape) == 3:
        channels, height, width = spec.input_shape
        return height, channels * width
    steps, features = spec.input_shape
    return steps, features


class Recurrent(Network, Carrying):
    """Recurrent layers over a series, pooled over its steps into one vector, and a dense layer.

    The layers are named ``embedding`` (of tokens), ``rnn1``, ``norm1``, ``rnn2``, ..., and ``output``. Shapes: ``(N,
    steps, features)``, images ``(N, C, H, W)`` as H steps of C·W features, or tokens ``(N, steps)``, to ``(N,
    num_outputs)``, or ``(N, steps, num_outputs)`` without pooling. Series may be padded at their ends, when their
    `lengths` are given: padding changes nothing.

    Args:
        spec: facts about the data.
        cell: makes one recurrent layer with ``batch_first`` from its input width.
        activation: what bounds the hidden state; `runner.init` takes the gain of dense layers from it.
        embedding: numbers that stand for each token; used for tokens only.
        layers: number of recurrent layers.
        pooling: ``last``: the state after the last step (backwards: after the first); ``mean`` over the steps;
            ``attention``: a weighted mean (`AttentionPool`); ``none``: an output at every step, and behind the end of a
            padded series that of its last step; ``auto``: none where the targets are tokens, else last.
        norm: normalization behind every recurrent layer (`step_norm`).
        dropout: probability of dropping a pooled feature, in [0, 1).
        dropout_between: the same between recurrent layers.
        dropout_input: the same of the input's features, at each step by itself.
        mask_padding: whether padding counts for nothing; where not, answers depend on what else is in the batch.

    Raises:
        ConfigError: `dropout_between` with one layer; a pooling that does not give what the data ask for; what would
            see the token that it is to tell; statistics for each step where their number varies.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("series", "image", "tokens")
    tasks: ClassVar[tuple[str, ...]] = (*ONE_VECTOR, "tokens", "tagging")
    lengths: ClassVar[bool] = True

    def __init__(
        self,
        spec: Spec,
        cell: Callable[[int], nn.RNNBase],
        activation: Activation,
        *,
        embedding: int,
        layers: int,
        pooling: Pooling,
        norm: StepNorm,
        dropout: float,
        dropout_between: float,
        dropout_input: float,
        mask_padding: bool,
    ) -> None:
        super().__init__()
        if dropout_between and layers == 1:
            raise ConfigError(
                f"model.dropout_between={dropout_between} acts between recurrent layers, and model.layers=1 leaves "
                "nothing between. Take model.layers=2, or model.dropout for the output."
            )
        check_answers(spec, pooling)
        self.embedding = None
        if spec.inputs is not None and spec.inputs.kind == "tokens":
            assert spec.inputs.size is not None
            self.embedding = nn.Embedding(spec.inputs.size, embedding)
            steps, width = spec.input_shape[0], embedding
        else:
            steps, width = series_shape(spec)
        if norm == "batch" and steps < 0:
            raise ConfigError(
                "model.norm=batch: has statistics for every step, and the series of these data vary in length. Take "
                "model.norm=layer."
            )
        if pooling == "auto":
            pooling = "none" if at_every_step(spec) else "last"
        self.activation, self.pooling, self.mask_padding = activation, pooling, mask_padding
        self.recurrent: list[str] = []
        self._add("dropout_input", dropout_layer(dropout_input))
        for i in range(1, layers + 1):
            layer = cell(width)
            if layer.bidirectional and spec.task == "tokens":
                raise ConfigError(
                    "model.bidirectional=true: reads the series from its end too, and so the tokens that a language "
                    "model is to tell. Leave it out."
                )
            width = layer.hidden_size * (2 if layer.bidirectional else 1)
            self._add(f"rnn{i}", layer)
            self._add(f"norm{i}", step_norm(norm, steps, width))
            if i < layers:
                self._add(f"dropout{i}", dropout_layer(dropout_between))
        self.forwards = layer.hidden_size
        self.attention = AttentionPool(width) if pooling == "attention" else None
        self.dropout = dropout_layer(dropout)
        self.output = nn.Linear(width, spec.num_outputs)

    def _add(self, name: str, layer: nn.Module) -> None:
        if not isinstance(layer, nn.Identity):
            self.add_module(name, layer)
            self.recurrent.append(name)

    def forward(self, x: Tensor, lengths: Tensor | None = None, begins: Tensor | None = None) -> Tensor:
        """``(N, T, F)``, ``(N, C, H, W)`` or tokens ``(N, T)`` to ``(N, num_outputs)``, or ``(N, T, num_outputs)``.

        Args:
            x: the series, padded at their ends where they are of unequal length.
            lengths: steps of each ``(N,)``, at least 1; None: all.
            begins: of streams, whether each begins here ``(N,)`` or goes on from the batch before; see `Carrying`.
        """
        if begins is not None:
            outputs, states = self.follow(x, self.state_before(begins))
            self.carry(states)
            return outputs
        if not self.mask_padding:
            lengths = None
        if x.ndim == 4:
            x = x.transpose(1, 2).flatten(2)  # (N, H, C W)
        if self.embedding is not None:
            x = self.embedding(x)
        for name in self.recurrent:
            layer = getattr(self, name)
            if not isinstance(layer, nn.RNNBase):
                x = layer(x)
            else:
                x = recur(layer, x) if lengths is None else recur_within(layer, x, lengths)
        pooled = self._pooled(x) if lengths is None else self._pooled_within(x, lengths)
        return self.output(self.dropout(pooled))  # type: ignore[no-any-return]

    def follow(self, x: Tensor, state: Any = None, source: Batch | None = None) -> tuple[Tensor, Any]:
        """See `Network.follow`; the state is that of each layer, of networks that read one way."""
        before, after = state or {}, {}
        if self.embedding is not None:
            x = self.embedding(x)
        for name in self.recurrent:
            layer = getattr(self, name)
            if isinstance(layer, nn.RNNBase):
                x, after[name] = recur_on(layer, x, before.get(name))
            else:
                x = layer(x)
        return self.output(self.dropout(x)), after

    def _pooled(self, x: Tensor) -> Tensor:
        if self.attention is not None:
            return self.attention(x)  # type: ignore[no-any-return]
        if self.pooling == "mean":
            return x.mean(1)
        if self.pooling == "none":
            return x
        backwards = x[:, 0, self.forwards :]  # empty with one direction
        return torch.cat([x[:, -1, : self.forwards], backwards], 1) if backwards.shape[1] else x[:, -1]

    def _pooled_within(self, x: Tensor, lengths: Tensor) -> Tensor:
        steps = torch.arange(x.shape[1], device=x.device)
        inside = steps < lengths[:, None]
        if self.attention is not None:
            return self.attention(x, inside)  # type: ignore[no-any-return]
        if self.pooling == "mean":
            return x.where(inside[..., None], 0.0).sum(1) / lengths[:, None].to(x.dtype)
        last = lengths[:, None] - 1
        if self.pooling == "none":
            return at_steps(x, steps.minimum(last))
        return torch.cat([at_steps(x, last)[:, 0, : self.forwards], x[:, 0, self.forwards :]], 1)


def at_every_step(spec: Spec) -> bool:
    """Whether the data want an answer at every step."""
    return spec.targets is not None and spec.targets.kind in ("tokens", "tags")


def check_answers(spec: Spec, pooling: Pooling) -> None:
    """Refuse what gives other answers than the data ask for."""
    if at_every_step(spec) and pooling not in ("auto", "none"):
        raise ConfigError(
            f"model.pooling={pooling}: makes one answer of all steps, and these data want one at every step. Take "
            "model.pooling=auto."
        )
    if pooling == "none" and not at_every_step(spec):
        raise ConfigError(
            "model.pooling=none: gives an answer at every step, and these data want one for each example. Take "
            "model.pooling=last, mean or attention."
        )
    if "decoder_inputs" in spec.more:
        raise ConfigError(
            "model: this network answers at the steps of its inputs, and the answers of these data have a "
            "length of their own. Take model=seq2seq."
        )
