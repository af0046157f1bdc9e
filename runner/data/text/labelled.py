"""Texts of which classes are told: how they are read and divided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from runner.data.text.option import DocumentOption, MaskedOption
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import RunFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from runner.data.parts.split import Parts


@dataclass(frozen=True)
class Labelled:
    """Texts and their classes, as they are read.

    Attributes:
        texts: all of them ``(N,)``.
        labels: class indices ``(N,)``.
        class_names: one per class.
        fingerprint: hash of the raw content.
        notes: what is to be said of them.
        groups: number of the group of each ``(N,)``, from 0: those of one stay in one part. None: no groups.
        sizes: how many are in each part, where that is given: ``train``, ``val``, ``test`` stand one behind the other
            in this order. Without val, the first two shares of the split divide train.
    """

    texts: Sequence[str]
    labels: NDArray[np.int64]
    class_names: Sequence[str]
    fingerprint: str
    notes: tuple[str, ...] = ()
    groups: NDArray[np.int64] | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(kw_only=True)
class LabelledTexts(MaskedOption, DocumentOption):
    """Texts with a class each. Subclasses implement `read`, and `classes` where the names are known beforehand."""

    vocabulary: Annotated[int, Ge(5)] = 20_000
    longest: Annotated[int, Ge(1)] = 400

    def classes(self) -> Sequence[str] | None:
        """Their names; None where they are not known before the texts are read."""
        return None

    def read(self) -> Labelled:
        """The texts with their classes.

        Raises:
            RunFailed: they are not to be had, or damaged.
        """
        raise NotImplementedError

    def probe(self) -> Spec:
        """Known beforehand, but for the vocabulary."""
        self.check_tokenizer()
        names = self.classes()
        targets = Field("class", (), len(names), tuple(names)) if names else Field("class", ())
        return self.told(Spec("classification", self.tokens, targets, {"lengths": Field("values", ())}))

    def load(self) -> Data:
        """Read the texts and divide them; see `DataOption.load`."""
        from runner.data.text.documents import documents
        from runner.data.text.files import empty

        found = self.read()
        data = documents(
            self.transform(),
            found.texts,
            found.labels,
            _divided(self, found),
            class_names=found.class_names,
            fingerprint=found.fingerprint,
            notes=(*found.notes, *empty(found.texts)),
        )
        return self.hidden(self.bucketed(data))


def _divided(option: LabelledTexts, found: Labelled) -> Parts:
    """The texts by part: as they are given, the others as ``split`` says."""
    import numpy as np

    from runner.data.parts.assemble import finish, fold_and_fraction
    from runner.data.parts.split import Parts

    if not found.sizes:
        return finish(option, _by_shares(found, slice(None), option.split, option), found.labels, found.groups)
    ends = np.cumsum([found.sizes.get(part, 0) for part in Parts._fields])
    given = Parts(*np.split(np.arange(len(found.texts)), ends[:-1]))
    if "val" not in found.sizes:
        train, val, _ = option.split
        inner = _by_shares(found, slice(0, ends[0]), (train / (train + val), val / (train + val), 0.0), option)
        given = Parts(inner.train, inner.val, given.test)
    for part in ("train", "val"):
        if not len(getattr(given, part)):
            raise RunFailed(
                f"data.split={list(option.split)} leaves no text for {part}. Give more texts, or another split."
            )
    return fold_and_fraction(option, given, found.labels, found.groups)


def _by_shares(found: Labelled, rows: slice, shares: tuple[float, float, float], option: LabelledTexts) -> Parts:
    """The first texts divided by class or in whole groups."""
    import numpy as np

    from runner.data.parts.split import grouped, stratified

    labels = found.labels[rows]
    if found.groups is None:
        return stratified(labels, shares, option.split_seed)
    try:
        return grouped(np.unique(found.groups[rows], return_inverse=True)[1], shares, option.split_seed, labels)
    except ValueError as error:
        raise RunFailed(f"data.split={list(option.split)}: {error}. Expected at least one group per part.") from error
