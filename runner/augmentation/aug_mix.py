"""Images mixed with chains of operations on themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from runner.augmentation.base import ColourTechnique, Padding
from runner.augmentation.policy.operations import NONE, Draw, Space, Strength, apply, drawn
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.engine.fit import Fit

BINS = 10
DEEPEST = 3

Chain = list[Draw]


class AugMix(ColourTechnique):
    """Mix each image with some chains of operations on it, each of one to three, of random strength.

    ``x' = m x + (1 - m) Σ w_i chain_i(x)``, m and w drawn for each image: m ~ Beta(α, α), w ~ Dirichlet(α, ..., α). The
    loss of the paper that makes predictions for x and two such mixtures alike is not part of it. Where a mask or boxes
    are told, there is no one place for what was moved and mixed, and it is refused.

    Args:
        severity: largest strength of an operation, 1 to 10.
        width: chains, at least 1.
        depth: operations of a chain, at least 1; None: 1 to 3, drawn for each image.
        alpha: of both distributions, above 0.
        padding_mode: what moves in from outside; ``zeros`` is black.

    Source: Hendrycks et al. 2020, "AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty",
    algorithm 1; ranges as in torchvision.
    """

    space: ClassVar[Space] = {
        "shear_x": Strength(0.0, 0.3, True),
        "shear_y": Strength(0.0, 0.3, True),
        "translate_x": Strength(0.0, 1 / 3, True, "width"),
        "translate_y": Strength(0.0, 1 / 3, True, "height"),
        "rotation": Strength(0.0, 30.0, True),
        "posterize": Strength(4, 0, whole=True),
        "solarize": Strength(1.0, 0.0),
        "autocontrast": NONE,
        "equalize": NONE,
        "brightness": Strength(0.0, 0.9, True),
        "saturation": Strength(0.0, 0.9, True),
        "contrast": Strength(0.0, 0.9, True),
        "sharpness": Strength(0.0, 0.9, True),
    }

    def __init__(
        self,
        severity: Annotated[int, Ge(1), Le(BINS)] = 3,
        width: Annotated[int, Ge(1)] = 3,
        depth: Annotated[int, Ge(1)] | None = None,
        alpha: Annotated[float, Gt(0)] = 1.0,
        padding_mode: Padding = "zeros",
    ) -> None:
        self.severity, self.width, self.depth, self.alpha = severity, width, depth, alpha
        self.padding_mode = padding_mode

    def setup(self, fit: Fit) -> None:
        """See `ColourTechnique.setup`.

        Raises:
            ConfigError: the targets say where things are.
        """
        super().setup(fit)
        if self.follows is not None:
            raise ConfigError(
                "augmentation=aug_mix mixes moved copies of an image, so that masks and boxes have no one place. Take "
                "augmentation=[rand_augment] or [trivial_augment], which masks and boxes follow."
            )

    def draw(self, inputs: Tensor) -> tuple[Tensor, Tensor, list[Chain], Tensor]:
        """Share of the image itself ``(N,)``, of each chain ``(N, width)``, the chains, and the length of each."""
        n, _, h, w = inputs.shape
        concentration = torch.full((n, self.width), self.alpha, device=inputs.device)
        itself = torch._sample_dirichlet(concentration.new_full((n, 2), self.alpha))[:, 0]
        shares = torch._sample_dirichlet(concentration) * (1 - itself)[:, None]
        longest = self.depth or DEEPEST
        lengths = torch.randint(longest if self.depth else 1, longest + 1, (n, self.width))
        chains = [
            [drawn(self.space, n, torch.randint(self.severity, (n,)), BINS, h, w) for _ in range(longest)]
            for _ in range(self.width)
        ]
        return itself, shares, chains, lengths

    def apply(self, inputs: Tensor, itself: Tensor, shares: Tensor, chains: list[Chain], lengths: Tensor) -> Tensor:
        """Mixtures ``(N, C, H, W)``."""
        mixture = inputs * itself[:, None, None, None]
        for number, chain in enumerate(chains):
            changed = inputs
            for step, (operation, magnitude) in enumerate(chain):
                over = lengths[:, number] <= step  # -1 is no operation
                changed = apply(
                    self.space, changed, Draw(operation.masked_fill(over, -1), magnitude), self.padding_mode
                )
            mixture.addcmul_(changed, shares[:, number, None, None, None])
        return mixture.clamp_(0.0, 1.0)
