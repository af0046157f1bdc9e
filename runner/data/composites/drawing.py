"""Small images placed on a canvas, with the mask and the boxes that follow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HALF = 128  # opacity from which a pixel is a thing's own
_TRIES = 16  # places that are drawn for a glyph until one does not overlap too much; one that has none is left out


@dataclass(frozen=True)
class Glyphs:
    """What images are made of.

    Attributes:
        pixels: ``(G, C, h, w)`` uint8.
        opacity: ``(G, h, w)`` uint8, 255 where nothing behind is seen. A pixel of half or more is the thing's own; each
            has some such.
        classes: ``(G,)`` int64.
    """

    pixels: NDArray[np.uint8]
    opacity: NDArray[np.uint8]
    classes: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.int64]) -> "Glyphs":
        return Glyphs(self.pixels[rows], self.opacity[rows], self.classes[rows])

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True)
class Composites:
    """Images, and what is in them.

    Attributes:
        pixels: ``(N, C, S, S)`` uint8.
        masks: ``(N, S, S)`` int64: 0 where there is nothing, otherwise 1 + the class of the thing in front.
        boxes: ``(N, M, 5)`` float32: class, left, top, right and bottom of each thing's ink in pixels, right and bottom
            outside; filled up with rows of -1.
        things: ``(N, S, S)`` int64: 0 where there is nothing, otherwise 1 + the number of the front thing's box.
    """

    pixels: NDArray[np.uint8]
    masks: NDArray[np.int64]
    boxes: NDArray[np.float32]
    things: NDArray[np.int64]


def compose(
    glyphs: Glyphs,
    count: int,
    size: int,
    number: tuple[int, int],
    overlap: float,
    seed: tuple[int, int],
    ground: int = 0,
) -> Composites:
    """Draw images, each from random numbers of its own: the first of many are those of few.

    Glyphs are placed one after the other, each in front of those before it where both have ink.

    Args:
        glyphs: what is placed.
        count: N.
        size: S, pixels of the canvas's side, at least h and w.
        number: least and most glyphs of an image.
        overlap: largest intersection over union of two boxes of an image, in [0, 1].
        seed: of all draws, with the number of each image.
        ground: the value of pixels where there is nothing.
    """
    least, most = number
    channels, height, width = glyphs.pixels.shape[1:]
    classes = glyphs.classes
    draws = 1 + most * (1 + 2 * _TRIES)
    raw = np.stack([np.random.PCG64([*seed, image]).random_raw(draws) for image in range(count)])
    wanted = least + raw[:, 0] % np.uint64(most - least + 1)
    slots = raw[:, 1:].reshape(count, most, 1 + 2 * _TRIES)
    chosen = (slots[..., 0] % np.uint64(len(glyphs))).astype(np.int64)
    tops = (slots[..., 1::2] % np.uint64(size - height + 1)).astype(np.int64)  # (N, most, tries)
    lefts = (slots[..., 2::2] % np.uint64(size - width + 1)).astype(np.int64)

    pixels = np.full((count, channels, size, size), ground, np.uint8)
    masks, things = (np.zeros((count, size, size), np.int64) for _ in range(2))
    boxes = np.full((count, most, 5), -1, np.float32)
    extents = _extents(glyphs.opacity)
    images, rows, columns = np.arange(count), np.arange(height), np.arange(width)
    for slot in range(most):
        glyph = chosen[:, slot]
        corners = np.stack([lefts[:, slot], tops[:, slot]] * 2, axis=-1)  # (N, tries, 4)
        places = corners + extents[glyph][:, None]
        fits = np.all(_iou(places[:, :, None], boxes[:, None, :slot, 1:]) <= overlap, axis=2)
        there = np.any(fits, axis=1) & (slot < wanted)
        attempt = fits.argmax(axis=1)
        boxes[there, slot, 0] = classes[glyph[there]]
        boxes[there, slot, 1:] = places[images, attempt][there]
        n, top, left = images[there], tops[images, slot, attempt][there], lefts[images, slot, attempt][there]
        window = n[:, None, None], (top[:, None] + rows)[:, :, None], (left[:, None] + columns)[:, None, :]
        chosen_now = glyphs[glyph[there]]
        opacity = chosen_now.opacity
        for channel in range(channels):
            place = (window[0], channel, *window[1:])
            ink = chosen_now.pixels[:, channel].astype(np.uint32) * opacity
            pixels[place] = (ink + pixels[place].astype(np.uint32) * (255 - opacity) + 127) // 255
        masks[window] = np.where(opacity >= HALF, 1 + chosen_now.classes[:, None, None], masks[window])
        things[window] = np.where(opacity >= HALF, 1 + slot, things[window])
    order = np.argsort(boxes[..., 0] < 0, axis=1, kind="stable")  # those that were left out go to the end
    ranks = np.pad(1 + order.argsort(axis=1), ((0, 0), (1, 0)))  # of each slot, behind that of nothing
    things = np.take_along_axis(ranks, things.reshape(count, -1), axis=1).reshape(things.shape)
    return Composites(pixels, masks, np.take_along_axis(boxes, order[..., None], axis=1), things)


def _extents(opacity: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Left, top, right and bottom of each glyph's ink ``(G, 4)``; right and bottom outside."""
    ink: NDArray[np.bool_] = opacity >= HALF
    down, across = np.any(ink, axis=2), np.any(ink, axis=1)
    ends = [a.shape[1] - np.flip(a, 1).argmax(axis=1) for a in (across, down)]
    return np.stack([across.argmax(axis=1), down.argmax(axis=1), *ends], axis=1)


def _iou(a: NDArray[np.int64], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Intersection over union of boxes ``(..., 4)``; 0 with a box that is none."""
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = sides.clip(min=0).prod(axis=-1)
    areas = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1)
    result: NDArray[np.float64] = both / (areas - both)
    return result
