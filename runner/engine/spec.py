"""What a model, a loss and a metric must know of the data, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

# Of inputs: table (features,); series (steps, features); image (channels, height, width); tokens (steps,), numbers of
# entries of a vocabulary; graph (features,) of each node. Of targets: class; labels, any number of which may hold;
# values; tags, a class per token (steps,); mask, a class per pixel (height, width); boxes (boxes, 5), each a class and
# its left, top, right and bottom, filled up with boxes of class -1, class -2 - c being a crowd of class c, of which
# nothing is asked; instances (boxes, 5 + height * width), boxes each with its thing's pixels behind it, 0 or 1, row by
# row; tokens. Beside inputs: categories (columns,), the number of a word in each column. What images are made of:
# waveform (samples,), in [-1, 1].
Kind = Literal[
    "table",
    "series",
    "image",
    "tokens",
    "graph",
    "class",
    "labels",
    "values",
    "tags",
    "mask",
    "boxes",
    "instances",
    "categories",
    "waveform",
]
# Targets that tell classes.
OF_CLASSES: tuple[Kind, ...] = ("class", "labels", "tags", "mask", "boxes", "instances")

# Tasks whose examples are nodes of a graph.
OF_NODES = ("nodes", "node_regression")

# A target that counts for nothing: padding behind a sentence, a pixel that nobody labelled. Torch's number.
IGNORED = -100

# The first entries of every vocabulary: what fills up shorter texts, what training had not met, what stands in front of
# an answer, and what ends it.
SPECIAL = ("<padding>", "<unknown>", "<start>", "<end>")
PADDING, UNKNOWN, START, END = range(len(SPECIAL))

# What a user reads for a kind of inputs.
IN_WORDS: dict[Kind, str] = {"table": "rows of a table", "image": "images", "graph": "graphs", "waveform": "sounds"}


_BYTE = re.compile("<0x([0-9A-F]{2})>")


def bytes_of(name: str) -> bytes:
    """What a token whose name is part of a text stands for; ``<0xE2>`` in it is a byte."""
    if "<0x" not in name:
        return name.encode(errors="replace")
    texts = _BYTE.split(name)  # texts and, between them, numbers
    return b"".join(bytes([int(text, 16)]) if i % 2 else text.encode(errors="replace") for i, text in enumerate(texts))


@dataclass(frozen=True)
class Field:
    """One thing that an example consists of; what is not known yet is None or empty.

    Attributes:
        kind: what it is.
        shape: of one example, without the batch; a length that varies is None.
        size: number of classes, labels or entries of the vocabulary.
        names: of the features, classes, labels or values, in their order.
        counts: examples per class in the training part; of tokens, examples there that each entry of the vocabulary is
            in.
        mean: of values, one each, that were subtracted; empty: none were. Of images one per channel, as shares of a
            fully lit pixel: ``(pixel - mean) / std`` with pixels in [0, 1].
        std: likewise, what they were divided by.
        levels: of values of which quantiles are told, the share of the distribution below each, ascending; empty: one
            number is told of each value.
        sizes: of categories, how many each column has, the last one for what training had not.
        between: of tokens, what stands between their `names` in a text: nothing; a space; or ``##``, a space but in
            front of those that begin with it (WordPiece).
        made_of: what is kept where inputs are made on the device, batch by batch, and techniques may change it before;
            None: examples are kept as what they are.
    """

    kind: Kind
    shape: tuple[int | None, ...] | None = None
    size: int | None = None
    names: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()
    sizes: tuple[int, ...] = ()
    between: str = " "
    made_of: Kind | None = None

    @classmethod
    def of_numbers(cls, shape: Sequence[int], names: Sequence[str] = ()) -> Field:
        """Inputs of `shape`: a table, a series or an image, by the number of dimensions."""
        kinds: dict[int, Kind] = {1: "table", 2: "series", 3: "image"}
        return cls(kinds[len(shape)], tuple(shape), names=tuple(names))

    def text(self, tokens: Iterable[int]) -> str:
        """The text that tokens stand for; `PADDING`, `START` and `END` stand for none.

        Names such as ``<0xE2>`` are bytes; those that make no character together are shown as �.
        """
        told = [token for token in tokens if token not in (PADDING, START, END, IGNORED)]
        if not self.names:
            return " ".join(map(str, told))
        names = [self.names[token] for token in told]
        if self.between == "##":
            return "".join(name.removeprefix("##") if name.startswith("##") else f" {name}" for name in names)[1:]
        if self.between:
            return self.between.join(names)
        return b"".join(map(bytes_of, names)).decode(errors="replace")

    def bytes_each(self) -> list[int]:
        """How many bytes of UTF-8 each token stands for, with the space in front of it where there is one.

        An unknown token, of which nobody knows it, counts as one byte, and so does every token that has no name.
        """
        if not self.names:
            return [1] * (self.size or 0)
        spaces = {"": 0, " ": 1}.get(self.between)
        counts = []
        for name in self.names:
            joined = spaces is None and name.startswith("##")
            more = (not joined) if spaces is None else spaces
            counts.append(len(bytes_of(name.removeprefix("##") if joined else name)) + more)
        for special, count in ((PADDING, 0), (UNKNOWN, 1), (START, 0), (END, 0)):
            counts[special] = count
        return counts


@dataclass(frozen=True)
class Spec:
    """Facts about a data set that networks are built from: the same before it is loaded, when less is known, and after.

    Attributes:
        task: what is predicted: the name of a file in ``runner/task``, or ``module.Class`` of one's own.
        inputs: what the network is given first.
        targets: what it should answer.
        more: what it is given beside, by the name of its argument.
        num_outputs: width of the network's last layer, 0 where it is not known yet. Set by the task; a loss may change
            it (one logit instead of two classes).
    """

    task: str | None = None
    inputs: Field | None = None
    targets: Field | None = None
    more: Mapping[str, Field] = field(default_factory=dict)
    num_outputs: int = 0

    @classmethod
    def classification(
        cls, shape: Sequence[int], classes: int | Sequence[str], counts: Sequence[int] = (), names: Sequence[str] = ()
    ) -> Spec:
        """Of inputs of `shape` one class each is told.

        Args:
            shape: of one example.
            classes: how many, or their names.
            counts: examples per class in the training part.
            names: of the features of a table.
        """
        number = classes if isinstance(classes, int) else len(classes)
        told = () if isinstance(classes, int) else tuple(classes)
        targets = Field("class", (), number, told, tuple(counts))
        return cls("classification", Field.of_numbers(shape, names), targets, num_outputs=number)

    @classmethod
    def regression(
        cls,
        shape: Sequence[int],
        targets: int | Sequence[str] = 1,
        mean: Sequence[float] = (),
        std: Sequence[float] = (),
        names: Sequence[str] = (),
    ) -> Spec:
        """Of inputs of `shape` one or several numbers are told.

        Args:
            shape: of one example.
            targets: how many, or their names.
            mean: what was subtracted from each.
            std: what each was divided by.
            names: of the features of a table.
        """
        number = targets if isinstance(targets, int) else len(targets)
        told = () if isinstance(targets, int) else tuple(targets)
        values = Field("values", (number,), names=told, mean=tuple(mean), std=tuple(std))
        return cls("regression", Field.of_numbers(shape, names), values, num_outputs=number)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example's inputs, without the batch; for networks whose inputs do not vary in length."""
        shape = self.inputs.shape if self.inputs else None
        assert shape is not None
        return tuple(-1 if length is None else length for length in shape)

    @property
    def num_classes(self) -> int | None:
        """Number of classes or labels; None where the targets are something else."""
        return self.targets.size if self.targets and self.targets.kind in OF_CLASSES else None

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name per class, in index order; empty when the classes have none."""
        return self.targets.names if self.targets and self.num_classes is not None else ()

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Examples per class in the training part."""
        return self.targets.counts if self.targets else ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name per feature of a table; empty otherwise."""
        return self.inputs.names if self.inputs else ()

    def with_outputs(self, num_outputs: int) -> Spec:
        """The same data with another width of the last layer."""
        return replace(self, num_outputs=num_outputs)

    def with_counts(self, classes: Tensor) -> Spec:
        """The same data with another training part.

        Args:
            classes: of its examples ``(N,)`` int64; the data are for a classification.
        """
        assert self.targets is not None and self.targets.size is not None
        counts = classes.bincount(minlength=self.targets.size)
        return replace(self, targets=replace(self.targets, counts=tuple(counts.tolist())))

    def plain(self) -> dict[str, Any]:
        """In plain containers, for checkpoints."""
        return {
            "task": self.task,
            "inputs": _plain(self.inputs),
            "targets": _plain(self.targets),
            "more": {name: _plain(entry) for name, entry in self.more.items()},
            "num_outputs": self.num_outputs,
        }

    @classmethod
    def from_plain(cls, saved: Mapping[str, Any]) -> Spec:
        """Take back what `plain` gave."""
        return cls(
            saved["task"],
            _field(saved["inputs"]),
            _field(saved["targets"]),
            {name: Field(**entry) for name, entry in saved["more"].items()},
            saved["num_outputs"],
        )


def _plain(entry: Field | None) -> dict[str, Any] | None:
    return None if entry is None else {f.name: getattr(entry, f.name) for f in fields(entry)}


def _field(saved: Mapping[str, Any] | None) -> Field | None:
    return None if saved is None else Field(**saved)
