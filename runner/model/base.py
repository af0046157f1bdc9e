"""What networks declare about themselves, and how it is read of those that declare nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from runner.engine.spec import Kind
from runner.errors import ConfigError
from runner.model.layers.activation import Activation

if TYPE_CHECKING:
    from runner.engine.batch import Batch
    from runner.model.weights.published import Weights

# Tasks for which a network gives one vector for each example.
ONE_VECTOR = ("classification", "multilabel", "regression", "forecasting")


@dataclass(frozen=True)
class Declared:
    """What a network, or a block in one, says about itself; the defaults stand for a plain ``nn.Module``.

    Attributes:
        takes: kinds of examples that it can be given; None: whatever the data are.
        tasks: of ours, those that its outputs are for; None: any.
        activation: name of the activation between its layers, from which initializations take their gain.
        residual_ends: names of the last weighted layers of its residual branches, whose weights some initializations
            scale down.
        lengths: whether it takes series of unequal length, padded at their ends, with the steps of each as the argument
            `lengths` ``(N,)``.
        categories: whether it takes words of a table beside its numbers, as the argument `categories`: ``(N, K)``
            int64, of K columns with as many as ``spec.more["categories"].sizes`` say.
        takes_targets: whether it is given the targets, as the argument `targets`, with every batch that it learns from.
            In evaluation and prediction it never is.
        published: whether it is one that others published for large images, which is seldom the first to try.
        places: tokens of a text that it can read; what is behind them it does not. 0: any number.
        beams: answers that a search follows at once where it answers by itself; 0: it gives no answers of a length of
            their own.
        length_penalty: of that search; see `runner.model.layers.beams.beam_search`.
    """

    takes: tuple[Kind, ...] | None = None
    tasks: tuple[str, ...] | None = None
    activation: str = "relu"
    residual_ends: tuple[str, ...] = ()
    loss: str = ""
    lengths: bool = False
    categories: bool = False
    takes_targets: bool = False
    published: bool = False
    places: int = 0
    beams: int = 0
    length_penalty: float = 0.0


class Network(nn.Module):
    """The base of networks; see `Declared` for what its attributes say. A plain ``nn.Module`` will do as well."""

    takes: ClassVar[tuple[Kind, ...] | None] = Declared.takes
    tasks: ClassVar[tuple[str, ...] | None] = Declared.tasks
    activation: str = Declared.activation
    loss: ClassVar[str] = Declared.loss
    lengths: ClassVar[bool] = Declared.lengths
    categories: ClassVar[bool] = Declared.categories
    takes_targets: ClassVar[bool] = Declared.takes_targets
    published: ClassVar[bool] = Declared.published
    context: int | None = None  # tokens that it may look back at when a text is generated; None: all
    notes: tuple[str, ...] = ()  # what is to be said of it with these data, a sentence each
    places: int = Declared.places
    beams: int = Declared.beams
    length_penalty: float = Declared.length_penalty
    builder: str = ""  # the name under which torchvision has the same network, with weights; empty: it has none

    def follow(self, x: Tensor, state: Any = None, source: Batch | None = None) -> tuple[Tensor, Any]:
        """Outputs at further tokens of texts of which a part was read: those that `forward` gives of the whole texts.

        Here everything is read anew. Networks that keep what they have read override it.

        Args:
            x: the further tokens ``(N, T)``.
            state: what this gave beside the outputs for the tokens in front; None: there are none.
            source: what is answered, where answers have a length of their own.

        Returns:
            Outputs ``(N, T, num_outputs)``, and the state for the tokens behind.
        """
        read = x if state is None else torch.cat((state, x), 1)
        outputs = self(read) if source is None else self(source.inputs, **source.more, decoder_inputs=read)
        return outputs[:, -x.shape[1] :], read

    def pretrained(self, name: str | None, given: Mapping[str, Tensor] | None) -> Weights:
        """Weights that were published for this network.

        Args:
            name: of the weights; None: those recommended.
            given: the tensors as a file has them; then they are brought to the names here, and nothing is fetched. None
                of them (``{}``): what else is known of the weights is asked for, before there are data.

        Raises:
            ConfigError: there are none of that name, or none at all.
            RunFailed: they can't be fetched.
        """
        from runner.model.weights.published import Weights, of_torchvision

        if self.builder:
            return of_torchvision(self.builder, name, given)
        if given is None:
            raise ConfigError(
                f"init=pretrained: nobody published weights for {type(self).__name__} with these settings. Give a file "
                "that fits (init.weights=FILE), or take the settings of a published network."
            )
        return Weights(given, "")


class PublishedNetwork(Network):
    """The base of published networks that give one vector for an image."""

    takes: ClassVar[tuple[Kind, ...]] = ("image",)
    tasks: ClassVar[tuple[str, ...]] = ONE_VECTOR
    published: ClassVar[bool] = True


class Residual(nn.Module):
    """The base of blocks with a branch beside a shortcut; see `Declared` for what its attribute says."""

    residual_ends: ClassVar[tuple[str, ...]] = Declared.residual_ends


def declared(network: Any) -> Declared:
    """What a network or a block, or the class or function that makes one, declares.

    The only place that asks: networks of one's own need not be a `Network`. What has such a name but another type (a
    layer called ``activation``) declares nothing.
    """
    kinds: dict[str, Any] = {
        "takes": tuple,
        "tasks": tuple,
        "activation": str,
        "residual_ends": tuple,
        "lengths": bool,
        "categories": bool,
        "loss": str,
        "takes_targets": bool,
        "published": bool,
        "places": int,
        "beams": int,
        "length_penalty": (int, float),
    }
    found: dict[str, Any] = {name: getattr(network, name, None) for name in kinds}
    return Declared(**{name: value for name, value in found.items() if isinstance(value, kinds[name])})


class Chain(nn.Sequential, Network):
    """Named layers, run in order. Layers that do nothing (``nn.Identity``) are left out and cost nothing.

    A layer's name does not depend on which others are there, so weights saved with dropout or an activation fit the
    same network without it.

    Args:
        activation: name of the activation between the layers.
        layers: the layers by name.
    """

    def __init__(self, activation: Activation, layers: Mapping[str, nn.Module]) -> None:
        super().__init__(OrderedDict((k, v) for k, v in layers.items() if not isinstance(v, nn.Identity)))
        self.activation = activation
