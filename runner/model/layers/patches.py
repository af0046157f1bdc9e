"""How images are cut into patches, which networks without convolutions read as a sequence."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from runner.engine.spec import Spec
from runner.errors import ConfigError

PatchSize = Annotated[int, Ge(1)] | None


def patch_side(spec: Spec, patch_size: int | None) -> int:
    """The side of a patch in pixels: as given, or else the largest of 16, 8, 4, 2 that leaves at least 7 x 7 patches.

    That is 16 at 224 pixels, 8 at 64, and 4 at 28 and 32; 1 where none fits.

    Raises:
        ConfigError: the images are not whole numbers of patches high and wide.
    """
    sides = spec.input_shape[1:]
    if patch_size is None:
        fitting = (side for side in (16, 8, 4, 2) if all(s % side == 0 and s // side >= 7 for s in sides))
        return next(fitting, 1)
    if any(side % patch_size for side in sides):
        possible = [n for n in range(1, min(sides) + 1) if all(s % n == 0 for s in sides)]
        raise ConfigError(
            f"model.patch_size={patch_size}: images of {sides[1]} x {sides[0]} pixels can't be cut into such patches. "
            f"Expected one of {', '.join(map(str, possible))}, or null."
        )
    return patch_size
