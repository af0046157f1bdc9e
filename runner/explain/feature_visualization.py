"""Images that a layer's channels answer to most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from runner.errors import ConfigError
from runner.explain.base import Explanation, Method, Tell
from runner.explain.subject.explained import seeded
from runner.explain.subject.layers import convolutions, last_maps, layer_named

if TYPE_CHECKING:
    from runner.explain.subject.explained import Case

SHOWN = 16
STEPS = 256
RATE = 0.05  # of Adam, in units of the scaled inputs
VARIATION = 0.05  # weight of the mean difference between neighbouring pixels


class FeatureVisualization(Method):
    """For each of the first 16 channels the image that maximizes its mean, found by gradient ascent from noise.

    ``mean(A_k(shifted x)) - 0.05 TV(x)``, with x within the range of pixels, shifted at random by up to an eighth of
    its side at each of 256 steps of Adam. By default of the layer that Grad-CAM takes.

    Source: Erhan et al. 2009, "Visualizing Higher-Layer Features of a Deep Network"; Mahendran and Vedaldi 2015,
    "Understanding Deep Image Representations by Inverting Them", section 3, for the total variation; Olah et al. 2017,
    "Feature Visualization", for the shifts.
    """

    kinds = ("image",)
    needs = "network"
    takes_layer = True
    instead = "only images can be looked at"

    def explain(self, cases: Sequence[Case], tell: Tell) -> Explanation:
        """See `Method.explain`."""
        from runner.explain.drawing.images import gallery

        image = torch.zeros(1, *self.explained.spec.input_shape, device=self.explained.device)
        name = self.layer or last_maps(self.explained, image) or next(reversed(convolutions(self.explained)), None)
        if name is None:
            raise ConfigError(
                f"--method feature_visualization: {type(self.explained.model).__name__} has no convolution. Name a "
                "layer with --layer."
            )
        images, reached = self.images(layer_named(self.explained, name), name, tell)
        channels = [str(channel) for channel in range(len(images))]
        facts = {"layer": name, "activation": dict(zip(channels, reached.tolist(), strict=True))}
        return Explanation(facts, {".png": gallery(images, channels, name, self.explained)})

    def images(self, layer: nn.Module, name: str, tell: Tell) -> tuple[Tensor, Tensor]:
        """The images ``(channels, C, H, W)`` and the mean activation of their channel ``(channels,)``."""
        kept: list[Tensor] = []
        hook = layer.register_forward_hook(lambda _, __, given: kept.append(given))
        shape, device = self.explained.spec.input_shape, self.explained.device
        low, high = self.range_of_pixels()

        def activations(x: Tensor) -> Tensor:
            kept.clear()
            self.explained.model(x)
            if not kept or not isinstance(kept[0], Tensor) or kept[0].ndim < 2 or len(kept[0]) != len(x):
                raise ConfigError(f"--layer {name}: gives no channels. Name a convolution or a dense layer.")
            given: Tensor = kept[0].flatten(2).mean(2) if kept[0].ndim > 2 else kept[0]
            return given

        try:
            with seeded(self.name, name):
                count = min(SHOWN, activations(torch.zeros(1, *shape, device=device)).shape[1])
                x = (0.1 * torch.randn(count, *shape)).to(device).clamp(low, high).requires_grad_()
                own, far = torch.arange(count, device=device), max(1, shape[-1] // 8)
                optimizer = torch.optim.Adam([x], RATE)
                for step in range(STEPS):
                    if step % 32 == 0:
                        tell(self.name, step, STEPS)
                    by = torch.randint(-far, far + 1, (2,)).tolist()
                    gained = activations(x.roll(by, (2, 3)))[own, own]
                    variation = x.diff(dim=2).abs().mean((1, 2, 3)) + x.diff(dim=3).abs().mean((1, 2, 3))
                    optimizer.zero_grad()
                    (VARIATION * variation - gained).sum().backward()
                    optimizer.step()
                    with torch.no_grad():
                        x.clamp_(low, high)
                with torch.no_grad():
                    reached = activations(x)[own, own]
        finally:
            hook.remove()
        return x.detach().cpu(), reached.cpu()

    def range_of_pixels(self) -> tuple[Tensor, Tensor]:
        """The least and the largest value of each channel, scaled ``(C, 1, 1)``; without scaling known, -3 and 3."""
        from runner.data.image.files import Pixels

        transform, device = self.explained.network.transform, self.explained.device
        if not isinstance(transform, Pixels):
            return torch.tensor(-3.0, device=device), torch.tensor(3.0, device=device)
        scale = transform.scale
        ends = [((value - scale.shift) / scale.spread)[:, None, None] for value in (0.0, float(transform.ceiling))]
        return torch.tensor(ends[0], device=device).float(), torch.tensor(ends[1], device=device).float()
