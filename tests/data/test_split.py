import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold

from runner.data.parts.split import (
    apportion,
    folds,
    grouped,
    grouped_folds,
    keep_fraction,
    ordered,
    plain,
    shuffled,
    stratified,
)

SHARES = st.sampled_from([(0.7, 0.15, 0.15), (0.6, 0.2, 0.2), (0.8, 0.1, 0.1), (0.9, 0.1, 0.0), (0.34, 0.33, 0.33)])
LABELS = st.lists(st.integers(0, 6), min_size=1, max_size=300).map(np.array)
SEEDS = st.integers(0, 2**32)


def check_partition(parts, n):
    together = np.concatenate(parts)
    assert len(together) == n
    assert np.array_equal(np.sort(together), np.arange(n))
    assert all(np.all(np.diff(rows) > 0) for rows in parts)


@given(LABELS, SHARES, SEEDS)
def test_stratified_parts_are_disjoint_and_every_class_has_its_share(labels, shares, seed):
    parts = stratified(labels, shares, seed)
    check_partition(parts, len(labels))
    for c in np.unique(labels):
        n = (labels == c).sum()
        for rows, share in zip(parts, shares, strict=True):
            assert abs((labels[rows] == c).sum() - share * n) < 1 + 1e-9
        assert (labels[parts.train] == c).any()


def test_many_small_classes_still_fill_all_parts():
    # Rounding class by class alone would send the odd example of every class to the same part.
    counts = apportion([3] * 100, (0.7, 0.15, 0.15))
    assert np.all(counts.sum(axis=1) == 3)
    assert np.all(np.abs(counts.sum(axis=0) - [210, 45, 45]) <= 2)


@given(st.integers(1, 500), SHARES, SEEDS)
def test_plain_sizes_are_within_one(n, shares, seed):
    parts = plain(n, shares, seed)
    check_partition(parts, n)
    for rows, share in zip(parts, shares, strict=True):
        assert abs(len(rows) - share * n) < 1 + 1e-9


def test_split_depends_on_the_seed_alone():
    labels = np.arange(300) % 3
    first, again, other = (stratified(labels, (0.7, 0.15, 0.15), seed) for seed in (5, 5, 6))
    assert np.array_equal(first.train, again.train)
    assert not np.array_equal(first.train, other.train)
    # Fixed for all time: a change here moves examples between train and test of everybody's runs.
    assert shuffled(10, 0).tolist() == PERMUTATION


PERMUTATION = [3, 2, 1, 8, 6, 0, 7, 4, 5, 9]


def test_shuffled_is_uniform():
    first = np.array([shuffled(4, seed)[0] for seed in range(4000)])
    expected = 1000
    assert ((np.bincount(first) - expected) ** 2 / expected).sum() < 16.3  # chi-square, 3 degrees, p = 0.001


@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 2)), min_size=40, max_size=200), SHARES, st.integers(0, 99)
)
@settings(deadline=None)
def test_a_group_never_straddles(rows, shares, seed):
    _, groups = np.unique([group for group, _ in rows], return_inverse=True)
    labels = np.array([label for _, label in rows])
    used = sum(share > 0 for share in shares)
    if groups.max() + 1 < used:
        with pytest.raises(ValueError, match="groups can't fill"):
            grouped(groups, shares, seed, labels)
        return
    parts = grouped(groups, shares, seed, labels)
    check_partition(parts, len(rows))
    where = [set(groups[part]) for part in parts]
    assert sum(map(len, where)) == len(set().union(*where))
    assert [len(part) > 0 for part in parts] == [share > 0 for share in shares]


def test_groups_keep_shares_and_classes_nearly():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 200, 4000)
    labels = (rng.random(4000) < 0.2).astype(np.int64)
    parts = grouped(groups, (0.7, 0.15, 0.15), 0, labels)
    assert np.allclose([len(part) / 4000 for part in parts], (0.7, 0.15, 0.15), atol=0.01)
    assert all(abs(labels[part].mean() - labels.mean()) < 0.02 for part in parts)


def test_ordered_never_looks_into_the_future():
    keys = np.random.default_rng(0).permutation(101)
    train, val, test = ordered(keys, (0.7, 0.15, 0.15))
    check_partition((train, val, test), 101)
    assert keys[train].max() < keys[val].min() <= keys[val].max() < keys[test].min()


@given(LABELS, st.floats(0.01, 1), st.floats(0.01, 1), SEEDS)
def test_fractions_are_stratified_and_nested(labels, a, b, seed):
    train = np.flatnonzero(np.arange(len(labels)) % 4 != 3)
    if not len(train):
        return
    small, large = (keep_fraction(train, f, seed, labels) for f in sorted((a, b)))
    assert set(small) <= set(large) <= set(train)
    for c in np.unique(labels[train]):
        n = (labels[train] == c).sum()
        kept = (labels[small] == c).sum()
        assert kept == 1 or abs(kept - min(a, b) * n) <= 0.5 + 1e-9
    assert np.array_equal(keep_fraction(train, 1.0, seed, labels), train)


@given(LABELS, st.integers(2, 10), SEEDS)
def test_folds_are_as_even_as_sklearns(labels, count, seed):
    fold = folds(labels, count, seed)
    sizes = np.bincount(fold, minlength=count)
    assert sizes.sum() == len(labels)
    assert sizes.max() - sizes.min() <= 1
    for c in np.unique(labels):
        own = np.bincount(fold[labels == c], minlength=count)
        assert own.max() - own.min() <= 1
    if np.bincount(labels)[np.unique(labels)].min() >= count <= len(labels):
        theirs = StratifiedKFold(count, shuffle=True, random_state=0).split(labels, labels)
        assert sorted(len(test) for _, test in theirs) == sorted(sizes)


@given(st.lists(st.integers(0, 9), min_size=20, max_size=200), st.integers(2, 5), SEEDS)
def test_folds_of_groups_keep_them_whole(groups, count, seed):
    groups = np.unique(groups, return_inverse=True)[1]
    if groups.max() + 1 < count:
        with pytest.raises(ValueError, match="groups can't fill"):
            grouped_folds(groups, count, seed)
        return
    fold = grouped_folds(groups, count, seed)
    assert set(fold) == set(range(count))
    assert all(len(set(fold[groups == g])) == 1 for g in np.unique(groups))


def test_as_many_folds_as_groups_leave_one_out_each():
    groups = np.arange(60) % 6
    fold = grouped_folds(groups, 6, seed=0)
    ours = {frozenset(np.flatnonzero(fold == k)) for k in range(6)}
    theirs = {frozenset(test) for _, test in LeaveOneGroupOut().split(groups, groups, groups)}
    assert ours == theirs
