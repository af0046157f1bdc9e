"""What a run and `evaluate` write, on real data, through the command line."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn import metrics as sk
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from runner.engine.batch import Batch
from runner.engine.spec import Spec
from runner.evaluation.section.confusion import Confusion
from runner.loss.cross_entropy import CrossEntropy
from runner.loss.mse import MSE
from runner.record.lock import Lock
from runner.run import evaluate_run, load, resume
from runner.run.assembly import evaluation_batches
from tests.trained import with_data

QUICK = ("trainer.threads=1", "trainer.images=0", "trainer.max_epochs=1", "model.hidden=[4]")


def told(folder="run", name="evaluation"):
    return json.loads(Path(folder, name, "evaluation.json").read_text())


def table(name, folder="run"):
    with open(Path(folder, "evaluation", f"{name}.csv"), newline="") as file:
        return list(csv.DictReader(file))


def outputs_of(folder, part="test"):
    """What the trained network gives for a part, and the truth."""
    network, data = with_data(folder)
    batches = evaluation_batches(network.recipe, data.parts[part], network.device, False)
    pairs = [(network.outputs(batch), batch.targets) for batch in batches.in_order()]
    return network, torch.cat([o for o, _ in pairs]), torch.cat([t for _, t in pairs])


@pytest.fixture
def run(digits, tmp_path, monkeypatch):
    shutil.copytree(digits / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run"


def test_a_run_ends_with_a_summary(digits):
    summary, result = (
        json.loads((digits / "summary.json").read_text()),
        json.loads((digits / "run/result.json").read_text()),
    )
    assert (summary["level"], summary["part"], summary["checkpoint"]) == ("summary", "test", "best")
    assert summary["scores"] == result["test"]
    assert {"per_class", "confusion", "most_confused", "roc_auc", "average_precision", "ece", "calibration"} <= set(
        summary
    )
    assert summary["files"] == ["evaluation.json"] and "worst" not in summary
    rows = [json.loads(line) for line in (digits / "run/metrics.jsonl").read_text().splitlines()]
    curves = summary["learning_curves"]
    assert curves["epoch"] == [1, 2]
    assert curves["loss"] == {part: [row[f"{part}/loss"] for row in rows] for part in ("train", "val")}


def test_evaluate_writes_the_same_numbers_and_more(digits):
    summary, full = json.loads((digits / "summary.json").read_text()), told(digits / "run")
    for key in (
        "scores",
        "per_class",
        "confusion",
        "most_confused",
        "roc_auc",
        "ece",
        "calibration",
        "learning_curves",
    ):
        assert full[key] == summary[key], key
    assert sorted(os.listdir(digits / "run/evaluation")) == sorted(full["files"])
    pictures = {name for name in full["files"] if name.endswith(".png")}
    assert pictures == {
        f"{name}.png"
        for name in ("learning_curves", "confusion", "per_class", "roc", "precision_recall", "calibration")
    } | {"highest_loss.png", "confident_mistakes.png"}
    for name in pictures:
        with Image.open(digits / "run/evaluation" / name) as picture:
            assert picture.width == 780  # twice what a telephone has


def test_the_numbers_are_those_of_the_network(digits):
    network, outputs, targets = outputs_of(digits / "run")
    p, predicted = outputs.softmax(1), outputs.argmax(1)
    facts = told(digits / "run")
    assert facts["confusion"]["counts"] == sk.confusion_matrix(targets, predicted).tolist()
    assert facts["roc_auc"] == pytest.approx(
        sk.roc_auc_score(targets, p.double() / p.double().sum(1, True), multi_class="ovr")
    )
    losses = torch.nn.functional.cross_entropy(outputs, targets, reduction="none")
    rows = table("worst", digits / "run")
    highest = [row for row in rows if row["kind"] == "highest_loss"]
    assert [int(row["index"]) for row in highest] == losses.argsort(descending=True)[:20].tolist()
    assert [float(row["loss"]) for row in highest] == pytest.approx(losses.sort(descending=True).values[:20].tolist())
    wrong = p.max(1).values.where(predicted != targets, 0.0)
    surest = [row for row in rows if row["kind"] == "confident_mistake"]
    assert [int(row["index"]) for row in surest] == wrong.argsort(descending=True)[: len(surest)].tolist()
    assert len(surest) == min(20, int((wrong > 0).sum()))
    for row in rows:
        index = int(row["index"])
        assert (int(row["true"]), int(row["prediction"])) == (int(targets[index]), int(predicted[index]))
        assert (row["confidence"] == "") == (int(targets[index]) == int(predicted[index]))
    assert network.sizes["test"] == facts["examples"] == len(targets)


def test_figures_are_beside_the_runs_own_events_in_one_entry(run, digits):
    def events():
        return sorted(path.name for path in run.glob("events.out.*"))

    before = events()
    evaluate_run(run, device="cpu", evaluation="full")
    after = events()
    assert len(before) == len(after) == 2, "an evaluation replaces the figures of the last one"
    assert len(set(before) & set(after)) == 1
    board = EventAccumulator(str(run), size_guidance={"images": 0, "scalars": 0}).Reload()
    assert "evaluation/confusion" in board.Tags()["images"]
    (picture,) = board.Images("evaluation/roc")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert picture.step == rows[-1]["step"]
    assert [event.step for event in board.Scalars("score/accuracy")] == [row["step"] for row in rows]
    evaluate_run(run, device="cpu", evaluation="summary")
    assert len(events()) == 1, "figures of other weights would stay"
    assert sorted(os.listdir(run / "evaluation")) == ["evaluation.json"]


def test_another_part_or_checkpoint_has_a_folder_of_its_own(run):
    before = told(run)
    said = []
    scores = evaluate_run(run, "val", device="cpu", evaluation="summary", tell=said.append)
    assert said == [f"evaluation: {run}/evaluation/val"]
    assert told(run, "evaluation/val")["scores"] == scores == json.loads((run / "result.json").read_text())["val"]
    evaluate_run(run, "test", "last", device="cpu", evaluation="summary")
    assert told(run, "evaluation/test-last")["checkpoint"] == "last"
    assert told(run) == before


def test_files_of_somebody_else_stay(run):
    (run / "evaluation/mine.csv").write_text("mine")
    (run.parent / "precious.csv").write_text("mine")
    facts = told(run)
    (run / "evaluation/evaluation.json").write_text(
        json.dumps({**facts, "files": [*facts["files"], "../../precious.csv"]})
    )
    evaluate_run(run, device="cpu", evaluation="summary")
    assert sorted(os.listdir(run / "evaluation")) == ["evaluation.json", "mine.csv"]
    assert (run.parent / "precious.csv").exists()
    (run / "evaluation/evaluation.json").write_text("{ torn")
    evaluate_run(run, device="cpu", evaluation="summary")
    assert told(run)["scores"] == facts["scores"]


@pytest.mark.parametrize("name", ["evaluation", "evaluation/evaluation.json", "evaluation/val"])
def test_nothing_is_written_through_a_link(run, name):
    from runner.cli.verbs import answer

    victim = run.parent / "victim"
    victim.mkdir()
    (victim / "evaluation.json").write_text("mine")
    shutil.rmtree(run / "evaluation")
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).symlink_to(victim / "evaluation.json" if name.endswith("json") else victim)
    code = answer(["evaluate", "run", "--evaluation", "summary", "--device", "cpu"])
    assert code == (2 if name == "evaluation" else 0)
    assert os.listdir(victim) == ["evaluation.json"]
    assert (victim / "evaluation.json").read_text() == "mine"


def test_where_a_run_is_at_work_there_are_only_the_scores(run, capsys):
    from runner.cli.verbs import answer

    shutil.rmtree(run / "evaluation")
    lock = Lock(run / "run.lock")
    assert lock.take() is None
    try:
        assert answer(["evaluate", "run", "--evaluation=summary", "--device", "cpu"]) == 0
    finally:
        lock.release()
    printed = capsys.readouterr()
    assert "accuracy" in printed.out
    assert "Nothing was written: process" in printed.err
    assert not (run / "evaluation").exists()


def test_a_level_that_is_none_is_refused(run, capsys):
    from runner.cli.verbs import answer

    assert answer(["evaluate", "run", "--evaluation", "ful"]) == 2
    assert "expected full, summary or off. Did you mean 'full'?" in capsys.readouterr().err


def test_off_costs_nothing_and_a_summary_draws_nothing(tmp_path):
    code = (
        "import sys; from runner.run import compose, run\n"
        "run(compose(sys.argv[2:]), __import__('pathlib').Path(sys.argv[1]))\n"
        "print(sorted(m for m in sys.modules if m.startswith(('runner.evaluation.section.', 'matplotlib.figure'))))"
    )
    said = {}
    for level in ("off", "summary"):
        words = ["data=iris", *QUICK, f"trainer.evaluation={level}"]
        command = [sys.executable, "-c", code, str(tmp_path / level), *words]
        said[level] = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout
        assert (tmp_path / level / "evaluation").exists() == (level == "summary")
    assert "section.confusion" not in said["off"] and "matplotlib" not in said["off"]
    assert "matplotlib" not in said["summary"] and "section.confusion" in said["summary"]
    off, summary = (json.loads((tmp_path / level / "result.json").read_text()) for level in ("off", "summary"))
    assert off["test"] == summary["test"]


def test_a_training_is_not_lost_by_its_evaluation(go, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("broken")

    monkeypatch.setattr(Confusion, "find", broken)
    result = go("data=iris", *QUICK)
    assert result["status"] == "completed" and result["test"]["accuracy"] >= 0
    assert "ZeroDivisionError: broken" in Path("run/run.log").read_text()


def test_a_folder_that_can_not_be_made_neither(go):
    Path("run").mkdir()
    Path("run/evaluation").write_text("a file")
    assert go("data=iris", *QUICK)["status"] == "completed"


def test_without_a_test_part_it_is_of_the_validation(go):
    result = go("data=iris", *QUICK, "data.split=[0.7,0.3,0]")
    assert result["test"] is None
    assert told()["part"] == "val" and told()["scores"] == result["val"]


def test_rows_of_a_table_are_in_raw_units(go, tmp_path):
    rows = [f"{i / 7:.4f},{'red' if i % 3 else 'blue'},{'' if i % 10 == 0 else i},{i * 2.5 + 100}" for i in range(120)]
    (tmp_path / "table.csv").write_text("size,colour,age,price\n" + "\n".join(rows) + "\n")
    more = ("data=csv", f"data.path={tmp_path}/table.csv", "data.target=price", "data.indicator=true")
    go(*more, *QUICK, "trainer.evaluation=full")
    raw = {row.split(",")[3]: row.split(",") for row in rows}
    found = table("worst")
    assert len(found) == 18
    for row in found:
        size, colour, age, _ = raw[str(float(row["true"]))]
        assert float(row["input_size"]) == pytest.approx(float(size), rel=1e-5)
        assert row["input_colour"] == colour
        assert (
            (row["input_age"] == "") if age == "" else (float(row["input_age"]) == pytest.approx(float(age), rel=1e-5))
        )
    losses = [float(row["loss"]) for row in found]
    assert losses == sorted(losses, reverse=True)
    facts = told()
    errors = np.array([float(row["residual"]) for row in table("residuals")])
    assert facts["per_target"][0]["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-6)
    assert facts["per_target"][0]["mae"] == pytest.approx(facts["scores"]["mae"], rel=1e-6)


@pytest.mark.parametrize("in_memory", ["true", "false"])
def test_images_have_their_paths_and_odd_names_are_drawn(go, tmp_path, in_memory):
    names = ("$x_{1}$", "日本\x1b[31m")
    for number, name in enumerate(names):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for i in range(12):
            Image.fromarray(np.full((8, 8, 3), 20 * i * (number + 1) % 255, np.uint8)).save(folder / f"{i}.png")
    more = ("data=image_folder", f"data.root={tmp_path}/photos", "data.image_size=8", f"data.in_memory={in_memory}")
    go(*more, *QUICK, "trainer.evaluation=full", "data.batch_size=3")
    for row in table("worst"):
        assert Path(row["place"]).is_file() and Path(row["place"]).parent.name == row["true"]
    assert {"highest_loss.png", "confusion.png"} <= set(told()["files"])
    assert [row["class"] for row in told()["per_class"]] == sorted(names)


def test_examples_of_a_limited_evaluation_have_their_own_numbers(go):
    go("data=iris", *QUICK, "trainer.evaluation=full", "trainer.limit_batches=1", "data.batch_size=2")
    network, data = with_data("run")
    facts = told()
    assert facts["examples"] == 8
    assert all(row["true"] != row["prediction"] for row in facts["worst"] if row["kind"] == "confident_mistake")
    for row in facts["worst"]:
        batch = data.test.read(torch.tensor([row["index"]]))
        loss = torch.nn.functional.cross_entropy(network.outputs(batch), batch.targets)
        assert row["loss"] == pytest.approx(float(loss), rel=1e-5)


COMPOSITES = ("data=digit_composites", "data.images=120", "data.size=16", "data.batch_size=16")
TOLD = ("task=detection", "task.score_threshold=0")
OTHERS = {
    "multilabel": (*COMPOSITES, "data.task=multilabel", "model=cnn", "model.channels=[4]", "model.head=[8]"),
    "segmentation": (*COMPOSITES, "model=unet", "model.channels=4", "model.depth=2", "trainer.precision=bf16"),
    "detection": (*COMPOSITES, "data.task=detection", "model=detector", "model.channels=[4,8]", *TOLD),
    "instance_segmentation": (
        *COMPOSITES,
        "data.task=instance_segmentation",
        "model=mask_rcnn",
        "model.width=0.25",
        "model.channels=16",
        "model.hidden=32",
        "task=instance_segmentation",
        "task.score_threshold=0",
    ),
    "forecasting": ("data=membrane", "model.hidden=[4]", "data.horizon=3", "trainer.limit_batches=3"),
    "tokens": ("data=python_source", "model=gru", "trainer.limit_batches=2", "data.batch_size=8"),
    "sequence": ("data=digit_sequences", "model=seq2seq", "trainer.limit_batches=2", "data.batch_size=8"),
    "nodes": ("data=python_imports", "model=gcn"),
    "several_targets": ("data=diabetes", "data.targets=[bp]", "model.hidden=[4]"),
}
HAVE = {
    "multilabel": {"per_class.csv", "roc.csv", "calibration.png", "highest_loss.png", "confident_mistakes.png"},
    "segmentation": {"per_class.csv", "confusion.png", "highest_loss.png", "most_confused.csv"},
    "detection": {"per_class.csv", "precision_recall.csv", "highest_loss.png"},
    "instance_segmentation": {"per_class.csv", "precision_recall.csv", "highest_loss.png"},
    "forecasting": {"per_target.csv", "per_step.csv", "residuals.png", "highest_loss.png"},
    "tokens": {"per_position.csv", "per_token.csv", "tokens.png"},
    "sequence": {"per_position.csv", "per_token.csv", "tokens.png"},
    "nodes": {"per_class.csv", "confusion.png", "roc.csv"},
    "several_targets": {"per_target.csv", "residuals.csv", "residuals.png"},
}


@pytest.mark.slow
@pytest.mark.parametrize("task", OTHERS)
def test_every_task_has_what_belongs_to_it(task, go):
    result = go(*OTHERS[task], "trainer.max_epochs=1", "trainer.images=0", "trainer.evaluation=full")
    facts = told()
    assert HAVE[task] | {"worst.csv", "learning_curves.png"} <= set(facts["files"])
    assert sorted(os.listdir("run/evaluation")) == sorted(facts["files"])
    assert facts["scores"] == result["test"]
    network, data = with_data("run")
    for row in facts["worst"][:3]:
        batch = data.test.read(torch.tensor([row["index"]]))
        loss = network.loss.evaluate(network.outputs(batch), batch)
        assert row["loss"] == pytest.approx(float(loss), rel=0.02 if task == "segmentation" else 1e-4)
    if task == "segmentation":
        ious = [row["iou"] for row in facts["per_class"] if row["support"] + row["predicted"]]
        assert facts["scores"]["mean_iou"] == pytest.approx(np.mean(ious), rel=1e-5)
    if task in ("detection", "instance_segmentation"):
        aps = [row["ap"] for row in facts["per_class"] if row["support"]]
        assert facts["scores"]["map" if task == "detection" else "mask_map"] == pytest.approx(np.mean(aps), rel=1e-5)
    if task == "tokens":
        loss = sum(row["loss"] * row["tokens"] for row in facts["per_position"]) / facts["tokens"]
        assert loss == pytest.approx(facts["scores"]["loss"], rel=1e-4)
    if task == "nodes":
        assert all(row["place"].startswith(row["true"]) for row in facts["worst"])


def test_the_loss_of_each_example_is_that_of_it_alone():
    spec = Spec.classification((3,), 4)
    outputs, targets = torch.randn(9, 4), torch.randint(0, 4, (9,))
    batch = Batch(torch.randn(9, 3), targets)
    values = torch.randn(9, 4)
    cases = [
        (CrossEntropy(spec), batch),
        (CrossEntropy(spec, weight=(1.0, 2.0, 3.0, 4.0)), batch),
        (MSE(), Batch(batch.inputs, values)),
    ]
    for loss, some in cases:
        each = loss.by_example(outputs, some)
        alone = [loss(outputs[i : i + 1], some.only(i)) for i in range(9)]
        assert each.tolist() == pytest.approx([float(value) for value in alone])
        assert float(each.mean()) == pytest.approx(float(loss(outputs, some)), rel=1e-5)


def test_a_checkpoint_in_a_file_can_be_evaluated_too(run):
    assert load(run).sizes["test"] == told(run)["examples"]
    evaluate_run(run, checkpoint=str(run / "checkpoints/best.pt"), device="cpu", evaluation="summary")
    assert told(run, "evaluation/test-best")["checkpoint"].endswith("best.pt")


def test_what_is_no_longer_of_the_runs_weights_does_not_stay(run):
    (run / "evaluation/mine.csv").write_text("mine")
    assert told(run)["step"] == json.loads((run / "result.json").read_text())["step"]
    resume(run, ["trainer.max_epochs=3", "trainer.evaluation=off"])
    assert os.listdir(run / "evaluation") == ["mine.csv"]
    assert list(run.glob("events.out.*.evaluation")) == []
    resume(run, ["trainer.max_epochs=4", "trainer.evaluation=summary"])
    assert sorted(os.listdir(run / "evaluation")) == ["evaluation.json", "mine.csv"]
    assert told(run)["learning_curves"]["epoch"] == [1, 2, 3, 4]
