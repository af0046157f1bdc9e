"""Which files of a folder are images."""

from collections.abc import Iterator
from pathlib import Path

from runner.data.source.listing import Files, files_in

IMAGES = Files((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp"), "image", "images")


def image_files(folder: Path) -> Iterator[Path]:
    """The images in a folder; see `runner.data.source.listing.files_in`."""
    return files_in(folder, IMAGES)
