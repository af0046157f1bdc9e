"""From raw arrays and a split to what the engine takes; the same for every option that fits in memory."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from runner.data.base import DataOption, ImageOption, TargetScaling
from runner.data.scaling import Floats, Scale, fit_images, fit_table, histogram
from runner.data.split import Parts, folds, grouped_folds, keep_fraction, plain, stratified
from runner.engine.spec import DataSpec
from runner.engine.split import DatasetSplit, Split, Splits, TensorSplit
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
    return reduce(option, parts, labels, groups)


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


def reduce(option: DataOption, parts: Parts, labels: Labels | None, groups: Labels | None = None) -> Parts:
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


def classes_spec(labels: Labels, parts: Parts, class_names: Sequence[str], shape: tuple[int, ...]) -> DataSpec:
    """The spec of a classification data set; `shape` is that of one example."""
    counts = np.bincount(labels[parts.train], minlength=len(class_names))
    return DataSpec(
        task="classification",
        input_shape=shape,
        num_outputs=len(class_names),
        num_classes=len(class_names),
        class_names=tuple(class_names),
        class_counts=tuple(counts.tolist()),
    )


def ordered(option: ImageOption, splits: Splits) -> Splits:
    """The splits of images as series of rows, where the option asks for it."""
    if not option.as_sequence:
        return splits
    channels, height, width = splits.spec.input_shape
    return replace(
        splits,
        spec=replace(splits.spec, input_shape=(height, channels * width)),
        train=as_rows(splits.train),
        val=as_rows(splits.val),
        test=as_rows(splits.test) if splits.test is not None else None,
    )


def as_rows(split: Split) -> Split:
    """Images ``(C, H, W)`` as series ``(H, C W)``: each row a step, its channels one behind the other."""
    if isinstance(split, TensorSplit):
        return TensorSplit(split.inputs.transpose(1, 2).flatten(2), split.targets)
    return DatasetSplit(Rows(split.dataset), split.size)


class Rows(Dataset[tuple[Tensor, Tensor]]):
    """A dataset of images, read as series of rows."""

    def __init__(self, dataset: Dataset[tuple[Tensor, Tensor]]) -> None:
        self.dataset = dataset

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, target = self.dataset[index]
        return image.transpose(0, 1).flatten(1), target


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
) -> Splits:
    """Images in memory.

    Args:
        option: gives the scaling.
        pixels: ``(N, C, H, W)``.
        labels: class indices ``(N,)``.
        parts: the split.
        class_names: one per class.
        fingerprint: hash of the raw content.
        notes: passed on.
        ceiling: the value of a fully lit pixel.
    """
    scale = fit_images(histogram(pixels[parts.train]), option.scaling, ceiling)

    def split(rows: NDArray[np.int64]) -> TensorSplit:
        return TensorSplit(torch.from_numpy(scale.images(pixels[rows])), torch.from_numpy(labels[rows]))

    splits = Splits(
        spec=classes_spec(labels, parts, class_names, pixels.shape[1:]),
        train=split(parts.train),
        val=split(parts.val),
        test=split(parts.test) if len(parts.test) else None,
        fingerprint=fingerprint,
        notes=notes + missing_classes(labels, parts, class_names),
    )
    return ordered(option, splits)


def table(
    option: DataOption,
    rows: Floats,
    targets: NDArray[Any],
    parts: Parts,
    *,
    feature_names: Sequence[str],
    fingerprint: str,
    class_names: Sequence[str] = (),
    target_scaling: TargetScaling = "none",
    scaled: NDArray[np.bool_] | None = None,
    notes: tuple[str, ...] = (),
) -> Splits:
    """A table in memory.

    Args:
        option: gives the scaling.
        rows: values without gaps ``(N, F)``.
        targets: class indices ``(N,)`` int64 where there are `class_names`, else values ``(N,)``.
        parts: the split.
        feature_names: one per column of `rows`.
        fingerprint: hash of the raw content.
        class_names: one per class; empty for regression.
        target_scaling: of regression targets, by the mean and population standard deviation of the training part.
        scaled: the columns that scaling applies to ``(F,)``; None for all.
        notes: passed on.
    """
    scale = fit_table(rows[parts.train], option.scaling)
    if scaled is not None:
        scale = Scale(np.where(scaled, scale.shift, 0.0), np.where(scaled, scale.spread, 1.0))
    if class_names:
        spec = classes_spec(targets, parts, class_names, rows.shape[1:])
        notes += missing_classes(targets, parts, class_names)
    else:
        of_targets = fit_table(targets[parts.train, None], target_scaling)
        targets = of_targets.table(targets[:, None])
        mean, std = float(of_targets.shift[0]), float(of_targets.spread[0])
        spec = DataSpec("regression", rows.shape[1:], num_outputs=1, target_mean=mean, target_std=std)

    def split(part: NDArray[np.int64]) -> TensorSplit:
        return TensorSplit(torch.from_numpy(scale.table(rows[part])), torch.from_numpy(targets[part]))

    return Splits(
        spec=replace(spec, feature_names=tuple(feature_names)),
        train=split(parts.train),
        val=split(parts.val),
        test=split(parts.test) if len(parts.test) else None,
        fingerprint=fingerprint,
        notes=notes,
    )
