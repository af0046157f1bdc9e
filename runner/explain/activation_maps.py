"""What the channels of a layer make of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.errors import ConfigError
from runner.explain.base import Explanation, Method, Tell, about
from runner.explain.subject.layers import convolutions, first_maps, given_by, refuse_without_positions

if TYPE_CHECKING:
    from runner.explain.subject.explained import Case, Explained

SHOWN = 16


class ActivationMaps(Method):
    """The channels of a layer with the highest mean activation, each as an image; by default the first convolution's.

    Source: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.
    """

    kinds = ("image",)
    takes_layer = True
    instead = "maps are those of convolutions over images"

    @classmethod
    def refusal(cls, explained: Explained) -> str | None:
        """See `Method.refusal`."""
        if explained.kind == "image" and not convolutions(explained):
            return f"maps are those of convolutions, and {type(explained.model).__name__} has none."
        return super().refusal(explained)

    def explain(self, cases: Sequence[Case], tell: Tell) -> Explanation:
        """See `Method.explain`."""
        from runner.explain.drawing.images import grid

        if self.layer is None:
            self.layer = first_maps(self.explained, cases[0].inputs)
            if self.layer is None:
                raise ConfigError(
                    "--method activation_maps: every convolution of this network gives a single position."
                )
        refuse_without_positions(self.explained, cases[0], self.layer)
        rows, examples = [], []
        for number, case in enumerate(cases):
            tell(self.name, number, len(cases))
            maps = given_by(self.explained, self.layer, case)[0].float().cpu()
            order = maps.mean((1, 2)).argsort(descending=True, stable=True)[:SHOWN].tolist()
            rows.append((case.place, [(str(channel), maps[channel]) for channel in order]))
            means = {str(channel): float(maps[channel].mean()) for channel in order}
            examples.append({**about(case), "mean_activation": means})
        pictures = grid(rows, self.explained, cases)
        return Explanation({"layer": self.layer, "channels": len(maps), "examples": examples}, {".png": pictures})
