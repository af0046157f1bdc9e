"""What the options of sounds have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, Le

from runner.data.audio.mel import MelScale, mel_filters
from runner.data.base import DataOption
from runner.engine.data import Data
from runner.engine.spec import Field
from runner.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runner.data.audio.spectrogram import Spectrograms
    from runner.data.parts.split import Parts
    from runner.engine.split import Split

MEASURED = 1_000  # training clips of which mean and deviation are taken, at most


@dataclass(kw_only=True)
class AudioOption(DataOption):
    """Clips of sound, of which networks are given log-mel spectrograms, made on the device.

    A spectrogram is an image of one channel, its rows the frames and its columns the bands from low to high, so that
    networks for images take it, and recurrent ones read it frame by frame.

    Attributes:
        rate: samples in a second.
        seconds: length of a clip, above 0: longer ones are cut behind it, silence follows shorter ones.
        n_fft: samples of a window of the short-time Fourier transform.
        hop_length: samples from one window to the next, at most `n_fft`.
        n_mels: bands of frequencies.
        f_min: where the first begins, in hertz.
        f_max: where the last ends, in hertz; None: half the rate.
        mel_scale: ``htk`` or ``slaney``; see `runner.data.audio.mel.to_mel`.
        as_sequence: give the frames as the steps of a series: ``(1, frames, n_mels)`` becomes ``(frames, n_mels)``.
        scaling: of spectrograms, with one mean and deviation, or least and largest, of up to 1,000 training clips;
            ``none`` leaves -100 decibels at 0 and 0 decibels, full scale, at 1.

    Raises:
        ConfigError: the bands can't be made of such windows.
    """

    rate: Annotated[int, Ge(1_000), Le(768_000)] | None = 16_000
    seconds: Annotated[float, Gt(0)] = 1.0
    n_fft: Annotated[int, Ge(16)] = 512
    hop_length: Annotated[int, Ge(1)] = 256
    n_mels: Annotated[int, Ge(1)] = 64
    f_min: Annotated[float, Ge(0)] = 0.0
    f_max: Annotated[float, Gt(0)] | None = None
    mel_scale: MelScale = "htk"
    as_sequence: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hop_length > self.n_fft:
            raise ConfigError(
                f"data.hop_length={self.hop_length}: windows of data.n_fft={self.n_fft} samples would leave out what "
                f"is between them. Expected at most {self.n_fft}."
            )
        if self.rate is not None:
            self.check_bands(self.rate)

    @property
    def inputs(self) -> Field:
        """What an example is."""
        kind: Literal["series", "image"] = "series" if self.as_sequence else "image"
        return Field(kind, made_of="waveform")

    def length(self, rate: int) -> int:
        """Samples of a clip."""
        return max(1, round(self.seconds * rate))

    def check_bands(self, rate: int) -> None:
        """Whether every band has a frequency of the transform in it.

        Raises:
            ConfigError: one has not, or they reach beyond what the rate can hold.
        """
        f_max = rate / 2 if self.f_max is None else self.f_max
        if not self.f_min < f_max <= rate / 2:
            raise ConfigError(
                f"data.f_min={self.f_min:g} data.f_max={f_max:g}: expected them in this order, and at most half of "
                f"the {rate:,} samples in a second: {rate / 2:g}."
            )
        filters = mel_filters(rate, self.n_fft, self.n_mels, self.f_min, f_max, self.mel_scale)
        if empty := int((filters.max(axis=0) == 0).sum()):
            raise ConfigError(
                f"data.n_mels={self.n_mels}: {empty} of the bands have no frequency in them, as windows of "
                f"data.n_fft={self.n_fft} samples tell only what is {rate / self.n_fft:.0f} Hz apart. Take fewer bands "
                "or longer windows."
            )

    def transform(self) -> "Spectrograms":
        """See `DataOption.transform`; raw clips are WAV files."""
        from runner.data.audio.spectrogram import Spectrograms

        return Spectrograms(self, self.rate or 0)

    def clips(
        self,
        transform: "Spectrograms",
        labels: "NDArray[np.int64]",
        parts: "Parts",
        kept: "Split",
        *,
        class_names: Sequence[str],
        fingerprint: str,
        notes: tuple[str, ...] = (),
    ) -> Data:
        """Clips and their classes, as waveforms of 16 bits of which spectrograms are made batch by batch.

        Args:
            transform: not fitted.
            labels: class indices ``(N,)``.
            parts: the split.
            kept: all waveforms ``(samples,)`` int16 with their classes.
            class_names: one per class.
            fingerprint: hash of the raw content.
            notes: passed on.
        """
        import torch

        from runner.data.parts.assemble import classes_spec, in_parts, missing_classes
        from runner.data.parts.split import keep_fraction
        from runner.engine.split import ScaledSplit
        from runner.engine.split.rows import RowsSplit

        measured = keep_fraction(parts.train, min(1.0, MEASURED / len(parts.train)), self.split_seed)
        transform.fit(kept.read(torch.from_numpy(measured)).inputs.numpy())

        def split(rows: "NDArray[np.int64]") -> "Split":
            part = RowsSplit(kept, torch.from_numpy(rows)).whole()
            return ScaledSplit(part, transform.module())

        return Data(
            classes_spec(labels, parts, class_names, transform.field),
            in_parts(parts, split),
            fingerprint,
            transform,
            notes + missing_classes(labels, parts, class_names),
        )
