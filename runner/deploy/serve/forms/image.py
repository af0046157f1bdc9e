"""Images: files in base64, or as bodies."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from runner.data.image.files import covering
from runner.deploy.serve.bounds import Refused
from runner.deploy.serve.forms.form import Form
from runner.errors import RunFailed

if TYPE_CHECKING:
    from runner.data.image.files import Pixels

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
MOST_PIXELS = 25_000_000  # of all images of a request, unpacked: about 100 MB, and as much again while they are turned


class Images(Form):
    """Image files; of any size, brought to that of the training as `predict` does.

    Args:
        transform: of the data.
    """

    key: ClassVar[str] = "images"
    media: ClassVar[tuple[str, ...]] = tuple(f"image/{name}" for name in ("png", "jpeg", "webp", "gif", "bmp", "tiff"))

    def __init__(self, transform: Pixels) -> None:
        self.transform = transform

    def read(self, values: Sequence[Any]) -> list[Any]:
        """See `Form.read`. How large they are is looked at before any is unpacked."""
        pixels = 0
        for place, value in enumerate(values):
            try:
                pixels += self._pixels(from_base64(value))
            except ValueError as error:
                raise Refused(422, f"{self.key}[{place}]: {error}") from error
            if pixels > MOST_PIXELS:
                raise Refused(422, f"the images have more than {MOST_PIXELS:,} pixels together. Send them one by one.")
        return super().read(values)

    def one(self, value: Any) -> NDArray[np.uint8]:
        """See `Form.one`."""
        return self.file(from_base64(value))

    def file(self, content: bytes) -> NDArray[np.uint8]:
        """See `Form.file`."""
        self._pixels(content)
        try:
            return self.transform.decode(io.BytesIO(content))
        except RunFailed:
            raise ValueError("is damaged, or of a form that is not read.") from None

    def _pixels(self, content: bytes) -> int:
        """How many pixels an image has when it is unpacked and resized, by its header alone."""
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            raise ValueError(f"has more than {MOST_PIXELS:,} pixels. Make it smaller.") from None
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
            raise ValueError(f"is no image. Expected a file of one of these forms: {', '.join(FORMATS)}.") from None
        except Exception:  # damaged headers make Pillow raise nearly anything
            raise ValueError("is a damaged image.") from None
        cover = self.transform.cover
        w, h, _, _ = covering(width, height, cover or self.transform.height, cover or self.transform.width)
        if max(width * height, w * h) > MOST_PIXELS:
            raise ValueError(
                f"has {width:,} x {height:,} pixels: more than {MOST_PIXELS:,} when it is unpacked and resized. "
                "Make it smaller."
            )
        return max(width * height, w * h)

    def together(self, examples: Sequence[Any]) -> NDArray[np.uint8]:
        """See `Form.together`."""
        return np.stack(examples)

    def sample(self) -> str:
        """A black image."""
        file = io.BytesIO()
        Image.new("L", (self.transform.width, self.transform.height)).save(file, "PNG")
        return base64.b64encode(file.getvalue()).decode()

    def schema(self) -> dict[str, Any]:
        """See `Form.schema`."""
        return {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/*"}

    def facts(self) -> dict[str, Any]:
        """What images are brought to."""
        t = self.transform
        return {"width": t.width, "height": t.height, "channels": t.channels, "cover": t.cover}


def from_base64(value: Any) -> bytes:
    """The content of a file.

    Raises:
        ValueError: it is no base64.
    """
    if not isinstance(value, str):
        raise ValueError("expected a file in base64.")
    try:
        return base64.b64decode(value.partition(",")[2] if value.startswith("data:") else value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is no base64.") from None
