"""English of 1961, for language models and for tagging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge

from runner.data.source.located import in_root, located
from runner.data.text.brown import GENRES, Document, part_of_speech, read_documents
from runner.data.text.option import StreamOption
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, did_you_mean
from runner.fetch.published import Published
from runner.fetch.sets.brown import BROWN

if TYPE_CHECKING:
    from runner.data.parts.split import Parts
    from runner.data.text.tokenizer import Tokenizer


@dataclass(kw_only=True)
class Brown(StreamOption):
    """500 texts of about 2,300 words each, in 15 genres: which token comes next, or which part of speech a word is.

    Texts are divided whole, and every genre alike. To be tagged are the 57,340 sentences, word by word as the corpus
    tells words apart; predictions take texts whose words and signs are separated by spaces.

    Source: Francis and Kučera 1979, "Brown Corpus Manual".

    Attributes:
        task: what is told: the next of the ``tokens``, or the tag of every word (``tagging``).
        genres: which are read; none given: all.
        longest: words of a sentence that is tagged, at most; the rest of it is left out.
        marks: keep tags as they stand, about 470 of them; else see `part_of_speech`.
        root: folder with the package. None: the cache (``$RUNNER_DATA``, by default ``~/.cache/runner``), else it is
            fetched.

    Raises:
        ConfigError: there is no such genre, or tags are asked of what is no word, is hidden or goes on.
    """

    task: Literal["tokens", "tagging"] = "tokens"
    genres: tuple[str, ...] = ()
    length: Annotated[int, Ge(1)] = 64
    longest: Annotated[int, Ge(1)] = 100
    marks: bool = False
    vocabulary: Annotated[int, Ge(5)] = 20_000
    root: str | None = None
    published: ClassVar[tuple[Published, ...]] = (BROWN,)

    def __post_init__(self) -> None:
        super().__post_init__()
        for genre in self.genres:
            if genre not in GENRES.values():
                raise ConfigError(
                    f"data.genres: there is no genre {genre!r}.{did_you_mean(genre, GENRES.values())} Expected some of "
                    f"{', '.join(GENRES.values())}."
                )
        if self.task == "tagging" and (self.tokenizer != "words" or self.tokenizer_file is not None):
            raise ConfigError(
                "data.task=tagging: words have tags, and pieces of them have none. Take data.tokenizer=words."
            )
        if self.task == "tagging" and (self.masked or self.stateful):
            given = f"masked={self.masked:g}" if self.masked else "stateful=true"
            raise ConfigError(
                f"data.task=tagging data.{given}: is of language models, and here the tags of sentences are told. Take "
                "data.task=tokens."
            )

    def probe(self) -> Spec:
        """Known beforehand, but for vocabulary and tags."""
        if self.root is not None:
            in_root(self.published[0], self.root)
        self.check_tokenizer()
        if self.task == "tokens":
            return self.spec
        return Spec("tagging", Field("tokens", (None,)), Field("tags", (None,)), {"lengths": Field("values", ())})

    def transform(self) -> Tokenizer:
        """See `DataOption.transform`."""
        from runner.data.text.tokenizer import Tokenizer

        if self.task == "tokens":
            return super().transform()
        return Tokenizer("spaced", self.vocabulary, self.longest, lowercase=self.lowercase)

    def load(self) -> Data:
        """Find or fetch the package, verify and read it; see `DataOption.load`."""
        import numpy as np

        from runner.data.parts.assemble import divide

        (published,) = self.published
        files, notes = located(published, self.root)
        published.check(files)
        ((name, archive),) = files.items()
        texts = [text for text in read_documents(archive) if not self.genres or text.genre in self.genres]
        genres = np.unique([text.genre for text in texts], return_inverse=True)[1]
        parts = divide(self, len(texts), genres)
        notes = (f"read from {archive}", *notes)
        digest = published.files[name].sha256
        if self.task == "tagging":
            return self._tagged(texts, parts, digest, notes)
        whole = ["\n".join(" ".join(words) for words in text.sentences) for text in texts]
        return self.streamed(whole, parts, digest, notes)

    def _tagged(self, texts: list[Document], parts: Parts, digest: str, notes: tuple[str, ...]) -> Data:
        import numpy as np

        from runner.data.parts.split import Parts
        from runner.data.text.tagged import tagged

        words = [sentence for text in texts for sentence in text.sentences]
        named = [[tag if self.marks else part_of_speech(tag) for tag in tags] for text in texts for tags in text.tags]
        names = sorted({tag for tags in named for tag in tags})
        number = {name: place for place, name in enumerate(names)}
        ends = np.cumsum([0, *(len(text.sentences) for text in texts)])
        own = (
            np.concatenate([np.arange(ends[row], ends[row + 1]) for row in rows]) if len(rows) else rows
            for rows in parts
        )
        return tagged(
            self.transform(),
            words,
            [[number[tag] for tag in tags] for tags in named],
            Parts(*own),
            class_names=names,
            fingerprint=digest,
            notes=notes,
        )
