"""Texts of one's own in a column of a table."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.data.text.labelled import Labelled, LabelledTexts
from runner.engine.spec import Spec
from runner.errors import ConfigError, RunFailed, did_you_mean, no_file

if TYPE_CHECKING:
    from runner.data.text.tokenizer import Tokenizer


@dataclass(kw_only=True)
class TextCsv(LabelledTexts):
    """Rows of a CSV, TSV or parquet file or of JSON lines: a text and its class. Classes are sorted by their names.

    Rows without a class are left out, and told of. An empty text is an example like any other. In a CSV file a text in
    double quotes may go over several lines. Predictions take such files, of which they read the text, and text files.

    Attributes:
        path: the file, UTF-8.
        text: the column of the texts.
        target: the column of the classes.
        group: column whose equal values never come into different parts, such as an author.
        test_path: a file of the same columns that is the test part; the first two shares of `split` divide `path`.
    """

    path: str
    text: str = "text"
    target: str = "label"
    group: str | None = None
    test_path: str | None = None

    def probe(self) -> Spec:
        """Looks whether the files are there.

        Raises:
            ConfigError: they are not.
        """
        for key, path in self._files().items():
            if not path.is_file():
                raise ConfigError(f"data.{key}={getattr(self, key)}: {no_file(path)}")
        return super().probe()

    def _files(self) -> dict[str, Path]:
        given = {"path": self.path, "test_path": self.test_path}
        return {key: Path(os.path.expanduser(path)) for key, path in given.items() if path is not None}

    def transform(self) -> Tokenizer:
        """See `DataOption.transform`."""
        from runner.data.text.table import ColumnTokenizer

        made = ColumnTokenizer(
            self.tokenizer,
            self.vocabulary,
            self.longest,
            lowercase=self.lowercase,
            enclosed=self.enclosed,
            file=self.tokenizer_file,
        )
        made.column = self.text
        return made

    def read(self) -> Labelled:
        """Read the rows."""
        import numpy as np

        from runner.data.source.fingerprint import combine, sha256_of_file
        from runner.data.text.table import read_rows

        columns = [self.text, self.target, *([self.group] if self.group else [])]
        files, texts, labels, groups, sizes, notes = self._files(), list[str](), list[str](), list[str](), [], []
        for path in files.values():
            before, left_out = len(texts), 0
            known = set(labels)
            for row in read_rows(path, columns):
                text, label, *group = row.values
                if not (label or "").strip():
                    left_out += 1
                    continue
                assert label is not None
                label = label.strip()
                if before and label not in known:
                    raise RunFailed(
                        f"{row.place}: the class {label!r} is not in {files['path']}.{did_you_mean(label, known)} "
                        f"Its classes: {', '.join(sorted(known)[:20])}."
                    )
                if group and not group[0]:
                    raise RunFailed(
                        f"{row.place}: there is no value of data.group={self.group}. Expected one in each row."
                    )
                texts.append(text or "")
                labels.append(label)
                groups += [value for value in group if value]
            sizes.append(len(texts) - before)
            if left_out:
                notes.append(f"{path}: {left_out:,} rows without {self.target!r} left out")
        if shared := set(groups[: sizes[0]]) & set(groups[sizes[0] :]):
            notes.append(f"{len(shared):,} group(s) of {self.group!r} are in both files")
        names, classes = np.unique(labels, return_inverse=True)
        if len(names) < 2:
            raise RunFailed(
                f"data.target={self.target}: {files['path']} has {len(names)} class(es); expected at least two."
            )
        return Labelled(
            texts,
            classes.astype(np.int64),
            [str(name) for name in names],
            combine(sha256_of_file(path) for path in files.values()),
            tuple(notes),
            np.unique(groups, return_inverse=True)[1] if groups else None,
            dict(zip(("train", "test"), sizes, strict=True)) if self.test_path else {},
        )
