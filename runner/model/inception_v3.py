"""Inception v3."""

from __future__ import annotations

from torchvision import models

from runner.engine.spec import Spec
from runner.model.base import PublishedNetwork
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.fitted import Stem, fit_to_images


class InceptionV3(models.Inception3, PublishedNetwork):  # type: ignore[misc]
    """Modules of parallel, factorized convolutions, made for 299 pixels; torchvision's class and parameter names.

    The auxiliary classifier is left out: its authors found that it acts as a regularizer only, late in the training
    (section 4). Images of up to 64 pixels enter through a convolution of stride 1, without the first pooling; they need
    28 pixels. Shapes: ``(N, C, H, W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        dropout: probability of dropping a feature before the last layer, in [0, 1).
        stem: ``small`` (for images of up to 64 pixels), ``large``, or ``auto``, by the size of the images.

    Raises:
        ConfigError: the images are too small.

    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", table 1.
    """

    def __init__(self, spec: Spec, dropout: DropoutRate = 0.5, stem: Stem = "auto") -> None:
        super().__init__(spec.num_outputs, aux_logits=False, init_weights=True, dropout=dropout)
        self.builder = "inception_v3"
        fit_to_images(self, spec, stem)
