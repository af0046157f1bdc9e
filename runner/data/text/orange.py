"""Texts with their classes in files of Orange's form, with a test part of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from runner.data.source.located import in_root, located
from runner.data.text.labelled import Labelled, LabelledTexts
from runner.engine.spec import Spec
from runner.errors import RunFailed
from runner.fetch.published import Published
from runner.fetch.sets.orange_text import ORANGE_TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = ["Category\tText", "d\tstring", "class\t"]  # names, kinds and roles of the columns


@dataclass(kw_only=True)
class OrangeTexts(LabelledTexts):
    """A text collection in lower case and without digits and punctuation, as it was prepared by Cardoso-Cachopo 2007.

    Attributes:
        root: folder with the ``.tab`` files. None: the cache (``$RUNNER_DATA``, by default ``~/.cache/runner``), else
            they are fetched.
        collection: what the names of its files begin with.
        class_names: of the classes, sorted.
    """

    split: tuple[float, float, float] = (0.85, 0.15, 0.0)
    root: str | None = None
    published: ClassVar[tuple[Published, ...]] = (ORANGE_TEXT,)
    collection: ClassVar[str]
    class_names: ClassVar[tuple[str, ...]]

    def classes(self) -> Sequence[str]:
        """Known beforehand."""
        return self.class_names

    def probe(self) -> Spec:
        """Reads nothing."""
        if self.root is not None:
            in_root(self.published[0], self.root)
        return super().probe()

    def read(self) -> Labelled:
        """Find or fetch the files, verify and read them; the published test part is at the end."""
        import numpy as np

        from runner.data.source.fingerprint import combine

        (published,) = self.published
        files, notes = located(published, self.root)
        own = {name: files[name] for name in (f"{self.collection}-train.tab", f"{self.collection}-test.tab")}
        published.check(own)
        train, test = (read_tab(path) for path in own.values())
        numbers = {name: number for number, name in enumerate(self.class_names)}
        return Labelled(
            texts=[text for _, text in (*train, *test)],
            labels=np.array([numbers[name] for name, _ in (*train, *test)], np.int64),
            class_names=self.class_names,
            fingerprint=combine(published.files[name].sha256 for name in own),
            notes=(f"read from {next(iter(own.values())).parent}", *notes),
            sizes={"train": len(train), "test": len(test)},
        )


def read_tab(path: Path) -> list[tuple[str, str]]:
    """Classes and texts of a file: three lines of header, then a class and a text in each line; empty ones are skipped.

    Raises:
        RunFailed: it is another file.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = [line.split("\t") for line in lines[len(HEADER) :] if line.strip()]
    if lines[: len(HEADER)] != HEADER or any(len(row) != 2 for row in rows):
        raise RunFailed(f"{path}: expected three lines of header, then a class, a tab and a text in each line.")
    return [(name, text) for name, text in rows]
