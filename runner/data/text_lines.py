"""Texts of one's own for a language model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runner.data.parts.split import Parts
from runner.data.text.option import StreamOption, TokenizerKind
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.errors import ConfigError, RunFailed, counted, no_file


@dataclass(kw_only=True)
class TextLines(StreamOption):
    """Lines, paragraphs or files of UTF-8. Those that are empty or only space are left out.

    It is told how many texts of validation and test are in the training part too, word for word.

    Attributes:
        path: a file, or a folder; of a folder every ``.txt`` file in it and below, in the order of their names.
        unit: what a text is: one of the ``lines``, of the ``paragraphs`` (which empty lines separate), or of the
            ``files``. Texts are divided whole between the parts.
        split_file: a text or CSV file that says the part of each text, at the end of a line: of lines and paragraphs in
            their order, of files with their path in the folder in front (``notes.txt,train``). It takes the place of
            `split`.
    """

    path: str
    unit: Literal["lines", "paragraphs", "files"] = "lines"
    split_file: str | None = None
    tokenizer: TokenizerKind = "characters"

    def probe(self) -> Spec:
        """Looks whether the files are there."""
        self._files()
        if self.split_file is not None and not Path(self.split_file).expanduser().is_file():
            raise ConfigError(f"data.split_file={self.split_file}: {no_file(Path(self.split_file).expanduser())}")
        self.check_tokenizer()
        return self.spec

    def _files(self) -> list[Path]:
        path = Path(self.path).expanduser()
        if path.is_dir():
            if files := sorted(file for file in path.rglob("*.txt") if file.is_file()):
                return files
            raise ConfigError(f"data.path={self.path}: there is no .txt file in this folder. Expected some.")
        if not path.is_file():
            raise ConfigError(
                f"data.path={self.path}: {no_file(path)} Expected a text file, or a folder of .txt files."
            )
        if self.unit == "files":
            raise ConfigError(f"data.unit=files: data.path={self.path} is one file, which has no parts. Name a folder.")
        return [path]

    def load(self) -> Data:
        """Read the files; see `DataOption.load`."""
        from runner.data.parts.assemble import divide
        from runner.data.source.fingerprint import combine, sha256_of_file

        files = self._files()
        texts, names, empty = [], [], 0
        for file in files:
            for text in _units(_read(file), self.unit):
                if text.isspace() or not text:
                    empty += 1
                else:
                    texts.append(text)
                    names.append(str(file.relative_to(Path(self.path).expanduser())) if self.unit == "files" else "")
        if not texts:
            raise RunFailed(f"data.path={self.path}: there is no text in it.")
        given = Path(self.split_file).expanduser() if self.split_file else None
        parts = self._given(given, names) if given else divide(self, len(texts), None)
        notes: tuple[str, ...] = (f"{counted(len(texts), self.unit[:-1])} of {counted(len(files), 'file')}",)
        if empty:
            notes += (f"{counted(empty, f'empty {self.unit[:-1]}')} left out",)
        notes += tuple(_copies(texts, parts, self.unit))
        hashes = [sha256_of_file(file) for file in (*files, *([given] if given else []))]
        return self.streamed(texts, parts, combine(hashes), notes)

    def _given(self, file: Path, names: Sequence[str]) -> Parts:
        import numpy as np

        from runner.data.parts.assemble import finish
        from runner.data.parts.split_file import read_parts

        told = read_parts(file, "data.split_file", len(names), names if self.unit == "files" else ())
        found = np.array(told)
        return finish(self, Parts(*(np.flatnonzero(found == part) for part in Parts._fields)), None)


def _copies(texts: Sequence[str], parts: Parts, unit: str) -> Iterator[str]:
    """How many texts that a network is scored on it has read in training."""
    known = {texts[row] for row in parts.train}
    for part in ("val", "test"):
        rows = getattr(parts, part)
        if shared := sum(texts[row] in known for row in rows):
            yield f"{part}: {shared:,} of {counted(len(rows), unit[:-1])} {'is' if shared == 1 else 'are'} in train too"


def _units(text: str, unit: str) -> list[str]:
    if unit == "files":
        return [text]
    if unit == "lines":
        return text.split("\n")
    return [part.strip("\n") for part in text.split("\n\n")]


def _read(file: Path) -> str:
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RunFailed(
            f"{file}, line {line}: it is not UTF-8 ({error.reason} at byte {error.start} of the file). Expected a text "
            "in UTF-8; `iconv -f latin1 -t utf-8` makes one of a Western European text."
        ) from error
