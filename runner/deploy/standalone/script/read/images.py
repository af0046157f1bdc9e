"""Image files as pixels: PNG, PPM and PGM of the network's size, .npy; with pillow all that it reads, of any size."""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from runner.deploy.standalone.script.main import Example, Refused

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
WITHOUT = "pip install pillow reads such files too."


def read(path: str, about: dict[str, Any]) -> Iterator[Example]:
    """A file, or the images below a folder, each as the pixels ``(channels, height, width)`` of the network."""
    if os.path.isdir(path):
        folder = Path(path)
        for file in sorted(file for file in folder.rglob("*") if file.name.lower().endswith(SUFFIXES)):
            if not any(part.startswith(".") for part in file.relative_to(folder).parts):
                yield from read(str(file), about)
        return
    height, width = about["height"], about["width"]
    try:
        pixels = array(path) if path.endswith(".npy") else decoded(path, height, width, about["cover"])
    except (ValueError, LookupError, struct.error, zlib.error) as error:
        raise Refused(f"{path}: can't be read as an image ({error}).") from None
    if pixels.shape[:2] != (height, width):
        raise Refused(
            f"{path}: is {pixels.shape[1]} x {pixels.shape[0]} pixels, and the network takes {width} x {height}. With "
            "pillow (pip install pillow) image files of other sizes are resized."
        )
    colours = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    if about["channels"] == 1:  # as pillow weighs them
        colours = ((colours.astype(np.int64) @ (19595, 38470, 7471) + 0x8000) >> 16)[:, :, None]
    if about["ceiling"] != 255:
        colours = np.rint(colours * (about["ceiling"] / 255))
    yield path, {}, colours.astype(np.uint8).transpose(2, 0, 1)


def array(path: str) -> np.ndarray:
    """An array ``(height, width)`` or ``(height, width, 1 or 3)`` of numbers from 0 to 255."""
    pixels: np.ndarray = np.load(path, allow_pickle=False)
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise ValueError(f"{pixels.dtype} {pixels.shape}; expected uint8 (height, width) or (height, width, 3)")
    return pixels


def decoded(path: str, height: int, width: int, cover: int | None) -> np.ndarray:
    """The pixels ``(height, width, 1 or 3)`` of a file."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        pixels = png(content) if content[:8] == b"\x89PNG\r\n\x1a\n" else portable(content)
        own = pixels.shape[:2]
        if cover and min(own) == cover and cover * max(height, width) >= max(own) * min(height, width):
            top, left = (round((have - want) / 2) for have, want in zip(own, (height, width), strict=False))
            pixels = pixels[top : top + height, left : left + width]
        return pixels
    try:
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
        if image.mode.startswith("I;16"):
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        elif image.mode in ("I", "F"):
            raise ValueError("32 bits per pixel; expected 8 or 16")
        elif image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB")
    except UnidentifiedImageError:  # which names an object in memory
        raise ValueError("in no format that pillow knows") from None
    except Exception as error:  # of pillow, of many kinds
        raise ValueError(error) from error
    (w, h), tall, wide = image.size, cover or height, cover or width
    w, h = (tall * w // h, tall) if tall * w >= wide * h else (wide, wide * h // w)  # so that it just covers them
    left, top = round((w - width) / 2), round((h - height) / 2)
    image = image.resize((w, h), Image.Resampling.BILINEAR).crop((left, top, left + width, top + height))
    return np.asarray(image)


def png(content: bytes) -> np.ndarray:
    """Pixels of a PNG file with 8 bits for each colour, or a palette, that is not interlaced."""
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        chunks[name] = chunks.get(name, b"") + content[at + 8 : at + 8 + length]
        at += length + 12
    width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if depth != 8 or interlaced or b"eXIf" in chunks or (b"tRNS" in chunks and colours != 3):
        raise ValueError(f"a PNG of {depth} bits for each colour, interlaced or with more than pixels. {WITHOUT}")
    each = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colours]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * each)
    pixels = np.zeros((height, width * each), np.uint8)
    before = bytes(width * each)
    for row, line in zip(pixels, lines, strict=False):
        before = unfiltered(line[0], line[1:].tobytes(), before, each)
        row[:] = np.frombuffer(before, np.uint8)
    pixels = pixels.reshape(height, width, each)
    if colours == 3:
        palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
        alpha = np.frombuffer(chunks.get(b"tRNS", b""), np.uint8)
        alpha = np.pad(alpha, (0, len(palette) - len(alpha)), constant_values=255)
        pixels = np.concatenate((palette, alpha[:, None]), axis=1)[pixels[:, :, 0]]
    return on_white(pixels) if pixels.shape[2] in (2, 4) else pixels


def unfiltered(kind: int, line: bytes, before: bytes, each: int) -> bytes:
    """A line of pixels; see the specification of PNG, "Filtering"."""
    if kind == 0:
        return line
    made = bytearray(line)
    for i, value in enumerate(line):
        left, up, corner = (made[i - each], before[i], before[i - each]) if i >= each else (0, before[i], 0)
        if kind == 4:  # Paeth: the neighbour that left + up - corner is nearest to
            guess = left + up - corner
            told = min((left, up, corner), key=lambda near: abs(guess - near))
        else:
            told = (0, left, up, (left + up) // 2)[kind]
        made[i] = (value + told) & 255
    return bytes(made)


def on_white(pixels: np.ndarray) -> np.ndarray:
    """Pixels with opacity as the last colour in front of white, rounded as pillow does."""
    colours, opaque = pixels[:, :, :-1].astype(np.int64), pixels[:, :, -1:].astype(np.int64)
    mixed = (colours * opaque + 255 * (255 - opaque)) * 128 + 0x4000
    return ((((mixed >> 8) + mixed) >> 8) >> 7).astype(np.uint8)


def portable(content: bytes) -> np.ndarray:
    """Pixels of a binary PGM or PPM file with 8 bits for each colour."""
    words: list[bytes] = []
    at = 0
    while len(words) < 4:
        end = content.index(b"\n", at) + 1
        line = content[at:end].partition(b"#")[0].split()
        words, at = words + line, end
    if words[0] not in (b"P5", b"P6") or words[3] != b"255" or len(words) > 4:
        raise ValueError(f"neither PNG nor PPM or PGM with 8 bits for each colour. {WITHOUT}")
    width, height, each = int(words[1]), int(words[2]), 1 if words[0] == b"P5" else 3
    return np.frombuffer(content, np.uint8, width * height * each, at).reshape(height, width, each)
