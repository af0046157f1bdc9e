"""Dividing examples into train, val and test. Pure functions of the labels (or groups, or times) and a seed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class Parts(NamedTuple):
    """Row numbers of the three parts, ascending, without overlap."""

    train: Indices
    val: Indices
    test: Indices


def shuffled(n: int, seed: int, stream: int = 0) -> Indices:
    """A uniform permutation of ``0..n-1``.

    Sorts raw output of the bit generator, which NumPy keeps the same in every version (its ``permutation`` may change),
    so that a split found today is found again in years.

    Args:
        n: how many.
        seed: at least 0.
        stream: another independent permutation of the same seed.
    """
    draws = np.random.PCG64([seed, stream]).random_raw(n)
    order = np.argsort(draws)  # several times as fast as a stable one, and the same where no two are equal
    drawn = draws[order]
    return np.argsort(draws, kind="stable") if (drawn[1:] == drawn[:-1]).any() else order


def apportion(sizes: Sequence[int], shares: Sequence[float]) -> NDArray[np.int64]:
    """How many examples of each class go into each part.

    Every count is its ideal ``size * share`` rounded up or down. What rounding leaves over goes to the parts that are
    furthest behind over the classes so far, so that whole parts keep their shares even among many small classes. A
    class with any example has one in the first part.

    Args:
        sizes: examples per class ``(C,)``.
        shares: share of each part ``(P,)``, sum 1.

    Returns:
        Counts ``(C, P)``; a row sums to the class's size.
    """
    counts = np.zeros((len(sizes), len(shares)), dtype=np.int64)
    behind = np.zeros(len(shares))
    for row, size in zip(counts, sizes, strict=True):
        ideal = size * np.asarray(shares, dtype=np.float64)
        row[:] = np.floor(ideal + 1e-9)
        behind += ideal - row
        waiting = np.where(ideal - row > 1e-9, behind, -np.inf)
        if row[0] == 0:
            waiting[0] = np.inf
        extra = np.argsort(-waiting, kind="stable")[: size - row.sum()]
        row[extra] += 1
        behind[extra] -= 1
    return counts


def stratified(labels: NDArray[np.integer[Any]], shares: Sequence[float], seed: int) -> Parts:
    """A random split in which every class has its share of every part, within one example.

    Args:
        labels: class index of each example ``(N,)``.
        shares: train, val, test; sum 1.
        seed: at least 0.
    """
    order = shuffled(len(labels), seed)
    sizes = np.bincount(labels)
    few = labels.astype(np.uint16) if len(sizes) < 2**16 else labels  # numbers of 16 bits are sorted in linear time
    by_class = order[np.argsort(few[order], kind="stable")]  # classes in turn, shuffled within
    part = np.concatenate([np.repeat(np.arange(3), row) for row in apportion(sizes.tolist(), shares)])
    return Parts(*(np.sort(by_class[part == p]) for p in range(3)))


def plain(n: int, shares: Sequence[float], seed: int) -> Parts:
    """A random split of `n` examples, sizes within one of their shares."""
    return stratified(np.zeros(n, dtype=np.int64), shares, seed)


def ordered(keys: NDArray[Any], shares: Sequence[float]) -> Parts:
    """A split by time: train is the earliest, test the latest.

    Args:
        keys: anything that sorts ``(N,)``; equal keys keep the order of the rows.
        shares: train, val, test; sum 1.
    """
    order = np.argsort(keys, kind="stable")
    train, val, _ = apportion([len(keys)], shares)[0]
    return Parts(*(np.sort(part) for part in np.split(order, [train, train + val])))


def grouped(
    groups: NDArray[np.integer[Any]], shares: Sequence[float], seed: int, labels: NDArray[np.integer[Any]] | None = None
) -> Parts:
    """A random split that keeps every group in one part.

    Groups come in random order; each goes to the part that still lacks most of the classes the group consists of.
    Parts come as near to their shares, and classes to theirs, as whole groups allow.

    Args:
        groups: number of the group of each example ``(N,)``, from 0.
        shares: train, val, test; sum 1.
        seed: at least 0.
        labels: class indices ``(N,)`` to balance, or None.

    Raises:
        ValueError: there are fewer groups than parts.
    """
    part = _spread(groups, shares, seed, labels)
    return Parts(*(np.flatnonzero(part == p) for p in range(3)))


def _spread(
    groups: NDArray[np.integer[Any]], shares: Sequence[float], seed: int, labels: NDArray[np.integer[Any]] | None
) -> Indices:
    """The part of each example, whole groups together; see `grouped`."""
    labels = np.zeros(len(groups), dtype=np.int64) if labels is None else labels
    count = int(groups.max()) + 1
    table = np.zeros((count, int(labels.max()) + 1))  # examples per group and class
    np.add.at(table, (groups, labels), 1)
    used = np.flatnonzero(np.asarray(shares) > 0)
    if count < len(used):
        raise ValueError(f"{count} groups can't fill {len(used)} parts")
    wanted = np.outer(np.asarray(shares)[used], table.sum(axis=0))
    have = np.zeros_like(wanted)
    part_of_group = np.zeros(count, dtype=np.int64)
    for left, group in zip(range(count, 0, -1), shuffled(count, seed), strict=True):
        lack = (1 - have / np.maximum(wanted, 1e-12)) @ table[group]
        empty = have.sum(axis=1) == 0
        if empty.sum() >= left:  # the last groups must fill the parts that have none
            lack[~empty] = -np.inf
        best = int(np.argmax(lack))
        have[best] += table[group]
        part_of_group[group] = used[best]
    part: Indices = part_of_group[groups]
    return part


def folds(labels: NDArray[np.integer[Any]], count: int, seed: int) -> Indices:
    """The fold of each example ``(N,)``, 0 to ``count - 1``: sizes, and those of every class, within one of equal."""
    order = shuffled(len(labels), seed, stream=2)
    fold = np.empty(len(labels), dtype=np.int64)
    fold[order[np.argsort(labels[order], kind="stable")]] = np.arange(len(labels)) % count
    return fold


def grouped_folds(
    groups: NDArray[np.integer[Any]], count: int, seed: int, labels: NDArray[np.integer[Any]] | None = None
) -> Indices:
    """The fold of each example ``(N,)``, groups kept whole; with as many folds as groups, one group is left out each.

    Raises:
        ValueError: there are fewer groups than folds.
    """
    return _spread(groups, [1 / count] * count, seed, labels)


def keep_fraction(
    train: Indices, fraction: float, seed: int, labels: NDArray[np.integer[Any]] | None = None
) -> Indices:
    """The rows of a training part that remain when only a fraction of it is used.

    Each class keeps ``fraction`` of its rows, rounded, at least one. Which rows go first is fixed by the seed alone, so
    a smaller fraction is contained in every larger one.

    Args:
        train: row numbers ``(N,)``.
        fraction: in (0, 1].
        seed: at least 0.
        labels: class of each row of the whole data (not of `train`), or None to draw from all alike.
    """
    own = np.zeros(len(train), dtype=np.int64) if labels is None else labels[train]
    order = shuffled(len(train), seed, stream=1)
    kept = []
    for c in np.unique(own):
        rows = order[own[order] == c]
        kept.append(rows[: max(1, round(fraction * len(rows)))])
    return np.sort(train[np.concatenate(kept)])
