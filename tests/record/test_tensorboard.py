"""What TensorBoard is given, read back with TensorBoard's own reader."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer
from tensorboard.util.tensor_util import make_ndarray

from runner.record.tensorboard import TensorBoard
from runner.run import resume
from tests.record.board import EVERYTHING, Board

RUN = (
    "model=cnn",
    "model.channels=[4]",
    "model.head=[8]",
    "trainer.limit_batches=6",
    "trainer.log_every=2",
    "trainer.max_epochs=3",
    "regularization=[early_stopping,label_smoothing]",
    "augmentation=[crop]",
    "optimizer.weight_decay=0.01",
    "optimizer.params.decay_norm_bias=false",
)


def read(folder):
    events = EventAccumulator(str(folder), size_guidance=EVERYTHING)
    events.Reload()
    return events


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from runner.run import compose, run

    place = tmp_path_factory.mktemp("run")
    run(compose(["trainer.threads=1", *RUN]), place)
    return place


@pytest.fixture(scope="module")
def events(folder):
    return read(folder)


def rows(folder):
    return [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]


def test_events_lie_in_the_run_folder_itself(folder):
    assert len(list(folder.glob("events.out.tfevents.*"))) == 1
    assert len(list(folder.glob("val/events.out.tfevents.*"))) == 1
    assert len(list(folder.rglob("events.out.tfevents.*"))) == 2


def test_scalars_of_epochs_are_those_of_metrics_jsonl(folder, events):
    written, validation = rows(folder), read(folder / "val")
    assert len(written) == 3
    for name in written[0]:
        part, _, score = name.partition("/")
        if part in ("train", "val") and name != "train/loss":
            scalars = (events if part == "train" else validation).Scalars(f"score/{score}")
            assert [s.step for s in scalars] == [row["step"] for row in written]
            assert [s.value for s in scalars] == pytest.approx([row[name] for row in written], rel=1e-6)
    names = {name.partition("/")[2] for name in written[0] if name.startswith("val/")}
    assert {"loss", "accuracy", "balanced_accuracy", "f1"} <= names
    assert {f"train/{n}" for n in names} | {f"val/{n}" for n in names} | {"lr"} <= set(written[0])


def test_the_best_so_far_is_that_of_the_result(folder):
    scalars = read(folder / "val").Scalars("best/loss")
    losses = [row["val/loss"] for row in rows(folder)]
    assert [s.value for s in scalars] == pytest.approx([min(losses[: n + 1]) for n in range(3)], rel=1e-6)


def test_log_intervals_have_loss_lr_and_gradient_norm(folder, events):
    tags = events.Tags()["scalars"]
    assert {"score/loss", "step/lr", "step/gradient_norm", "step/samples_per_second"} <= set(tags)
    norms = events.Scalars("step/gradient_norm")
    assert [s.step for s in norms] == [s.step for s in events.Scalars("score/loss")] == list(range(2, 19, 2))
    assert all(s.value > 0 for s in norms)
    means = [s.value for s in events.Scalars("score/loss")]  # three intervals of one size make an epoch
    epochs = [sum(means[n : n + 3]) / 3 for n in (0, 3, 6)]
    assert epochs == pytest.approx([row["train/loss"] for row in rows(folder)], rel=1e-5)


def test_the_test_scores_are_there(folder, events):
    result = json.loads((folder / "result.json").read_text())
    for name, value in result["test"].items():
        assert events.Scalars(f"test/{name}")[-1].value == pytest.approx(value)


def test_the_config_as_text(folder, events):
    (event,) = events.Tensors("config/text_summary")
    text = make_ndarray(event.tensor_proto).item().decode()
    assert (folder / "config.yaml").read_text() in text


def test_sample_images(events):
    (image,) = events.Images("train/images")
    assert image.width >= 8 * 64
    assert image.encoded_image_string.startswith(b"\x89PNG")
    (before,) = events.Images("train/images_before")
    assert (before.width, before.height) == (image.width, image.height)
    assert before.encoded_image_string != image.encoded_image_string


def test_hyperparameters_are_flat_and_without_nothings(folder):
    ((plain, _, _),) = Board(folder).rows().values()
    assert plain["optimizer.weight_decay"] == 0.01
    assert plain["optimizer"] == "adam"
    assert plain["optimizer.params.decay_norm_bias"] == "false"
    assert plain["regularization"] == "early_stopping, label_smoothing"
    assert plain["regularization.label_smoothing.epsilon"] == 0.1
    assert plain["model.channels"] == "[4]"
    assert plain["trainer.log_every"] == 2
    assert "trainer.max_steps" not in plain  # null
    assert not any(value is None or value in ("None", "null", "") for value in plain.values())


def test_resuming_writes_no_second_set_and_voids_what_came_after(go, monkeypatch):
    # TensorBoard reads files in the order of their names, which end in the number of the writer in its process.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    go(*RUN, "regularization=[]", folder="run")
    whole = {name: [(s.step, s.value) for s in read("run").Scalars(name)] for name in ("score/accuracy", "score/loss")}
    resume("run", ["trainer.max_epochs=5"])
    assert len(list(Path("run").glob("events.out.tfevents.*"))) == 2
    events = read("run")
    assert len(events.Tensors("config/text_summary")) == 1
    for name, before in whole.items():
        scalars = [(s.step, s.value) for s in events.Scalars(name)]
        assert scalars[: len(before)] == before
        steps = [step for step, _ in scalars]
        assert steps == sorted(set(steps)), "a step is shown twice"
    assert [s.step for s in read("run/val").Scalars("score/loss")] == [row["step"] for row in rows("run")]


@pytest.mark.parametrize("values", [torch.randn(5000), torch.full((7,), 3.0), torch.tensor([1e38, -1e38, 0.0])])
def test_a_histogram_is_numpys(values, tmp_path):
    board = TensorBoard(tmp_path)
    board.histograms({"values": torch.cat([values, torch.tensor([float("nan"), float("inf")])])}, 1)
    board.close()
    (event,) = read(tmp_path).Histograms("values")
    found, double = event.histogram_value, values.double().numpy()
    counts, edges = np.histogram(double, 64)
    np.testing.assert_allclose(found.bucket_limit, edges, rtol=1e-12, atol=1e-12 * abs(double).max())
    assert found.bucket == [0, *counts]
    assert (found.num, found.min, found.max) == (len(values), double.min(), double.max())
    assert found.sum == pytest.approx(double.sum())
    assert found.sum_squares == pytest.approx((double**2).sum())


def test_histograms_by_choice(go, folder, events):
    assert events.Tags()["histograms"] == []
    go("trainer.max_epochs=2", "trainer.limit_batches=2", "model.hidden=[4]", "trainer.histograms=1")
    tags = read("run").Tags()["histograms"]
    assert {"weights/linear1.weight", "gradients/linear1.weight"} <= set(tags)


def test_a_full_disk_names_the_folder_and_prints_nothing(tmp_path, monkeypatch, capfd):
    board = TensorBoard(tmp_path)
    board.flush()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(board.writer._async_writer._writer._writer, "write", full)
    board.scalars(1, {"loss": 1.0})
    with pytest.raises(OSError, match="No space left") as caught:
        board.flush()
    assert caught.value.filename == str(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_disk_that_is_full_before_the_first_event_is_told_of_too(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("runner.record.tensorboard.EventFileWriter", full)
    with pytest.raises(OSError, match="No space left") as caught:
        TensorBoard(tmp_path)
    assert caught.value.filename == str(tmp_path)
