"""Which files of a folder are images."""

from runner.data.source.listing import Files

IMAGES = Files((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp"), "image", "images")
