"""What is looked for in data, a function each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from runner.analysis.advice.classes import RARE
from runner.cleaning.duplicates import Duplicates
from runner.cleaning.mislabelled import TOO_MANY, Mislabelled
from runner.cleaning.near_duplicates import NearDuplicates
from runner.errors import counted
from runner.inspection.finding import Example, Finding, listed
from runner.inspection.subject import Subject

MOST = 20_000  # examples up to which every two are compared, in seconds
STRANGE = 0.6  # score from which Liu et al. 2008 ("Isolation Forest", section 2) speak of potential anomalies
NAMED = 8  # columns that are named in a sentence

NOT_VECTORS = "these examples are no vectors of one length"


def gaps(subject: Subject) -> Finding:
    """Values that are missing, by column; numbers that are none."""
    if broken := subject.not_finite:
        counts = Counter(example.part for example in broken)
        where = ", ".join(f"{number:,} of {name}" for name, number in counts.items())
        says = f"inputs of {counted(len(broken), 'example')} ({where}) hold numbers that are infinite or none, which no"
        return Finding("found", f"{says} network learns from", examples=broken)
    frame = subject.table
    if frame is None:
        return Finding("fine", "every input is a finite number")
    there = {column.name: column.null_count() for column in frame if column.has_nulls()}
    if not there:
        return Finding("fine", f"no value is missing in {counted(frame.width, 'column')}")
    worst = sorted(there, key=lambda name: -there[name])
    says = ", ".join(f"{name} {there[name]:,} ({there[name] / len(frame):.1%})" for name in worst[:NAMED])
    says = f"missing values: {says}{f' and {len(worst) - NAMED} more columns' if len(worst) > NAMED else ''}"
    if not subject.takes("missing"):
        return Finding("found", f"{says}; numbers are filled with the mean of the training part")
    filled = any(number < len(frame) for number in there.values())
    return Finding("found", says, ("data.missing=median", "data.indicator=true") if filled else ())


def constant(subject: Subject) -> Finding:
    """Features that are the same in every example of the training part."""
    if subject.kind != "table":
        return Finding("skipped", "for the columns of tables")
    frame = subject.table
    if frame is not None and subject.takes("exclude"):
        option: Any = subject.recipe.data
        same = [
            column.name
            for column in frame
            if column.drop_nulls().n_unique() <= 1 and not 0 < column.null_count() < len(column)
        ]
        act: tuple[str, ...] = (f"data.exclude={listed([*option.exclude, *same])}",)
        number = frame.width
    else:
        rows = subject.vectors["train"]
        flat = (rows == rows[:1]).all(axis=0)
        same = [name for name, is_flat in zip(subject.data.spec.feature_names, flat, strict=False) if is_flat]
        act, number = (), rows.shape[1]
    if not same:
        return Finding("fine", f"none of {counted(number, 'column')} is the same in every row")
    more = ", ..." if len(same) > NAMED else ""
    return Finding(
        "found", f"{counted(len(same), 'column')} the same in every row: {', '.join(same[:NAMED])}{more}", act
    )


def duplicates(subject: Subject) -> Finding:
    """Examples that are there twice, bit by bit."""
    if subject.kind not in Duplicates.takes:
        return Finding("skipped", "of a graph every node is given with all others")
    return _copies(list(subject.copies), "equal to another", "duplicates", subject)


def near_duplicates(subject: Subject) -> Finding:
    """Examples that are there twice, all but equal; those that are equal are told of by `duplicates`."""
    if not subject.comparable:
        return Finding("skipped", NOT_VECTORS)
    if subject.size > MOST:
        return Finding("skipped", f"{subject.size:,} examples take minutes; cleaning=[near_duplicates] compares them")
    equal = {(example.part, example.row) for example in subject.copies}
    found = [
        Example(copy.part, copy.row, "nearly equal", (copy.of_part, copy.of_row))
        for copy in NearDuplicates().copies(subject.data)
        if (copy.part, copy.row) not in equal
    ]
    return _copies(found, "nearly equal to another", "near_duplicates", subject)


def _copies(found: list[Example], what: str, option: str, subject: Subject) -> Finding:
    if not found:
        return Finding("fine", f"none of {counted(subject.size, 'example')} is {what}")
    pairs = Counter((example.like[0], example.part) for example in found if example.like)
    leaks = {pair: number for pair, number in pairs.items() if pair[0] != pair[1]}
    says = ", ".join(
        f"{number:,} within {part}" if part == other else f"{number:,} of {part} in {other} (a leak)"
        for (other, part), number in sorted(pairs.items())
    )
    in_test_only = all(example.part == "test" for example in found)
    contrary = {example for example in found if subject.contrary(example)}
    found.sort(key=lambda e: (e not in contrary, e.like is not None and e.like[0] == e.part))  # then leaks
    told = f"{counted(len(found), 'example')} {what}: {says}"
    told += "" if leaks or not in_test_only else "; what is twice in test only counts twice there"
    told += f"; {len(contrary):,} of them with another label than the one that they are like" if contrary else ""
    return Finding("found", told, (), () if in_test_only else (option,), tuple(found))


def labels(subject: Subject) -> Finding:
    """Labels that are probably wrong, by confident learning: in train as the cleaning tells, elsewhere beside all."""
    if subject.data.spec.task not in Mislabelled.tasks:
        return Finding("skipped", f"for classification, and these data are for {subject.data.spec.task}")
    if not subject.comparable:
        return Finding("skipped", NOT_VECTORS)
    if subject.size > MOST:
        return Finding("skipped", f"{subject.size:,} examples take minutes; cleaning=[mislabelled] looks at them")
    names, number = list(subject.data.parts), subject.data.spec.num_classes or 0
    vectors, of, cleaning = subject.vectors, subject.labels, Mislabelled()
    if (most := int(np.bincount(of["train"]).max())) < cleaning.folds:
        return Finding("skipped", f"needs {cleaning.folds} examples of a class in train, and none has more than {most}")
    told = {"train": cleaning.suspicious(vectors["train"], of["train"], number, subject.seed)}
    every = cleaning.suspicious(
        np.concatenate([vectors[n] for n in names]), np.concatenate([of[n] for n in names]), number, subject.seed
    )
    for name, part in zip(names, np.split(every, np.cumsum([len(of[n]) for n in names])[:-1]), strict=True):
        told.setdefault(name, part)
    found = [
        Example(n, int(row), f"{subject.class_name(of[n][row])}, probably {subject.class_name(told[n][row])}")
        for n in names
        for row in np.flatnonzero(told[n] >= 0)
    ]
    if not found:
        return Finding("fine", f"none of {counted(subject.size, 'label')} looks wrong to a linear model")
    if (share := len(found) / subject.size) > TOO_MANY:
        return Finding(
            "skipped", f"a linear model takes {share:.0%} for another class: it can't tell these classes apart"
        )
    shares = ", ".join(f"{int((told[n] >= 0).sum()):,} of {len(of[n]):,} in {n}" for n in names)
    says = f"labels that look wrong to a linear model which had not seen them, or are hard: {shares}"
    return Finding("found", says, (), ("mislabelled",) if (told["train"] >= 0).any() else (), tuple(found))


def outliers(subject: Subject) -> Finding:
    """Examples of the training part that few random cuts set apart."""
    if not subject.comparable:
        return Finding("skipped", NOT_VECTORS)
    from sklearn.ensemble import IsolationForest

    rows = subject.vectors["train"]
    scores = -IsolationForest(random_state=subject.seed % 2**32).fit(rows).score_samples(rows)
    strange = np.flatnonzero(scores >= STRANGE)
    if not len(strange):
        return Finding(
            "fine", f"no score of an isolation forest in train reaches {STRANGE} (the largest: {scores.max():.2f})"
        )
    strange = strange[np.argsort(-scores[strange])]
    share = min(0.5, max(1e-6, len(strange) / len(rows)))
    return Finding(
        "found",
        f"{counted(len(strange), 'example')} of train with a score of {STRANGE} or more in an isolation forest",
        (f"cleaning.outliers.contamination={share:.4g}",),
        ("outliers",),
        tuple(Example("train", int(row), f"score {scores[row]:.2f}") for row in strange),
    )


def imbalance(subject: Subject) -> Finding:
    """Classes with few examples in the training part."""
    if subject.data.spec.task != "classification":
        return Finding("skipped", f"for classification, and these data are for {subject.data.spec.task}")
    counts = np.bincount(subject.labels["train"], minlength=subject.data.spec.num_classes or 0)
    least, most = int(counts.argmin()), int(counts.argmax())
    if counts[least] == counts[most]:
        return Finding("fine", f"each of {len(counts)} classes has {counts[least]:,} training examples")
    says = (
        f"{subject.class_name(least)} has {counts[least]:,} of {counts.sum():,} training examples, "
        f"{subject.class_name(most)} {counts[most]:,}"
    )
    if counts[least] >= RARE * counts.mean():
        return Finding("fine", says)
    if np.count_nonzero(counts) < 2:
        return Finding("found", f"{says}: there is nothing to tell apart")
    return Finding("found", says, ("balance=oversampling", "monitor=val/balanced_accuracy"))


LOOKS: dict[str, Callable[[Subject], Finding]] = {
    "gaps": gaps,
    "constant columns": constant,
    "duplicates": duplicates,
    "near duplicates": near_duplicates,
    "suspicious labels": labels,
    "outliers": outliers,
    "imbalance": imbalance,
}
