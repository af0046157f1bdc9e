"""Texts translated into another language and back."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Ge

from runner.augmentation.base import Probability
from runner.augmentation.text.rewriting import Rewriting, Writer, folder_of


class BackTranslation(Rewriting):
    """Translate a text into another language and back, by networks in two local folders of transformers.

    What they write is as good as the networks are: read some of it, whether the classes still hold. See `Rewriting`.

    Args:
        there: folder of the network that translates out of the language of the texts: ``config.json``,
            ``*.safetensors`` and a tokenizer.
        back: folder of the one that translates back; the same folder with another `prefix_back` for a network of
            several languages.
        prefix_there: put in front of every text, such as ``"translate English to German: "`` for a T5.
        prefix_back: put in front of every translation.
        p: probability of a copy in place of the text, in [0, 1].
        copies: of each text, at least 1.
        temperature: of what is drawn, at least 0; 0: the most probable token each time, and one copy.
        longest: tokens of the folders' tokenizers that a text, its translation and its copy may have; longer texts have
            no copies.
        batch_size: texts that are translated at once.
        cache: folder where copies are kept; None: ``$RUNNER_DATA/rewritten``, by default ``~/.cache/runner/rewritten``.

    Source: Xie et al. 2020, "Unsupervised Data Augmentation for Consistency Training", section 2.2; Sennrich et al.
        2016, "Improving Neural Machine Translation Models with Monolingual Data".
    """

    conflicts: ClassVar[dict[str, str]] = {"paraphrase": "each writes copies of the texts themselves"}

    def __init__(
        self,
        there: str,
        back: str,
        prefix_there: str = "",
        prefix_back: str = "",
        p: Probability = 0.5,
        copies: Annotated[int, Ge(1)] = 1,
        temperature: Annotated[float, Ge(0)] = 0.9,
        longest: Annotated[int, Ge(1)] = 256,
        batch_size: Annotated[int, Ge(1)] = 16,
        cache: str | None = None,
    ) -> None:
        super().__init__(p, copies, temperature, longest, batch_size, cache)
        self.there = folder_of(there, "augmentation.back_translation.there")
        self.back = folder_of(back, "augmentation.back_translation.back")
        self.prefix_there, self.prefix_back = prefix_there, prefix_back

    @property
    def writers(self) -> tuple[Writer, ...]:
        """See `Rewriting.writers`."""
        return Writer(self.there, self.prefix_there), Writer(self.back, self.prefix_back)
