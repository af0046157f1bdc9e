"""Wanted e-mails and others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from runner.data.source.located import in_root, located
from runner.data.text.labelled import Labelled, LabelledTexts
from runner.engine.spec import Spec
from runner.fetch.published import Published
from runner.fetch.sets.spam_assassin import SPAM_ASSASSIN

CLASSES = ("ham", "spam")


@dataclass(kw_only=True)
class Spam(LabelledTexts):
    """6,046 e-mails of 2002 and 2003, of which 1,896 are spam: subject and body, decoded, with the marks of HTML.

    The way that a mail took would tell of how the corpus was collected; it is left out unless `headers` asks for it.
    Mails of the same text are in one part.

    Source: SpamAssassin's public mail corpus, 2006.

    Attributes:
        headers: read whole mails as they were sent, with all their headers and codings.
        root: folder with the package. None: the cache (``$RUNNER_DATA``, by default ``~/.cache/runner``), else it is
            fetched.
    """

    headers: bool = False
    root: str | None = None
    published: ClassVar[tuple[Published, ...]] = (SPAM_ASSASSIN,)

    def classes(self) -> Sequence[str]:
        """Known beforehand."""
        return CLASSES

    def probe(self) -> Spec:
        """Reads nothing."""
        if self.root is not None:
            in_root(self.published[0], self.root)
        return super().probe()

    def read(self) -> Labelled:
        """Find or fetch the package, verify it and decode the mails."""
        import numpy as np

        from runner.data.text.mail import read_mails, subject_and_body

        (published,) = self.published
        files, notes = located(published, self.root)
        published.check(files)
        (archive,) = files.values()
        mails = read_mails(archive)
        texts = [mail if self.headers else subject_and_body(mail) for _, mail in mails]
        groups = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        return Labelled(
            texts=texts,
            labels=np.array([group.startswith("spam") for group, _ in mails], np.int64),
            class_names=CLASSES,
            fingerprint=published.files[archive.name].sha256,
            notes=(f"read from {archive}", *notes),
            groups=np.array([groups[text] for text in texts], np.int64),
        )
