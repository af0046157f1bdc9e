"""Each check as a function of a record: at its threshold, and of records that are damaged or from elsewhere."""

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runner.analysis.advice import CHECKS, Record, advise
from runner.analysis.advice.length import spent_half

CONFIG = {
    "seed": 0,
    "monitor": "val/loss",
    "data": {"batch_size": 32, "scaling": "none"},
    "model": {"hidden": [8], "activation": "relu", "norm": "none", "dropout": 0.0},
    "loss": {"_target_": "runner.loss.auto.Auto"},
    "optimizer": {"lr": 0.001, "weight_decay": 0.0},
    "scheduler": {"_target_": "runner.scheduler.constant.Constant"},
    "regularization": {},
    "trainer": {"max_epochs": 10, "clip_norm": None, "accumulate": 1},
}
PARTS = {"train": 700, "val": 150, "test": 150}


def record(rows=(), observed=None, config=None, bins=(), **result):
    rows = tuple({"epoch": n, "step": 22 * n, "lr": 0.001, **row} for n, row in enumerate(rows, start=1))
    result = {"status": "completed", "observed": {"task": "classification", **(observed or {})}, **result}
    names = ("count", "confidence", "accuracy")
    evaluation = {"part": "test", "calibration": [dict(zip(names, row, strict=True)) for row in bins]}
    manifest = {"data": {"fingerprint": "x", **PARTS}}
    return Record(Path("run"), {**CONFIG, **(config or {})}, manifest, result, rows, evaluation)


def losses(train, val=None, **more):
    return [{"train/loss": a, "val/loss": b, **more} for a, b in zip(train, val or train, strict=True)]


def classes(*counts, right=None):
    right = counts if right is None else right
    return {"train_counts": list(counts), "val_counts": list(counts), "val_predicted": list(counts), "val_right": right}


def told(*counts, never):
    predicted = [0 if place == never else count for place, count in enumerate(counts)]
    return record(observed={**classes(*counts), "val_predicted": predicted}, val={"accuracy": 0.9})


def cosine(rates, eta_min):
    scheduler = {"_target_": "runner.scheduler.cosine.Cosine", "eta_min": eta_min}
    return record([{"lr": rate} for rate in rates], config={"scheduler": scheduler})


VANISHING = {"gradients": {"first": 1e-5, "last": 1.0}}


@pytest.mark.parametrize(
    ("check", "verdict", "of"),
    [
        ("classes", "fine", record(observed=classes(41, 59))),
        ("classes", "fine", record(observed=classes(20, 80))),
        ("classes", "note", record(observed=classes(19, 81))),  # rare, and told as well as the others
        ("classes", "fault", record(observed=classes(19, 81, right=[2, 81]))),
        ("classes", "note", record(observed=classes(19, 81, right=[18, 81]))),  # worse, within what 19 examples tell
        ("classes", "fault", record(observed=classes(1, 199))),
        ("classes", "note", record(observed=classes(1, 199), config={"loss": {"weight": "balanced"}})),
        ("classes", "unknown", record()),
        ("units", "fine", record(observed={"units": {"a": {"units": 16, "dead": 0.49}}})),
        ("units", "fault", record(observed={"units": {"a": {"units": 16, "dead": 0.5}}})),
        ("units", "fine", record(observed={"units": {"a": {"units": 4, "dead": 1.0}}})),
        ("units", "fault", record(observed={"units": {"a": {"units": 16, "dead": 0.0, "saturated": 0.6}}})),
        ("learning rate", "fine", record(losses([1.0, 0.5, 0.3]), {"first_loss": 1.2, "highest_loss": 2.3})),
        ("learning rate", "fault", record(losses([1.0, 0.5, 0.3]), {"first_loss": 1.2, "highest_loss": 2.5})),
        ("learning rate", "fault", record(losses([1.0, 0.5, 1.2]))),
        ("learning rate", "fault", record(losses([1.0] + [0.9, 0.5] * 5))),
        ("learning rate", "fine", record(losses([1.0] + [0.9, 0.5] * 5, [1 - 0.04 * i for i in range(11)]))),
        ("learning rate", "fault", record(losses([1 - 0.01 * i for i in range(10)]))),
        ("learning rate", "fine", record(losses([1 - 0.09 * i for i in range(10)]))),
        ("learning rate", "unknown", record(losses([1.0]))),
        ("generalization", "fault", record(losses([1, 0.5, 0.3, 0.2], [1, 0.6, 0.7, 0.8]))),
        ("generalization", "fine", record(losses([1, 0.5, 0.3, 0.2], [1, 0.6, 0.61, 0.65]))),
        ("generalization", "fine", record(losses([1, 0.5, 0.5, 0.5], [1, 0.6, 0.7, 0.8]))),
        ("generalization", "fine", record(losses([1, 0.5, 0.3, 0.2, 0.1], [1, 0.6, 0.9, 0.9, 0.62]))),  # it came back
        ("generalization", "fine", record(losses([1, 0.5, 0.3]), train={"accuracy": 0.71}, val={"accuracy": 0.6})),
        ("generalization", "fault", record(losses([1, 0.5, 0.3]), train={"accuracy": 0.74}, val={"accuracy": 0.6})),
        ("generalization", "fault", record(losses([1, 0.5, 0.3]), train={"accuracy": 1.0}, val={"accuracy": 0.8})),
        ("generalization", "fine", record(losses([1, 0.5, 0.3]), train={"accuracy": 1.0}, val={"accuracy": 0.91})),
        ("length", "fault", record(losses([1, 0.8, 0.7, 0.6]))),
        ("length", "fine", record(losses([1, 0.3, 0.25, 0.24]))),
        ("length", "fine", record(losses([1, 0.8, 0.7, 0.6], [1, 0.8, 0.5, 0.6]))),
        ("trivial", "fault", record(losses([0.7, 0.7]), classes(50, 50))),
        ("trivial", "fine", record(losses([0.7, 0.6]), classes(50, 50))),
        ("trivial", "unknown", record(losses([0.7, 0.6]))),
        ("trivial", "fault", record([{"val/accuracy": 0.72}], classes(50, 100))),  # 5 in 150 more may be luck
        ("trivial", "fine", record([{"val/accuracy": 0.76}], classes(50, 100))),
        ("classes told", "fault", told(100, 20, never=1)),
        ("classes told", "fine", told(100, 1, never=1)),  # a single one is missed now and then
        ("gradients", "fault", record(losses([0.7, 0.6]), {**classes(50, 50), **VANISHING})),
        ("gradients", "fine", record(losses([0.7, 0.1]), {**classes(50, 50), **VANISHING})),  # little is left to learn
        ("schedule", "fine", cosine([1e-3, 5e-4, 1e-4], eta_min=1e-4)),  # which is its end
        ("schedule", "note", cosine([1e-3, 5e-4, 1e-4], eta_min=0.0)),
        ("training fit", "fault", record(losses([0.7, 0.6]), classes(50, 50))),
        ("training fit", "fine", record(losses([0.7, 0.5]), classes(50, 50))),
        ("calibration", "fine", record(bins=[(50, 0.7, 0.66), (100, 0.9, 0.94)])),
        ("calibration", "fine", record(bins=[(10, 0.7, 0.6), (10, 0.9, 0.8)])),  # a tenth off, and twenty examples
        ("calibration", "fault", record(bins=[(1000, 0.7, 0.6), (1000, 0.9, 0.8)])),
        ("calibration", "note", record(bins=[(1000, 0.7, 0.8)])),
        ("calibration", "unknown", record()),
        ("batch size", "fine", record(losses([1, 1]))),
        ("batch size", "fault", record(losses([1, 1]), config={"data": {"batch_size": 400}})),
        ("batch size", "fine", record(losses([1, 1]), config={"data": {"batch_size": "full"}})),
        ("batch size", "fault", record(losses([1, 1]), config={"trainer": {**CONFIG["trainer"], "accumulate": 20}})),
        ("batch size", "note", record(losses([1, 1], gradient_noise_scale=1000.0))),
        ("validation", "fault", record([{"train/loss": 1.0}] * 3 + losses([1.0]))),
        ("validation", "note", record(losses([1, 1]), val={"accuracy": 0.8})),
        ("validation", "fine", record(losses([1, 1]), val={"accuracy": 0.99})),
        ("diagnostics", "note", record(advice=["try this"])),
    ],
)
def test_a_check_at_its_threshold(check, verdict, of):
    found = CHECKS[check](of)
    assert found.verdict == verdict, found
    if verdict == "fault":
        assert found.page
        assert found.evidence


@pytest.mark.parametrize(
    ("mean", "sd", "least", "verdict"),
    [(0, 1, 1, "fine"), (0, 9.9, 1, "fine"), (0, 10.1, 1, "fault"), (10.1, 0.5, 0.5, "fault"), (0, 1, 0.0009, "fault")],
)
def test_scales(mean, sd, least, verdict):
    ends = {"largest": {"name": "a", "mean": mean, "sd": sd}, "smallest": {"name": "b", "mean": 0.0, "sd": least}}
    found = CHECKS["inputs"](record(observed={"inputs": {"features": 2, **ends}}))
    assert found.verdict == verdict
    assert found.tries == ((("data.scaling=standard",),) if verdict == "fault" else ())


def test_the_trivial_loss_is_the_cross_entropy_of_the_shares():
    found = CHECKS["trivial"](record(losses([0.3]), classes(10, 90)))
    assert found.evidence["trivial"] == pytest.approx(-(0.1 * math.log(0.1) + 0.9 * math.log(0.9)))


def test_the_shares_are_those_of_training_and_the_loss_that_of_validation():
    observed = {**classes(10, 90), "val_counts": [5, 15]}
    found = CHECKS["trivial"](record(losses([0.3]), observed))
    assert found.evidence["trivial"] == pytest.approx(-(5 * math.log(0.1) + 15 * math.log(0.9)) / 20)


@pytest.mark.parametrize(("scale", "word"), [(1000.0, "small"), (1.0, "large")])
def test_the_batch_is_small_where_its_gradient_is_noise(scale, word):
    found = CHECKS["batch size"](record(losses([1, 1], gradient_noise_scale=scale)))
    assert f"the batch is {word} for the noise of its gradient" in found.says


@pytest.mark.parametrize(
    ("norms", "verdict"), [([2.0] * 19 + [0.5], "fault"), ([2.0] * 18 + [0.5] * 2, "fine"), ([0.5] * 20, "fine")]
)
def test_clipping_that_acts_always(norms, verdict, monkeypatch):
    monkeypatch.setattr(Record, "gradient_norms", property(lambda self: norms))
    found = CHECKS["clipping"](record(config={"trainer": {**CONFIG["trainer"], "clip_norm": 1.0}}))
    assert found.verdict == verdict
    assert found.evidence["share"] == pytest.approx(sum(norm > 1 for norm in norms) / 20)


def test_a_copy_of_a_run_is_no_other_seed(tmp_path):
    for name, seed in (("run", 0), ("copy", 0), ("other", 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(f"seed: {seed}\nmonitor: val/loss\n")
    found = CHECKS["seeds"](Record(tmp_path / "run", CONFIG))
    assert found.evidence == {"runs": 2}
    assert "other" in found.says


def test_half_of_all_rates():
    assert spent_half([1, 1, 1, 1]) == 1
    assert spent_half([4, 1, 1, 1]) == 0
    assert spent_half([1, 1, 1, 9]) == 2  # the last epoch is what it is compared with


def test_a_run_without_anything_is_known_of_by_nothing_but_its_configuration():
    findings = advise(Record(Path("run"), CONFIG))
    assert {f.verdict for f in findings.values()} <= {"unknown", "fine", "note"}
    assert [n for n, f in findings.items() if f.verdict == "note"] == ["seeds"]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**6)
    | st.floats()
    | st.sampled_from(["", "x", "full", "${oc.env:X}"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["inputs", "targets", "classes", "train_counts", "val_counts", "val_predicted", "val_right", "units"]
BINS = st.sampled_from(["count", "confidence", "accuracy"])
KEYS += ["gradients", "first_loss", "highest_loss", "vocabulary", "task", "examples"]


@given(
    st.dictionaries(st.sampled_from(KEYS), values),
    st.lists(
        st.dictionaries(st.sampled_from(["train/loss", "val/loss", "val/accuracy", "val/r2", "lr"]), values), max_size=5
    ),
    st.dictionaries(st.sampled_from(["val", "train", "test", "advice", "cause", "monitor"]), values),
    st.sampled_from(["data", "model", "optimizer", "trainer", "scheduler", "seed", "regularization", "metric"]),
    values,
    st.dictionaries(
        st.sampled_from(["calibration", "part"]), values | st.lists(st.dictionaries(BINS, values), max_size=3)
    ),
)
@example(  # surer than right: the one that asks which metrics were chosen
    {"task": "classification"}, [], {}, "metric", [[{}]],
    {"calibration": [{"count": 900, "confidence": 0.9, "accuracy": 0.1}], "part": "val"},
)  # fmt: skip
def test_whatever_a_folder_holds_every_check_answers(observed, rows, result, key, value, evaluation):
    rows = tuple({"epoch": n, "step": n, **row} for n, row in enumerate(rows, start=1))
    of = Record(
        Path("run"), {**CONFIG, key: value}, {"data": {**PARTS}}, {**result, "observed": observed}, rows, evaluation
    )
    for found in advise(of).values():
        assert found.says
        json.dumps(found.evidence)


def test_every_check_has_its_row_in_the_documentation():
    page = (Path(__file__).parents[3] / "docs/advice.md").read_text()
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")][1:]
    assert rows == list(CHECKS)


def test_every_page_that_is_named_is_there():
    root = Path(__file__).parents[3]
    for source in (root / "runner/analysis/advice").glob("*.py"):
        for name in set(re.findall(r"docs/\w+\.md(?:#[\w-]+)?", source.read_text())):
            page, _, anchor = name.partition("#")
            text = (root / page).read_text()
            heads = [
                line.lstrip("# ").lower().replace(",", "").replace(" ", "-")
                for line in text.splitlines()
                if line[:1] == "#"
            ]
            assert not anchor or anchor in heads, name
