"""From raw arrays and a split to what the engine takes; the same for every option that fits in memory."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runner.data.base import DataOption, ImageOption, TableOption, TargetScaling
from runner.data.parts.scaling import Floats, fit_table
from runner.data.parts.split import Parts, folds, grouped_folds, keep_fraction, plain, stratified
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.engine.split import ScaledSplit, Split, TensorSplit
from runner.errors import RunFailed

Labels = NDArray[np.int64]


def divide(option: DataOption, n: int, labels: Labels | None) -> Parts:
    """The split of `n` examples that the option asks for: by class where there are `labels`, else plain."""
    if labels is None:
        parts = plain(n, option.split, option.split_seed)
    else:
        parts = stratified(labels, option.split, option.split_seed)
    return finish(option, parts, labels)


def divide_official(option: DataOption, labels: Labels, test: int) -> tuple[Parts, tuple[str, ...]]:
    """The split of a data set whose last `test` examples are the official test set.

    Args:
        option: the first two shares of its split divide the rest in their ratio.
        labels: classes of all examples ``(N,)``.
        test: how many at the end are for the test.

    Returns:
        The parts, and notes.
    """
    train, val, ignored = option.split
    rest = len(labels) - test
    inner = stratified(labels[:rest], (train / (train + val), val / (train + val), 0.0), option.split_seed)
    parts = finish(option, inner._replace(test=np.arange(rest, len(labels))), labels)
    note = f"the official test set of {test:,} is the test set; the test share {ignored:g} of data.split is not used"
    return parts, (note,) if ignored else ()


def finish(option: DataOption, parts: Parts, labels: Labels | None, groups: Labels | None = None) -> Parts:
    """Take the option's fold and fraction; refuse a split without examples where some are wanted.

    Args:
        option: says which.
        parts: the split.
        labels: classes of all examples ``(N,)``, or None.
        groups: groups of all examples ``(N,)`` that stay whole, or None.
    """
    wanted = ("train", "val", "test") if option.split[2] > 0 else ("train", "val")
    for name in wanted:
        if not len(getattr(parts, name)):
            raise RunFailed(
                f"data.split={list(option.split)} leaves no example for {name} out of {sum(map(len, parts))}. "
                f"Give {name} a larger share, or use more data."
            )
    return fold_and_fraction(option, parts, labels, groups)


def _take_fold(option: DataOption, parts: Parts, labels: Labels | None, groups: Labels | None) -> Parts:
    assert option.folds is not None
    pool = np.sort(np.concatenate([parts.train, parts.val]))
    classes = np.zeros(len(pool), dtype=np.int64) if labels is None else labels[pool]
    if groups is None:
        number, units, count = folds(classes, option.folds, option.split_seed), "examples", len(pool)
    else:
        own = np.unique(groups[pool], return_inverse=True)[1]
        units, count = "groups", int(own.max()) + 1
        number = grouped_folds(own, option.folds, option.split_seed, classes) if count >= option.folds else own
    if count < option.folds:
        raise RunFailed(f"data.folds={option.folds}: outside the test part there are only {count} {units}.")
    return parts._replace(train=pool[number != option.fold], val=pool[number == option.fold])


def fold_and_fraction(option: DataOption, parts: Parts, labels: Labels | None, groups: Labels | None = None) -> Parts:
    """The parts with the option's fold for val, and the training part reduced to its fraction, by class if any."""
    if option.folds is not None:
        parts = _take_fold(option, parts, labels, groups)
    if option.fraction == 1:
        return parts
    return parts._replace(train=keep_fraction(parts.train, option.fraction, option.split_seed, labels))


def missing_classes(labels: Labels, parts: Parts, class_names: Sequence[str]) -> tuple[str, ...]:
    """A note for each part that has examples, but none of some class."""
    notes = []
    for name, rows in zip(Parts._fields, parts, strict=True):
        absent = np.flatnonzero(np.bincount(labels[rows], minlength=len(class_names)) == 0)
        if len(rows) and len(absent):
            shown = ", ".join(class_names[c] for c in absent[:5]) + (", ..." if len(absent) > 5 else "")
            notes.append(f"{name} has no example of {len(absent)} of {len(class_names)} classes: {shown}")
    return tuple(notes)


def classes_spec(labels: Labels, parts: Parts, class_names: Sequence[str], inputs: Field) -> Spec:
    """The spec of a classification data set; `inputs` is what its classes are told from."""
    counts = np.bincount(labels[parts.train], minlength=len(class_names))
    targets = Field("class", (), len(class_names), tuple(class_names), tuple(counts.tolist()))
    return Spec("classification", inputs, targets, num_outputs=len(class_names))


def images(
    option: ImageOption,
    pixels: NDArray[np.uint8],
    labels: Labels,
    parts: Parts,
    *,
    class_names: Sequence[str],
    fingerprint: str,
    notes: tuple[str, ...] = (),
    ceiling: int = 255,
    places: Sequence[str] = (),
) -> Data:
    """Images in memory, a byte for each value.

    Args:
        option: gives the scaling.
        pixels: ``(N, C, H, W)``.
        labels: class indices ``(N,)``.
        parts: the split.
        class_names: one per class.
        fingerprint: hash of the raw content.
        notes: passed on.
        ceiling: the value of a fully lit pixel.
        places: the files that they are from; empty where there are none.
    """
    from runner.data.image.files import Pixels

    channels, height, width = pixels.shape[1:]
    transform = Pixels(option.scaling, height, width, channels, ceiling, option.as_sequence)
    transform.fit(pixels[parts.train])

    def split(rows: NDArray[np.int64]) -> Split:
        told = [places[row] for row in rows] if places else ()
        kept = TensorSplit(torch.from_numpy(pixels[rows]), torch.from_numpy(labels[rows]), places=told)
        return ScaledSplit(kept, transform.module())

    return Data(
        classes_spec(labels, parts, class_names, transform.field),
        in_parts(parts, split),
        fingerprint,
        transform,
        notes + missing_classes(labels, parts, class_names),
    )


def in_parts(parts: Parts, split: Callable[[NDArray[np.int64]], Split]) -> dict[str, Split]:
    """The examples of each part that has some, made by `split` from their row numbers."""
    return {name: split(rows) for name, rows in zip(Parts._fields, parts, strict=True) if len(rows)}


def table(
    option: TableOption,
    rows: Floats,
    targets: NDArray[Any],
    parts: Parts,
    *,
    feature_names: Sequence[str],
    fingerprint: str,
    class_names: Sequence[str] = (),
    target_names: Sequence[str] = (),
    target_scaling: TargetScaling = "none",
    notes: tuple[str, ...] = (),
) -> Data:
    """A table in memory.

    Args:
        option: gives the scaling.
        rows: values without gaps ``(N, F)``.
        targets: class indices ``(N,)`` int64 where there are `class_names`, else values ``(N,)`` or ``(N, targets)``.
        parts: the split.
        feature_names: one per column of `rows`.
        fingerprint: hash of the raw content.
        class_names: one per class; empty for regression.
        target_names: one per column of the values of a regression, where there are several.
        target_scaling: of regression targets, each by the mean and population standard deviation of the training part.
        notes: passed on.
    """
    from runner.data.table.transform import TableTransform

    transform = TableTransform.of_numbers(feature_names, rows[parts.train], option.scaling)
    inputs = transform.field
    if class_names:
        spec = classes_spec(targets, parts, class_names, inputs)
        notes += missing_classes(targets, parts, class_names)
    else:
        values = targets.reshape(len(targets), -1)
        of_targets = fit_table(values[parts.train], target_scaling)
        targets = of_targets.table(values)
        mean, std = tuple(of_targets.shift.tolist()), tuple(of_targets.spread.tolist())
        told = Field("values", targets.shape[1:], names=tuple(target_names), mean=mean, std=std)
        spec = Spec("regression", inputs, told, num_outputs=len(mean))

    def split(part: NDArray[np.int64]) -> TensorSplit:
        return TensorSplit(torch.from_numpy(transform.numbers(rows[part])), torch.from_numpy(targets[part]))

    return Data(spec, in_parts(parts, split), fingerprint, transform, notes)
