"""Emoji in colour, as one vendor draws them or as two do."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge

from runner.data.base import ImageOption
from runner.data.image.emoji import CATEGORIES, Drawings, on_background, read_drawings
from runner.data.source.fingerprint import combine
from runner.data.source.located import in_root, located
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, RunFailed
from runner.fetch.published import Published
from runner.fetch.sets.emoji import GOOGLE, TWITTER

Vendor = Literal["twitter", "google"]
COLOURS = {"white": (255, 255, 255), "grey": (128, 128, 128), "black": (0, 0, 0)}


@dataclass(kw_only=True)
class Emoji(ImageOption):
    """About 3,800 drawings in nine categories, 64 x 64 pixels in colour on a plain ground.

    An emoji is in one part only, with all tones of its skin. So with another `test_vendor` the test part holds the same
    emoji as without, drawn by the other: what the score loses is due to the shift of domain alone.

    Source: emoji-datasource 16.0.0; the graphics of Twemoji (CC BY 4.0) and Noto Emoji (Apache-2.0).

    Attributes:
        vendor: whose drawings are trained and validated with.
        test_vendor: whose drawings are tested with.
        background: colour of the ground.
        image_size: height and width in pixels.
        root: folder with the packages. None: the cache (``$RUNNER_DATA``, by default ``~/.cache/runner``), else they
            are fetched; of a vendor that is not chosen nothing is.
    """

    vendor: Vendor = "twitter"
    test_vendor: Vendor = "twitter"
    background: Literal["white", "grey", "black"] = "white"
    image_size: Annotated[int, Ge(1)] = 64
    root: str | None = None
    published: ClassVar[tuple[Published, ...]] = (TWITTER, GOOGLE)

    def probe(self) -> Spec:
        """Known beforehand."""
        if self.root is not None:
            for vendor in {self.vendor, self.test_vendor}:
                in_root(self._published(vendor), self.root)
        if self.test_vendor != self.vendor and self.split[2] == 0:
            raise ConfigError(
                f"data.test_vendor={self.test_vendor}: data.split={list(self.split)} leaves nothing for the test. "
                "Give it a share."
            )
        return Spec("classification", self.inputs, Field("class", (), len(CATEGORIES), CATEGORIES))

    def load(self) -> Data:
        """Find or fetch the packages, verify and read them, and split by emoji."""
        from runner.data.parts.assemble import finish, images
        from runner.data.parts.split import grouped

        drawings, notes = self._drawings(self.vendor)
        digests = [self._digest(self.vendor)]
        groups, labels = np.unique(drawings.emoji, return_inverse=True)[1], drawings.categories
        parts = finish(self, grouped(groups, self.split, self.split_seed, labels), labels, groups)
        pixels, places = drawings.pixels, [f"{self.vendor}/{name}" for name in drawings.names]
        if self.test_vendor != self.vendor:
            others, more = self._drawings(self.test_vendor)
            if others.names != drawings.names:
                raise RunFailed(f"data=emoji: {self.vendor} and {self.test_vendor} do not draw the same emoji.")
            pixels = pixels.copy()
            pixels[parts.test] = others.pixels[parts.test]
            for row in parts.test:
                places[row] = f"{self.test_vendor}/{others.names[row]}"
            notes += more
            digests.append(self._digest(self.test_vendor))
        return images(
            self,
            on_background(pixels, COLOURS[self.background], self.image_size),
            labels,
            parts,
            class_names=CATEGORIES,
            fingerprint=combine([*digests, self.background, str(self.image_size)]),
            notes=notes,
            places=places,
        )

    def _published(self, vendor: Vendor) -> Published:
        return next(published for published in self.published if published.name.endswith(vendor))

    def _digest(self, vendor: Vendor) -> str:
        return next(iter(self._published(vendor).files.values())).sha256

    def _drawings(self, vendor: Vendor) -> tuple[Drawings, tuple[str, ...]]:
        published = self._published(vendor)
        files, notes = located(published, self.root)
        published.check(files)
        (archive,) = files.values()
        return read_drawings(archive, vendor), (f"read from {archive}", *notes)
