"""What TensorBoard is given, read back with TensorBoard's own reader."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util.tensor_util import make_ndarray

from runner.record.tensorboard import TensorBoard
from runner.run import resume

RUN = (
    "model=cnn",
    "model.channels=[4]",
    "model.head=[8]",
    "trainer.limit_batches=6",
    "trainer.log_every=2",
    "trainer.max_epochs=3",
    "regularization=[early_stopping,label_smoothing]",
    "optimizer.weight_decay=0.01",
    "optimizer.params.decay_norm_bias=false",
)
EVERYTHING = {"scalars": 0, "images": 0, "tensors": 0, "histograms": 0}


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
    assert len(list(folder.rglob("events.out.tfevents.*"))) == 1


def test_scalars_of_epochs_are_those_of_metrics_jsonl(folder, events):
    written = rows(folder)
    assert len(written) == 3
    for name in written[0]:
        if name in ("epoch", "step", "time"):
            continue
        scalars = events.Scalars(name)
        assert [s.step for s in scalars] == [row["step"] for row in written]
        assert [s.value for s in scalars] == pytest.approx([row[name] for row in written], rel=1e-6)
    names = {name.partition("/")[2] for name in written[0] if name.startswith("val/")}
    assert {"loss", "accuracy", "balanced_accuracy", "f1"} <= names
    assert {f"train/{n}" for n in names} | {f"val/{n}" for n in names} | {"lr"} <= set(written[0])


def test_log_intervals_have_lr_and_gradient_norm(events):
    tags = events.Tags()["scalars"]
    assert {"step/loss", "step/lr", "step/gradient_norm", "step/samples_per_second"} <= set(tags)
    norms = events.Scalars("step/gradient_norm")
    assert [s.step for s in norms] == [s.step for s in events.Scalars("step/loss")]
    assert len(norms) >= 6
    assert all(s.value > 0 for s in norms)


def test_the_test_scores_are_there(folder, events):
    result = json.loads((folder / "result.json").read_text())
    for name, value in result["test"].items():
        assert events.Scalars(f"test/{name}")[-1].value == pytest.approx(value)


def test_train_and_val_share_a_chart(events):
    (tensor,) = [event.tensor_proto for event in events.Tensors("custom_scalars__config__")]
    layout = Layout.FromString(make_ndarray(tensor).item())
    charts = {chart.title: list(chart.multiline.tag) for category in layout.category for chart in category.chart}
    assert charts["loss"] == ["^train/loss$", "^val/loss$"]
    assert charts["accuracy"] == ["^train/accuracy$", "^val/accuracy$"]
    tags = events.Tags()["scalars"]
    for patterns in charts.values():
        for pattern in patterns:
            assert pattern.strip("^$") in tags


def test_the_config_as_text(folder, events):
    (event,) = events.Tensors("config/text_summary")
    text = make_ndarray(event.tensor_proto).item().decode()
    assert (folder / "config.yaml").read_text() in text


def test_sample_images(events):
    (image,) = events.Images("train/images")
    assert image.width >= 8 * 64
    assert image.encoded_image_string.startswith(b"\x89PNG")


def hparams(folder):
    """All session starts that the HParams page would read, from every event file of the folder."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found = []
    for path in sorted(Path(folder).glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag == "_hparams_/session_start_info":
                    content = value.metadata.plugin_data.content
                    found.append(plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams)
    return found


def test_hyperparameters_are_flat_and_without_nothings(folder, events):
    (values,) = hparams(folder)
    plain = {name: getattr(value, value.WhichOneof("kind")) for name, value in values.items()}
    assert plain["optimizer.weight_decay"] == 0.01
    assert plain["optimizer"] == "Adam"
    assert plain["optimizer.params.decay_norm_bias"] == 0
    assert plain["regularization.label_smoothing.epsilon"] == 0.1
    assert plain["model.channels"] == "[4]"
    assert plain["trainer.log_every"] == 2
    assert "trainer.max_steps" not in plain  # null
    assert not any(value is None or value in ("None", "null", "") for value in plain.values())
    experiment = events.summary_metadata["_hparams_/experiment"].plugin_data.content
    infos = plugin_data_pb2.HParamsPluginData.FromString(experiment).experiment.metric_infos
    assert {"val/loss", "val/accuracy"} <= {info.name.tag for info in infos}


def test_resuming_writes_no_second_set_and_voids_what_came_after(go):
    go(*RUN, "regularization=[]", folder="run")
    whole = {name: [(s.step, s.value) for s in read("run").Scalars(name)] for name in ("val/loss", "step/loss")}
    resume("run", ["trainer.max_epochs=5"])
    assert len(list(Path("run").glob("events.out.tfevents.*"))) == 2
    assert len(hparams("run")) == 1
    events = read("run")
    assert len(events.Tensors("config/text_summary")) == 1
    for name, before in whole.items():
        scalars = [(s.step, s.value) for s in events.Scalars(name)]
        assert scalars[: len(before)] == before
        steps = [step for step, _ in scalars]
        assert steps == sorted(set(steps)), "a step is shown twice"
    assert [s.step for s in events.Scalars("val/loss")] == [row["step"] for row in rows("run")]


@pytest.mark.parametrize("values", [torch.randn(5000), torch.full((7,), 3.0), torch.tensor([1e38, -1e38, 0.0])])
def test_a_histogram_is_numpys(values, tmp_path):
    board = TensorBoard(tmp_path, None)
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
