"""Sounds: WAV files in base64, or as bodies."""

from __future__ import annotations

import base64
import io
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from runner.deploy.serve.forms.form import Form
from runner.deploy.serve.forms.image import from_base64
from runner.errors import RunFailed

if TYPE_CHECKING:
    from runner.data.audio.spectrogram import Spectrograms


class Sounds(Form):
    """WAV files, of which the beginning is read as `predict` does.

    Args:
        transform: of the data.
    """

    key: ClassVar[str] = "sounds"
    media: ClassVar[tuple[str, ...]] = ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")

    def __init__(self, transform: Spectrograms) -> None:
        self.transform = transform

    def one(self, value: Any) -> NDArray[np.int16]:
        """See `Form.one`."""
        return self.file(from_base64(value))

    def file(self, content: bytes) -> NDArray[np.int16]:
        """See `Form.file`."""
        with tempfile.NamedTemporaryFile(suffix=".wav") as copy:
            copy.write(content)
            copy.flush()
            try:
                return self.transform.clip(Path(copy.name))
            except RunFailed as error:
                raise ValueError(str(error).replace(copy.name, "")) from error

    def together(self, examples: Sequence[Any]) -> NDArray[np.int16]:
        """See `Form.together`."""
        return np.stack(examples)

    def sample(self) -> str:
        """Silence."""
        file = io.BytesIO()
        with wave.open(file, "wb") as written:
            written.setnchannels(1)
            written.setsampwidth(2)
            written.setframerate(self.transform.rate)
            written.writeframes(bytes(2 * self.transform.length))
        return base64.b64encode(file.getvalue()).decode()

    def schema(self) -> dict[str, Any]:
        """See `Form.schema`."""
        return {"type": "string", "contentEncoding": "base64", "contentMediaType": "audio/wav"}

    def facts(self) -> dict[str, Any]:
        """What is read of a sound."""
        return {"rate": self.transform.rate, "seconds": self.transform.length / self.transform.rate}
