"""Texts in other words."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from runner.augmentation.base import Probability
from runner.augmentation.text.rewriting import Rewriting, Writer, folder_of


class Paraphrase(Rewriting):
    """Put a text in other words, written by a network from sequence to sequence in a local folder of transformers.

    What it writes is as good as the network is: read some of it, whether the classes still hold. See `Rewriting`.

    Args:
        path: the folder, which has ``config.json``, ``*.safetensors`` and a tokenizer.
        prefix: put in front of every text, such as ``"paraphrase: "`` for a T5.
        p: probability of a copy in place of the text, in [0, 1].
        copies: of each text, at least 1.
        temperature: of what is drawn, at least 0; 0: the most probable token each time, and one copy.
        longest: tokens of the folder's tokenizer that a text and its copy may have; longer texts have no copies.
        batch_size: texts that are written at once.
        cache: folder where copies are kept; None: ``$RUNNER_DATA/rewritten``, by default ``~/.cache/runner/rewritten``.

    Source: Kumar et al. 2019, "Submodular Optimization-based Diverse Paraphrasing and its Effectiveness in Data
        Augmentation".
    """

    def __init__(
        self,
        path: str,
        prefix: str = "",
        p: Probability = 0.5,
        copies: Annotated[int, Ge(1)] = 1,
        temperature: Annotated[float, Ge(0)] = 0.9,
        longest: Annotated[int, Ge(1)] = 256,
        batch_size: Annotated[int, Ge(1)] = 16,
        cache: str | None = None,
    ) -> None:
        super().__init__(p, copies, temperature, longest, batch_size, cache)
        self.folder, self.prefix = folder_of(path, "augmentation.paraphrase.path"), prefix

    @property
    def writers(self) -> tuple[Writer, ...]:
        """See `Rewriting.writers`."""
        return (Writer(self.folder, self.prefix),)
