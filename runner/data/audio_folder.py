"""Sounds of one's own, a folder per class."""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from runner.data.audio.option import AudioOption
from runner.data.audio.wav import WAVES, Clip, Samples, read_wav
from runner.data.parts.split import Parts, grouped
from runner.data.source.class_folders import ClassFolders
from runner.data.source.listing import Files
from runner.engine.data import Data
from runner.engine.memory import available_memory
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, RunFailed

if TYPE_CHECKING:
    from runner.data.audio.spectrogram import Spectrograms

SHARE_OF_MEMORY = 0.25  # other runs of a sweep want some too
_AT_ONCE = 256  # files


@dataclass(kw_only=True)
class AudioFolder(ClassFolders, AudioOption):
    """WAV files under ``root/CLASS/``, or under ``root/{train,val,test}/CLASS/`` where these are split already.

    PCM of 8, 16, 24 or 32 bits and floats; channels are averaged.

    Attributes:
        rate: samples in a second, to which files of another rate are brought; None: that of the first file, and one of
            another rate can't be read.
        group: a regular expression that says what files belong together (a speaker, a recording): those in whose name
            it finds the same, or the same first group, come into one part. None: each file by itself.
        in_memory: read everything once and keep it, two bytes a sample; ``auto`` does so when it takes at most a
            quarter of the free memory. Else workers read while training (`num_workers`).
        on_bad_file: what to do about a file that can't be read: ``stop``, or leave it out (``skip``) and say how many
            were; no other file is moved to another part by it.

    Raises:
        ConfigError: `group` is no regular expression, or something else divides the files.
    """

    files: ClassVar[Files] = WAVES
    group: str | None = None
    in_memory: Literal["auto"] | bool = "auto"
    on_bad_file: Literal["stop", "skip"] = "stop"

    def probe(self) -> Spec:
        """Looks at the folders, not into the files.

        Raises:
            ConfigError: see the class.
        """
        classes = self.classes()
        self._pattern()
        return Spec("classification", self.inputs, Field("class", (), len(classes), tuple(classes)))

    def load(self) -> Data:
        """List, split and read the files; all are read once, so that what is wrong with one is known at once."""
        import torch

        from runner.data.source.file_arrays import ClassFiles
        from runner.engine.split import DatasetSplit, Split, TensorSplit

        paths, labels, classes, parts, notes = self.listed()
        parts = self._grouped(parts, paths, labels)
        rate = self.rate or self._first_rate(paths)
        self.check_bands(rate)
        transform = self.transform()
        transform.rate, transform.length = rate, self.length(rate)
        kept: Samples | None = None
        if self._fits(len(paths), transform.length):
            kept = np.empty((len(paths), transform.length), np.int16)
        bad, told = self._read(paths, transform, kept)
        parts, left_out = self._without(parts, bad, paths)
        places = [str(path) for path in paths]
        split: Split
        if kept is not None:
            split = TensorSplit(torch.from_numpy(kept), torch.from_numpy(labels), places=places)
        else:
            files = ClassFiles(paths, labels, transform.clip)
            split = DatasetSplit(files, len(paths), place_of=places.__getitem__, labels=torch.from_numpy(labels))
        return self.clips(
            transform,
            labels,
            parts,
            split,
            class_names=classes,
            fingerprint=self.fingerprint(paths),
            notes=notes + left_out + told,
        )

    def _read(
        self, paths: Sequence[Path], transform: "Spectrograms", kept: Samples | None
    ) -> tuple[list[int], tuple[str, ...]]:
        """Read all files into `kept`, where there is room; the numbers of those that can't be read, and notes."""
        bad: list[int] = []
        clips: list[Clip] = []

        def read(path: Path) -> tuple[Samples, Clip] | None:
            try:
                return transform.read_clip(path)
            except RunFailed as error:
                if self.on_bad_file == "skip":
                    return None
                raise RunFailed(f"{error} data.on_bad_file=skip leaves such files out.") from error

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(paths), _AT_ONCE):
                for row, found in enumerate(pool.map(read, paths[start : start + _AT_ONCE]), start):
                    if found is None:
                        bad.append(row)
                        continue
                    if kept is not None:
                        kept[row] = found[0]
                    clips.append(found[1]._replace(samples=found[0][:0]))
        return bad, self._told_of(clips, transform.rate)

    def _told_of(self, clips: Sequence[Clip], rate: int) -> tuple[str, ...]:
        """What was done to the clips to make them alike, in words."""
        notes = []
        longer = [clip.seconds for clip in clips if clip.seconds > self.seconds + 0.5 / rate]
        shorter = [clip.seconds for clip in clips if clip.seconds < self.seconds - 0.5 / rate]
        others = sorted({clip.rate for clip in clips if clip.rate != rate})
        total, end = f"of {len(clips):,} clips", f"data.seconds={self.seconds:g}"
        if longer:
            lost = sum(longer) - len(longer) * self.seconds
            notes.append(f"{len(longer):,} {total} are longer than {end} and cut ({lost:,.1f} s in all are left out)")
        if shorter:
            notes.append(f"{len(shorter):,} {total} are shorter than {end}; silence follows them")
        if others:
            count = sum(clip.rate != rate for clip in clips)
            shown = ", ".join(f"{other:,}" for other in others[:5]) + (", ..." if len(others) > 5 else "")
            notes.append(f"{count:,} {total} have {shown} samples in a second and are brought to {rate:,}")
        return tuple(notes)

    def _first_rate(self, paths: Sequence[Path]) -> int:
        reasons: list[RunFailed] = []
        for path in paths:
            try:
                return read_wav(path, 0.0).rate
            except RunFailed as error:
                if self.on_bad_file == "stop":
                    raise
                reasons.append(error)
        raise reasons[0]

    def _pattern(self) -> re.Pattern[str] | None:
        if self.group is None:
            return None
        if self.split_file or self._part_folders():
            divides = "data.split_file" if self.split_file else "folders for the parts"
            raise ConfigError(f"data.group={self.group}: here {divides} say the part of each file. Leave group out.")
        try:
            return re.compile(self.group)
        except re.error as error:
            raise ConfigError(f"data.group={self.group}: is no regular expression ({error}).") from error

    def _grouped(self, parts: Parts, paths: Sequence[Path], labels: NDArray[np.int64]) -> Parts:
        """The parts with files of one group in one of them, where that is asked for."""
        from runner.data.parts.assemble import finish

        pattern = self._pattern()
        if pattern is None:
            return parts
        found = [pattern.search(path.name) for path in paths]
        if None in found:
            raise RunFailed(f"data.group={self.group}: finds nothing in the name of {paths[found.index(None)]}.")
        names, groups = np.unique([m[1] if m.re.groups else m[0] for m in found if m], return_inverse=True)
        try:
            divided = grouped(groups, self.split, self.split_seed, labels)
        except ValueError as error:
            raise RunFailed(
                f"data.group={self.group}: finds {len(names)} group(s), such as {names[0]}, which can't fill the parts "
                f"of data.split={list(self.split)}."
            ) from error
        return finish(self, divided, labels, groups)

    def _fits(self, count: int, length: int) -> bool:
        if self.in_memory != "auto":
            return self.in_memory
        needed = count * length * 2 * 2  # two bytes a sample, and a copy while they are divided
        return needed <= SHARE_OF_MEMORY * available_memory()
