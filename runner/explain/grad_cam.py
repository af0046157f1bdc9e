"""Where a convolution's channels that speak for the answer are active."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from captum import attr

from runner.errors import ConfigError
from runner.explain.base import Attribution, Explanation, Tell
from runner.explain.subject.layers import (
    convolutions,
    cuts_patches,
    last_maps,
    layer_named,
    refuse_without_positions,
)

if TYPE_CHECKING:
    from torch import Tensor

    from runner.explain.subject.explained import Case, Explained


class GradCam(Attribution):
    """``relu(Σ_k α_k A_k)`` of a layer's channels A_k; α_k is the mean over positions of the answer's gradient by A_k.

    The layer is the last convolution with more than one position, or the block around it that gives maps of the same
    size (with what is added to it or put beside it); its map is enlarged to the image (bilinear). Networks whose only
    convolution cuts the image into patches are refused: its channels see pixels, and nothing is recognized yet.

    Source: Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
    equations 1 and 2; captum's LayerGradCam.
    """

    kinds = ("image",)
    takes_layer = True
    gradient = True
    signed = False
    instead = "Grad-CAM weighs the positions of a convolution over images"

    @classmethod
    def refusal(cls, explained: Explained) -> str | None:
        """See `Method.refusal`."""
        if explained.kind == "image":
            name, found = type(explained.model).__name__, convolutions(explained)
            if not found:
                return f"Grad-CAM weighs the positions of a convolution, and {name} has none."
            if all(cuts_patches(explained, layer) for layer in found):
                return (
                    f"Grad-CAM weighs what convolutions have recognized, and the only one of {name} cuts the image "
                    "into patches, in front of all else."
                )
        return super().refusal(explained)

    def explain(self, cases: Sequence[Case], tell: Tell) -> Explanation:
        """See `Method.explain`."""
        if self.layer is None:
            self.layer = last_maps(self.explained, cases[0].inputs)
            if self.layer is None:
                raise ConfigError("--method grad_cam: every convolution of this network gives a single position.")
        else:
            refuse_without_positions(self.explained, cases[0], self.layer)
        return super().explain(cases, tell)

    def attribute(self, case: Case) -> tuple[Tensor, None]:
        """See `Attribution.attribute`."""
        assert self.layer is not None
        method = attr.LayerGradCam(self.explained.forward, layer_named(self.explained, self.layer))
        maps = method.attribute(case.inputs, case.target, case.arguments, relu_attributions=True)
        return attr.LayerAttribution.interpolate(maps, case.inputs.shape[-2:], "bilinear"), None
