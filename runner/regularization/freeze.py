"""Parameters that are not trained, for the whole run or its first epochs."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge
from torch.nn.modules.batchnorm import _BatchNorm

from runner.engine.technique import Slot, Technique
from runner.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from torch import nn

    from runner.engine.fit import Fit


def matching(model: nn.Module, pattern: str) -> list[nn.Parameter]:
    """The parameters that `pattern` names: by a layer (``layer1``), or by name with ``*`` and ``?`` (``*.bias``).

    Raises:
        ConfigError: there are none.
    """
    found = [p for n, p in model.named_parameters() if fnmatchcase(n, pattern) or fnmatchcase(n, f"{pattern}.*")]
    if not found:
        names = [name for name, _ in model.named_children()]
        raise ConfigError(
            f"regularization.freeze.layers: {pattern!r} matches no parameter of the network."
            f"{did_you_mean(pattern, names)} Layers: {', '.join(names)}; patterns such as 'conv*' or '*.bias' work too."
        )
    return found


def body(model: nn.Module) -> list[nn.Parameter]:
    """All parameters but those of the last layer that has any."""
    layers = [own for m in model.modules() if (own := list(m.parameters(recurse=False)))]
    last = {id(p) for p in layers[-1]} if layers else set()
    return [p for p in model.parameters() if id(p) not in last]


class Freeze(Technique):
    """Leave parameters as they are: those of a pretrained network on few data, or of some layers for some epochs.

    Frozen parameters get no gradient and no weight decay, and a batch norm whose parameters are all frozen works as in
    evaluation, so its statistics stay as well. With ``init=checkpoint`` this is transfer learning: first the new last
    layer alone, then, at `unfreeze_epoch`, the whole network, usually at a lower learning rate.

    Args:
        layers: names of layers, or patterns of parameter names with ``*`` and ``?``; None freezes all but the last
            layer.
        unfreeze_epoch: epoch (from 1) from which on they are trained; a list gives one for each of `layers`, for
            unfreezing step by step; None never.

    Raises:
        ConfigError: as many epochs as layers were expected.

    Source: Yosinski et al. 2014, "How transferable are features in deep neural networks?"; Howard and Ruder 2018,
    "Universal Language Model Fine-tuning for Text Classification", section 3.3, for unfreezing step by step.
    """

    slot: ClassVar[Slot] = Slot.WEIGHTS

    def __init__(
        self,
        layers: tuple[str, ...] | None = None,
        unfreeze_epoch: Annotated[int, Ge(1)] | tuple[Annotated[int, Ge(1)], ...] | None = None,
    ) -> None:
        if isinstance(unfreeze_epoch, tuple) and len(unfreeze_epoch) != len(layers or ()):
            raise ConfigError(
                f"regularization.freeze.unfreeze_epoch has {len(unfreeze_epoch)} epochs for {len(layers or ())} layers "
                "in regularization.freeze.layers. Give one epoch for each, or a single number."
            )
        self.layers, self.unfreeze_epoch = layers, unfreeze_epoch

    def setup(self, fit: Fit) -> None:
        """Freeze what is to be frozen.

        Raises:
            ConfigError: a pattern matches nothing, or nothing is left to be trained.
        """
        self.model = fit.model
        until = self.unfreeze_epoch
        if self.layers is None:
            parameters = body(self.model)
            if not parameters:
                raise ConfigError(
                    "regularization=freeze: the network has a single layer and nothing in front of it to freeze. "
                    "Leave freeze out."
                )
            self.frozen = [(parameters, until if isinstance(until, int) else None)]
        else:
            epochs = until if isinstance(until, tuple) else (until,) * len(self.layers)
            self.frozen = [(matching(self.model, p), e) for p, e in zip(self.layers, epochs, strict=True)]
        self._set(0)
        if not any(p.requires_grad for p in self.model.parameters()):
            raise ConfigError(
                "regularization=freeze: every parameter of the network is frozen, so there is nothing to train. Name "
                "fewer layers in regularization.freeze.layers."
            )

    def on_epoch_start(self, epoch: int) -> None:
        """Unfreeze what is due, and keep frozen batch norms in evaluation mode."""
        self._set(epoch)
        for module in self.model.modules():
            own = list(module.parameters(recurse=False))
            if isinstance(module, _BatchNorm) and own and not any(p.requires_grad for p in own):
                module.eval()

    def _set(self, epoch: int) -> None:
        for parameters, until in self.frozen:
            for parameter in parameters:
                parameter.requires_grad_(until is not None and epoch >= until)
