"""Several emoji on one canvas: which there are, where each is, and which pixels are its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from runner.data.composites.option import CompositesOption
from runner.data.image.emoji import CATEGORIES
from runner.data.source.fingerprint import combine
from runner.data.source.located import in_root, located
from runner.errors import ConfigError
from runner.fetch.published import Published
from runner.fetch.sets.emoji import GOOGLE, TWITTER

if TYPE_CHECKING:
    from runner.data.composites.drawing import Glyphs
    from runner.data.parts.split import Parts
    from runner.engine.spec import Spec

STEPS = 3  # sizes in which an emoji is drawn


@dataclass(kw_only=True)
class EmojiComposites(CompositesOption):
    """Images ``(3, size, size)`` of emoji of several sizes on white, in nine categories, with exact masks and boxes.

    The emoji that training images are made of stand in no other image, in whatever tone of the skin. Edges are mixed
    with what is behind; a pixel belongs to the emoji that is half of it or more.

    Attributes:
        vendor: whose drawings.
        emoji: least and most emoji of an image.
        sides: least and most pixels of an emoji's side; it is drawn in these sizes and one between.
        root: folder with the package. None: the cache (``$RUNNER_DATA``, by default ``~/.cache/runner``), else it is
            fetched.

    Raises:
        ConfigError: `emoji` or `sides` are no range, or an emoji is larger than an image.

    Source: emoji-datasource 16.0.0; the graphics of Twemoji (CC BY 4.0) and Noto Emoji (Apache-2.0).
    """

    vendor: Literal["twitter", "google"] = "twitter"
    size: Annotated[int, Ge(8)] = 64
    overlap: Annotated[float, Ge(0), Le(1)] = 0.2
    emoji: tuple[Annotated[int, Ge(0)], Annotated[int, Ge(1)]] = (1, 4)
    sides: tuple[Annotated[int, Ge(4)], Annotated[int, Ge(4)]] = (16, 28)
    root: str | None = None
    number: ClassVar[str] = "emoji"
    names: ClassVar[tuple[str, ...]] = CATEGORIES
    channels: ClassVar[int] = 3
    ground: ClassVar[int] = 255
    published: ClassVar[tuple[Published, ...]] = (TWITTER, GOOGLE)

    def __post_init__(self) -> None:
        super().__post_init__()
        least, most = self.sides
        if not least <= most <= self.size:
            raise ConfigError(
                f"data.sides={[least, most]}: expected the least and the most pixels of an emoji's side, at most "
                f"data.size={self.size}."
            )

    @property
    def _package(self) -> Published:
        return next(published for published in self.published if published.name.endswith(self.vendor))

    def probe(self) -> Spec:
        """Known beforehand; a folder that is named must hold the package."""
        if self.root is not None:
            in_root(self._package, self.root)
        return super().probe()

    def glyphs(self) -> tuple[Glyphs, Parts, str, tuple[str, ...]]:
        """The vendor's emoji in all sizes; see `CompositesOption.glyphs`."""
        from runner.data.composites.drawing import HALF, Glyphs
        from runner.data.image.emoji import read_drawings
        from runner.data.parts.assemble import finish
        from runner.data.parts.split import grouped

        files, notes = located(self._package, self.root)
        self._package.check(files)
        (archive,) = files.values()
        drawings = read_drawings(archive, self.vendor)
        sides = np.unique(np.linspace(*self.sides, STEPS).round().astype(np.int64))
        drawn = np.concatenate([resized(drawings.pixels, int(side), self.sides[1]) for side in sides])
        there = (drawn[:, 3] >= HALF).any((1, 2))
        labels, which = (np.tile(a, len(sides))[there] for a in (drawings.categories, drawings.emoji))
        groups = np.unique(which, return_inverse=True)[1]
        parts = finish(self, grouped(groups, self.split, self.split_seed, labels), labels, groups)
        digest = combine([next(iter(self._package.files.values())).sha256, *map(str, sides)])
        glyphs = Glyphs(drawn[there, :3], drawn[there, 3], labels)
        return glyphs, parts, digest, (f"read from {archive}", *notes)


def resized(pixels: NDArray[np.uint8], side: int, window: int) -> NDArray[np.uint8]:
    """Drawings ``(N, H, W, 4)`` in another size, amid transparent windows ``(N, 4, window, window)``."""
    from PIL import Image

    made = np.zeros((len(pixels), 4, window, window), np.uint8)
    start = (window - side) // 2
    for row, drawn in zip(made, pixels, strict=True):
        # colours weighted by their opacity, so that what is transparent does not show at the edges
        image = Image.fromarray(drawn).convert("RGBa").resize((side, side), Image.Resampling.BILINEAR).convert("RGBA")
        row[:, start : start + side, start : start + side] = np.asarray(image).transpose(2, 0, 1)
    return made
