"""Tables, curves and calibration against scikit-learn and torchmetrics, on random and degenerate input."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_auroc,
    multiclass_average_precision,
    multiclass_calibration_error,
    multiclass_jaccard_index,
    multilabel_auroc,
)

from runner.engine.batch import Batch
from runner.engine.meter import Meter, Result
from runner.engine.spec import IGNORED
from runner.evaluation.examples import Examples
from runner.evaluation.section import curves as curves_section
from runner.evaluation.section import residuals
from runner.evaluation.section.base import Findings
from runner.metric.statistic.kept import KeptScores
from runner.task import task_named
from tests.evaluation.conftest import found_of, spec_of

NAMES = ("a", "b", "c", "d")


@st.composite
def classified(draw):
    """Logits and classes of some examples: ties, classes that are absent or never predicted, one example."""
    c, n = draw(st.integers(2, 4)), draw(st.integers(1, 40))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    logits = torch.randn(n, c, generator=generator) * draw(st.sampled_from([0.5, 3.0, 30.0]))
    if draw(st.booleans()):
        logits = logits.round()  # many equal scores
    if draw(st.booleans()):
        logits[:, -1] = -50.0  # never predicted
    targets = torch.randint(0, draw(st.integers(1, c)), (n,), generator=generator)  # the last ones may be absent
    return logits, targets


def same(mine, theirs):
    """Equal; what is None here is undefined there."""
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        if one is None:
            assert np.isnan(other)
        else:
            assert one == pytest.approx(other, rel=1e-5, abs=1e-6)


@settings(max_examples=40)
@given(classified(), st.integers(1, 41))
def test_the_table_of_classes_is_that_of_scikit_learn(given_, size):
    logits, targets = given_
    c = logits.shape[1]
    spec = spec_of("classification", size=c, names=NAMES[:c])
    found = found_of(spec, logits, targets, size)
    rows, labels = found.tables["per_class"], list(range(c))
    predicted = logits.argmax(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sk.precision_recall_fscore_support(targets, predicted, labels=labels, zero_division=np.nan)
        for key, column in zip(("precision", "recall", "f1"), theirs, strict=False):
            same([row[key] for row in rows], column)
        assert [row["support"] for row in rows] == theirs[3].tolist()
        macro = sk.precision_recall_fscore_support(targets, predicted, average="macro", zero_division=0)
        weighted = sk.precision_recall_fscore_support(targets, predicted, average="weighted", zero_division=0)
    for average, values in (("macro", macro), ("weighted", weighted)):
        same([found.facts["averages"][average][key] for key in ("precision", "recall", "f1")], values[:3])
    matrix = sk.confusion_matrix(targets, predicted, labels=labels)
    assert found.facts["confusion"]["counts"] == matrix.tolist()
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    pairs = {(NAMES.index(p["true"]), NAMES.index(p["predicted"])): p["count"] for p in found.tables["most_confused"]}
    assert pairs == {place: wrong[place] for place in zip(*map(np.ndarray.tolist, wrong.nonzero()), strict=True)}
    assert list(pairs.values()) == sorted(pairs.values(), reverse=True)
    unseen = [row["class"] for row in rows if not row["support"]]
    assert unseen == [] or any("their recall is undefined" in note and repr(unseen[0]) in note for note in found.notes)


@settings(max_examples=40)
@given(classified(), st.integers(1, 41))
def test_areas_curves_and_calibration_are_those_of_others(given_, size):
    logits, targets = given_
    c = logits.shape[1]
    found = found_of(spec_of("classification", size=c, names=NAMES[:c]), logits, targets, size)
    p = logits.softmax(1)
    rows = found.tables["per_class"]
    asked = [1] if c == 2 else list(range(c))
    for label in range(c):
        truth = (targets == label).int().numpy()
        row = rows[label]
        if label not in asked:
            assert row["roc_auc"] is None and row["average_precision"] is None
            continue
        one_sided = truth.min() == truth.max()
        assert (row["roc_auc"] is None) == one_sided
        assert (row["average_precision"] is None) == (truth.max() == 0)
        points = [point for point in found.files["roc"] if point["class"] == NAMES[label]]
        if not one_sided:
            assert row["roc_auc"] == pytest.approx(sk.roc_auc_score(truth, p[:, label]))
            fpr, tpr, thresholds = sk.roc_curve(truth, p[:, label], drop_intermediate=False)
            assert [point["false_positive_rate"] for point in points] == pytest.approx(fpr.tolist())
            assert [point["true_positive_rate"] for point in points] == pytest.approx(tpr.tolist())
            assert [point["threshold"] for point in points[1:]] == pytest.approx(thresholds[1:].tolist())
        else:
            assert points == []
        if truth.max():
            assert row["average_precision"] == pytest.approx(sk.average_precision_score(truth, p[:, label]))
            precision, recall, thresholds = sk.precision_recall_curve(truth, p[:, label])
            mine = [point for point in found.files["precision_recall"] if point["class"] == NAMES[label]]
            assert [point["precision"] for point in mine] == pytest.approx(precision[::-1].tolist())
            assert [point["recall"] for point in mine] == pytest.approx(recall[::-1].tolist())
            assert [point["threshold"] for point in mine[1:]] == pytest.approx(thresholds[::-1].tolist())
    defined = [row["roc_auc"] for row in rows if row["roc_auc"] is not None]
    same([found.facts["roc_auc"]], [np.mean(defined) if defined else np.nan])
    if c > 2 and all(row["roc_auc"] is not None for row in rows):
        assert found.facts["roc_auc"] == pytest.approx(float(multiclass_auroc(p, targets, c)), abs=1e-5)
        theirs = float(multiclass_average_precision(p, targets, c))
        assert found.facts["average_precision"] == pytest.approx(theirs, abs=1e-5)
    sure, right = p.max(1).values.double().numpy(), (logits.argmax(1) == targets).numpy()
    place = np.digitize(sure, np.arange(1, 15) / 15, right=True)
    gaps = [abs(right[place == b].sum() - sure[place == b].sum()) for b in range(15)]
    assert found.facts["ece"] == pytest.approx(sum(gaps) / len(sure), abs=1e-6)
    if not (np.abs(sure * 15 - np.rint(sure * 15)) < 1e-5).any():  # torchmetrics puts the ends of bins elsewhere
        theirs = float(multiclass_calibration_error(p, targets, c, n_bins=15, norm="l1"))
        assert found.facts["ece"] == pytest.approx(theirs, abs=1e-5)
    bins = found.tables["calibration"]
    assert sum(row["count"] for row in bins) == len(targets)
    told = sum(row["count"] * row["accuracy"] for row in bins if row["count"])
    assert told == pytest.approx(right.sum())


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(0, 2**31), st.booleans())
def test_labels_are_each_told_by_themselves(n, seed, round_):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, 3, generator=generator) * 2
    logits = logits.round() if round_ else logits
    targets = (torch.rand(n, 3, generator=generator) < torch.tensor([0.5, 0.1, 0.0])).float()
    found = found_of(spec_of("multilabel", size=3, names=NAMES[:3]), logits, targets, 7)
    rows = found.tables["per_class"]
    predicted = (logits.sigmoid() >= 0.5).int()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sk.precision_recall_fscore_support(targets, predicted, zero_division=np.nan)
    for key, column in zip(("precision", "recall", "f1"), theirs, strict=False):
        same([row[key] for row in rows], column)
    assert found.facts["confusion"]["counts"] == sk.multilabel_confusion_matrix(targets, predicted).tolist()
    areas = multilabel_auroc(logits.sigmoid(), targets.long(), 3, average="none")
    for row, area, label in zip(rows, areas, targets.T, strict=True):
        if label.min() == label.max():
            assert row["roc_auc"] is None
        else:
            assert row["roc_auc"] == pytest.approx(float(area), abs=1e-5)
    ece = binary_calibration_error(logits.sigmoid().flatten(), targets.long().flatten(), n_bins=15)
    assert found.facts["ece"] == pytest.approx(float(ece), abs=1e-5)


@settings(max_examples=30)
@given(st.integers(1, 30), st.integers(0, 2**31), st.booleans())
def test_errors_are_in_the_unit_of_each_target(n, seed, constant):
    generator = torch.Generator().manual_seed(seed)
    mean, std = (100.0, -3.0), (20.0, 0.5)
    scaled = torch.randn(n, 2, generator=generator)
    targets = torch.randn(n, 2, generator=generator)
    if constant:
        targets[:, 1] = 0.25
    spec = spec_of("regression", shape=(2,), names=("price", "rent"), mean=mean, std=std)
    found = found_of(spec, scaled, targets, 7)
    unit = torch.tensor(mean), torch.tensor(std)
    predicted, true = (values.double() * unit[1] + unit[0] for values in (scaled, targets))
    for t, row in enumerate(found.tables["per_target"]):
        assert row["mae"] == pytest.approx(sk.mean_absolute_error(true[:, t], predicted[:, t]))
        assert row["rmse"] == pytest.approx(sk.root_mean_squared_error(true[:, t], predicted[:, t]))
        assert row["mean_residual"] == pytest.approx(float((true - predicted)[:, t].mean()), abs=1e-9)
        if n == 1 or (constant and t == 1):
            assert row["r2"] is None
            assert any(f"{row['target']!r} are all the same" in note for note in found.notes)
        else:
            assert row["r2"] == pytest.approx(sk.r2_score(true[:, t], predicted[:, t]), rel=1e-6, abs=1e-6)
    residual = [row["residual"] for row in found.files["residuals"] if row["target"] == "price"]
    assert residual == pytest.approx((true - predicted)[:, 0].tolist())


def test_errors_of_forecasts_are_told_by_step():
    predicted, true = torch.randn(9, 3, 2), torch.randn(9, 3, 2)
    spec = spec_of("forecasting", shape=(3, 2), names=("x", "y"), std=(2.0, 1.0), mean=(0.0, 0.0))
    found = found_of(spec, predicted.flatten(1), true, 4)
    error = (true - predicted) * torch.tensor([2.0, 1.0])
    table = {(row["step"], row["target"]): row for row in found.tables["per_step"]}
    assert table[2, "x"]["mae"] == pytest.approx(float(error[:, 1, 0].abs().mean()))
    assert table[3, "y"]["rmse"] == pytest.approx(float(error[:, 2, 1].square().mean().sqrt()))
    assert found.tables["per_target"][0]["mae"] == pytest.approx(float(error[..., 0].abs().mean()))


def test_errors_of_forecasts_are_told_by_series():
    predicted, true = torch.randn(9, 3, 2), torch.randn(9, 3, 2)
    which = torch.tensor([0, 2, 2, 0, 3, 3, 3, 2, 0])  # none of the second
    spec = spec_of("forecasting", shape=(3, 2), names=("x", "y"), std=(2.0, 1.0), mean=(0.0, 0.0))
    section = residuals.Residuals(task_named("forecasting")(spec), False, (("a", "b", "c", "d"), which))
    meter = Meter(section.task, [], section.statistics())
    for rows in torch.arange(9).split(4):
        batch = Batch(predicted[rows], true[rows])
        meter.add([Result(torch.zeros(()), predicted[rows].flatten(1), batch, len(rows))])
        meter.fold()
    found = Findings()
    section.find({make: statistic.total for make, statistic in meter.statistics.items()}, found)
    error = (true - predicted) * torch.tensor([2.0, 1.0])
    table = {(row["series"], row["target"]): row for row in found.tables["per_series"]}
    assert list(table) == [(series, target) for series in "acd" for target in "xy"]
    for number, series in ((0, "a"), (2, "c"), (3, "d")):
        own = error[which == number]
        row = table[series, "x"]
        assert row["mae"] == pytest.approx(float(own[..., 0].abs().mean()))
        assert row["rmse"] == pytest.approx(float(own[..., 0].square().mean().sqrt()))
        assert row["mean_residual"] == pytest.approx(float(own[..., 0].mean()), abs=1e-6)
        assert row["values"] == own[..., 0].numel()


def test_masks_are_told_by_pixels_and_ignored_ones_left_out():
    logits, masks = torch.randn(5, 3, 4, 4), torch.randint(0, 2, (5, 4, 4))
    masks[0, 0] = IGNORED
    found = found_of(spec_of("segmentation", size=3, names=NAMES[:3]), logits, masks, 2)
    predicted, counts = logits.argmax(1), masks != IGNORED
    theirs = multiclass_jaccard_index(predicted[counts], masks[counts], 3, average="none")
    assert [row["iou"] for row in found.tables["per_class"]] == pytest.approx(theirs.tolist())
    matrix = sk.confusion_matrix(masks[counts], predicted[counts], labels=[0, 1, 2])
    assert found.facts["confusion"]["counts"] == matrix.tolist()
    assert found.facts["confusion"]["of"] == "pixels"


def test_boxes_are_told_by_class_as_torchmetrics_does():
    from torchmetrics.detection import MeanAveragePrecision

    from runner.engine.metric import Scored
    from runner.evaluation.section.base import Findings
    from runner.evaluation.section.detections import FoundBoxes
    from runner.metric.statistic.detections import Detections
    from runner.task.detection import Detection

    generator = torch.Generator().manual_seed(3)
    spec = spec_of("detection", size=3, names=NAMES[:3])
    corners = torch.rand(8, 4, 2, generator=generator) * 20
    true = torch.cat([torch.randint(0, 2, (8, 4, 1), generator=generator), corners, corners + 8], 2)
    moved = true[..., 1:] + torch.randn(8, 4, 4, generator=generator)
    scores = torch.rand(8, 4, 1, generator=generator)
    told = torch.cat([true[..., :1], moved, scores], 2)
    statistic = Detections(spec)
    statistic.update(Scored(told, true))
    found = Findings()
    FoundBoxes(Detection(spec), True).find({Detections: statistic.total}, found)
    exact = {"iou_thresholds": np.linspace(0.5, 0.95, 10).tolist(), "rec_thresholds": np.linspace(0, 1, 101).tolist()}
    theirs = MeanAveragePrecision(class_metrics=True, **exact)  # its own thresholds are rounded to float32
    theirs.update(
        [{"boxes": b[:, 1:5], "scores": b[:, 5], "labels": b[:, 0].long()} for b in told],
        [{"boxes": b[:, 1:], "labels": b[:, 0].long()} for b in true],
    )
    computed = theirs.compute()
    rows = found.tables["per_class"]
    assert [row["ap"] for row in rows[:2]] == pytest.approx(computed["map_per_class"].tolist(), abs=1e-5)
    assert np.mean([row["ap50"] for row in rows[:2]]) == pytest.approx(float(computed["map_50"]), abs=1e-5)
    assert rows[2] == {"class": "c", "ap": None, "ap50": None, "ap75": None, "support": 0}
    assert "1 class(es) have no box: 'c'" in found.notes
    last = [point for point in found.files["precision_recall"] if point["class"] == "a"][-1]
    assert 0 < last["recall"] <= 1


def test_outputs_that_are_no_numbers_are_told_of():
    logits, targets = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    logits[2] = torch.nan
    found = found_of(spec_of("classification", size=3, names=NAMES[:3]), logits, targets)
    assert any("no finite numbers for 1 example(s)" in note for note in found.notes)
    assert found.facts["ece"] is None and found.facts["roc_auc"] is None
    assert {row["roc_auc"] for row in found.tables["per_class"]} == {None}
    values = found_of(spec_of("regression", shape=(1,)), torch.tensor([[1.0], [torch.inf]]), torch.zeros(2, 1))
    assert values.tables["per_target"][0]["mae"] is None
    assert any("no finite numbers" in note for note in values.notes)


def test_bf16_outputs_are_computed_in_float32():
    logits, targets = torch.randn(50, 3).bfloat16(), torch.randint(0, 3, (50,))
    spec = spec_of("classification", size=3, names=NAMES[:3])
    half, whole = found_of(spec, logits, targets), found_of(spec, logits.float(), targets)
    assert half == whole


def test_many_scores_are_counted_and_told_of(monkeypatch):
    logits, targets = torch.randn(3000, 3), torch.randint(0, 3, (3000,))
    spec = spec_of("classification", size=3, names=NAMES[:3])
    exact = found_of(spec, logits, targets, 100)
    monkeypatch.setattr(KeptScores, "limit", 500)
    binned = found_of(spec, logits, targets, 100)
    assert any("binned" in note for note in binned.notes)
    assert any("thinned out" in note for note in exact.notes)
    assert len(binned.files["roc"]) <= 3 * (curves_section.POINTS + 1)
    for one, other in zip(exact.tables["per_class"], binned.tables["per_class"], strict=True):
        assert one["roc_auc"] == pytest.approx(other["roc_auc"], abs=2e-3)
        assert one["average_precision"] == pytest.approx(other["average_precision"], abs=5e-3)
    for name in NAMES[:3]:
        mine = [point for point in binned.files["roc"] if point["class"] == name]
        p, truth = logits.softmax(1)[:, NAMES.index(name)], targets == NAMES.index(name)
        for point in mine[1::40]:
            found = float((p[truth] >= point["threshold"]).double().mean())
            assert point["true_positive_rate"] == pytest.approx(found, abs=0.03)


def test_more_classes_than_curves_have(monkeypatch):
    monkeypatch.setattr(curves_section, "CLASSES", 3)
    found = found_of(spec_of("classification", size=4, names=NAMES), torch.randn(9, 4), torch.arange(9) % 4)
    assert "roc_auc" not in found.facts and "f1" in found.tables["per_class"][0]
    assert any("more than 3 classes" in note for note in found.notes)


def test_residuals_of_many_examples_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr(residuals.KeptValues, "limit", 50)
    values = torch.arange(1000.0)[:, None]
    found = found_of(spec_of("regression", shape=(1,)), values, torch.zeros(1000, 1), 7)
    kept = [row["prediction"] for row in found.files["residuals"]]
    assert 25 < len(kept) <= 50
    assert np.unique(np.diff(kept)).tolist() == [32.0]
    assert any("of 1,000 examples, evenly" in note for note in found.notes)


def test_tokens_are_told_by_position_and_by_what_they_are():
    from runner.engine.batch import Batch
    from runner.engine.meter import Meter, Result
    from runner.engine.spec import Field, Spec
    from runner.evaluation.section import sections_of
    from runner.evaluation.section.base import Findings
    from runner.task.tokens import Tokens

    names = ("<padding>", "<unknown>", "<start>", "<end>", "x", "y")
    spec = Spec("tokens", Field("tokens", (None,)), Field("tokens", (None,), 6, names))
    (section,) = sections_of(Tokens(spec), True)
    meter = Meter(Tokens(spec), [], section.statistics())
    losses, tokens, places = [], [], []
    for steps in (3, 5):  # of unequal length
        logits, targets = torch.randn(4, steps, 6), torch.randint(4, 6, (4, steps))
        targets[0, -1] = IGNORED
        meter.add([Result(torch.tensor(0.0), logits, Batch(targets, targets), targets.numel())])
        flat = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        counts = targets.flatten() != IGNORED
        losses.append(flat[counts])
        tokens.append(targets.flatten()[counts])
        places.append(torch.arange(steps).repeat(4)[counts])
    meter.fold()
    found = Findings()
    section.find({make: s.total for make, s in meter.statistics.items()}, found)
    loss, token, place = torch.cat(losses), torch.cat(tokens), torch.cat(places)
    assert found.facts["tokens"] == len(loss) == 30
    for row in found.tables["per_position"]:
        own = place == row["position"] - 1
        assert row["tokens"] == int(own.sum())
        assert row["loss"] == pytest.approx(float(loss[own].mean()), rel=1e-5)
    for row in found.files["per_token"]:
        own = token == names.index(row["token"])
        assert (row["count"], row["loss"]) == (int(own.sum()), pytest.approx(float(loss[own].mean()), rel=1e-5))
    assert sum(row["share_of_loss"] for row in found.files["per_token"]) == pytest.approx(1)
    told = [row["share_of_loss"] for row in found.tables["costliest_tokens"]]
    assert told == sorted(told, reverse=True)
    assert told != sorted(told)


@pytest.mark.parametrize("size", [1, 7, 50])
def test_of_examples_that_are_as_bad_the_first_ones_are_kept(size, monkeypatch):
    """Whatever the size of the batches."""
    examples, kept = Examples.__new__(Examples), []
    examples.seen = 0
    monkeypatch.setattr(
        examples, "_example", lambda rank, i, *_: SimpleNamespace(rank=rank, index=examples.seen + i), raising=False
    )
    ranks = torch.tensor([1.0] * 30 + [2.0] * 5 + [1.0] * 15)
    for part in ranks.split(size):
        examples._keep(kept, part, part, None, None, None)
        examples.seen += len(part)
    assert [example.index for example in kept] == [*range(30, 35), *range(15)]
