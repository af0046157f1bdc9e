"""The settings that options of texts have in common."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Lt

from runner.data.base import DataOption, Scaling
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.data.parts.split import Parts
    from runner.data.text.tokenizer import Tokenizer

# Batches put together by length, where what it would bring is told.
_BUCKETS = 50

TokenizerKind = Literal["words", "characters", "bytes", "bpe", "wordpiece", "unigram"]


@dataclass(kw_only=True)
class TextOption(DataOption):
    """Texts of any form, as tokens.

    Attributes:
        tokenizer: what a token is; see `runner.data.text.tokenizer.Tokenizer`.
        tokenizer_file: of a vocabulary that is taken as it is, in place of one of the training part; then `tokenizer`
            and `vocabulary` are not looked at. The folder of a run has that of its texts, ``minilm`` is that of these
            weights. See `runner.data.text.vocabulary.loaded.found`. A trained network has it in its checkpoint.
        vocabulary: entries of the vocabulary of the training part, at most; the most frequent tokens.
        lowercase: take texts in lower case.
    """

    tokenizer: TokenizerKind = "words"
    tokenizer_file: str | None = None
    vocabulary: Annotated[int, Ge(5)] = 10_000
    lowercase: bool = False
    scaling: Scaling = field(default="none", init=False)  # tokens have no scale

    @property
    def tokens(self) -> Field:
        """The inputs as far as they are known before the texts are read; of a file nobody knows what tokens are."""
        between = {"words": " ", "wordpiece": "##"}.get(self.tokenizer, "")
        return Field("tokens", (None,), between=" " if self.tokenizer_file else between)

    def check_tokenizer(self) -> None:
        """For `probe`.

        Raises:
            ConfigError: there is no such file, it is of a run whose texts were taken otherwise, or the vocabulary can't
                be so small.
        """
        if self.tokenizer_file is not None:
            from runner.data.text.vocabulary.loaded import found, load, published

            if published(self.tokenizer_file):
                return  # which are fetched when they are needed
            if found(self.tokenizer_file).suffix == ".pt":
                load(self.tokenizer_file, self.lowercase)
        elif self.tokenizer in ("bpe", "unigram") and self.vocabulary < 260:
            raise ConfigError(
                f"data.vocabulary={self.vocabulary}: data.tokenizer={self.tokenizer} has 256 entries for bytes and 4 "
                "special ones. Expected 260 or more."
            )

    def transform(self) -> "Tokenizer":
        """See `DataOption.transform`."""
        from runner.data.text.tokenizer import Tokenizer

        return Tokenizer(self.tokenizer, self.vocabulary, lowercase=self.lowercase, file=self.tokenizer_file)


@dataclass(kw_only=True)
class DocumentOption(TextOption):
    """Texts that are examples, each by itself.

    Attributes:
        longest: tokens of a text, at most; the rest of it is left out.
        enclosed: put a `START` in front of each text and an `END` behind it, as encoders such as BERT have them;
            `longest` counts them.
        length_buckets: put so many training batches together by length, at least 2: less padding, and examples of a
            batch that are alike in length; see `runner.engine.split.sequences.by_length`. None: as they are drawn.
    """

    longest: Annotated[int, Ge(1)] = 100
    enclosed: bool = False
    length_buckets: Annotated[int, Ge(2)] | None = None

    def transform(self) -> "Tokenizer":
        """See `DataOption.transform`."""
        from runner.data.text.tokenizer import Tokenizer

        return Tokenizer(
            self.tokenizer,
            self.vocabulary,
            self.longest,
            lowercase=self.lowercase,
            enclosed=self.enclosed,
            file=self.tokenizer_file,
        )

    def bucketed(self, data: Data) -> Data:
        """For `load`: the data with training batches of similar length, where asked for, and what is padded."""
        import torch

        from runner.engine.split import SequenceSplit
        from runner.engine.split.sequences import by_length, padding_share

        assert isinstance(data.train, SequenceSplit)
        train = replace(data.train, length_buckets=self.length_buckets or 0)
        lengths, generator = train.lengths(), torch.Generator().manual_seed(0)
        size = len(train) if self.batch_size == "full" else min(self.batch_size, len(train))
        drawn, window = torch.randperm(len(train), generator=generator), self.length_buckets or _BUCKETS
        without = padding_share(drawn, lengths, size)
        within = padding_share(by_length(drawn, lengths, size, window, generator), lengths, size)
        named = f"data.length_buckets={window}"
        told = (
            f"{100 * within:.2g} % of what is given in training is padding, {100 * without:.2g} % without {named}"
            if self.length_buckets
            else f"{100 * without:.2g} % of what is given in training is padding, {100 * within:.2g} % with {named}"
        )
        return replace(data, parts={**data.parts, "train": train}, notes=(*data.notes, told))


@dataclass(kw_only=True)
class MaskedOption(TextOption):
    """Texts that a masked language model can learn from in place of their targets.

    Attributes:
        masked: share of the tokens that are hidden and told from all others, at least one of each example; 0: none, and
            the targets are those of the data. See `runner.engine.split.masked.MaskedSplit`.
    """

    masked: Annotated[float, Ge(0), Lt(1)] = 0.0

    def told(self, spec: Spec) -> Spec:
        """For `probe`: the facts about the data with tokens hidden, where they are."""
        if not self.masked:
            return spec
        more = {name: entry for name, entry in spec.more.items() if name == "lengths"}
        return Spec("masked", spec.inputs, Field("tokens", (None,)), more)

    def hidden(self, data: Data) -> Data:
        """For `load`: the data with tokens hidden, where they are; in the training part others in every epoch."""
        if not self.masked:
            return data
        from runner.data.text.tokenizer import Tokenizer
        from runner.engine.split.masked import MaskedSplit

        assert isinstance(data.transform, Tokenizer)
        targets = data.transform.named
        assert targets.size is not None
        spec = replace(self.told(data.spec), targets=targets, num_outputs=targets.size)
        size, share = targets.size, self.masked
        parts = {name: MaskedSplit(part, size, share, anew=name == "train") for name, part in data.parts.items()}
        return replace(data, spec=spec, parts=parts)


@dataclass(kw_only=True)
class StreamOption(MaskedOption):
    """Texts for a language model: which token comes next?

    Attributes:
        length: tokens of an example; the next one begins where it ends.
        crossing: whether an example may go on into the next text; then all are of the same length. Else the end of
            each text is an example that is shorter.
        stateful: whether a batch goes on where the one before ended, with the state that the network had there, in
            `batch_size` lanes side by side: truncated back-propagation through time. Recurrent networks only.

    Raises:
        ConfigError: a state is to go on into examples that do not, or in which hidden tokens are told.
    """

    length: Annotated[int, Ge(1)] = 128
    crossing: bool = True
    stateful: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stateful and self.masked:
            raise ConfigError(
                f"data.stateful=true data.masked={self.masked:g}: a masked language model sees both sides of each "
                "window, and none goes on from the one before. Give one of them."
            )
        if self.stateful and not self.crossing:
            raise ConfigError(
                "data.stateful=true data.crossing=false: a state goes on from one example to the next, which may be "
                "of another text here. Give one of them."
            )

    @property
    def contiguous(self) -> bool:
        """See `DataOption.contiguous`."""
        return self.stateful

    @property
    def spec(self) -> Spec:
        """What is known without loading: all but the vocabulary."""
        tokens = Field("tokens", (None,))
        return self.told(Spec("tokens", tokens, tokens, {} if self.crossing else {"lengths": Field("values", ())}))

    def streamed(self, texts: Sequence[str], parts: "Parts", fingerprint: str, notes: tuple[str, ...] = ()) -> Data:
        """For `load`: see `runner.data.text.stream.stream`."""
        from runner.data.text.stream import stream

        data = stream(
            self.transform(),
            texts,
            parts,
            self.length,
            fingerprint=fingerprint,
            crossing=self.crossing,
            stateful=self.stateful,
            notes=notes,
        )
        return self.hidden(data)
