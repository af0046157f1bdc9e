"""Nodes of one graph: learnt better with the edges than without, resumed exactly, told of a file as evaluated."""

import json
import sysconfig
from pathlib import Path

import pytest
import torch

from runner.data.graphs.modules import graph_of
from runner.data.python_imports import _LEFT_OUT
from runner.errors import ConfigError, Interrupted
from runner.run import resume
from runner.task import task_named
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep
from tests.trained import with_data

NODES = ("data=python_imports", "model=gcn", "data.vocabulary=300")


@pytest.mark.slow
def test_edges_help_and_a_file_gives_what_evaluation_saw(go, tmp_path):
    scores = {p: go(*NODES, f"model.propagation={p}", folder=p)["val"]["accuracy"] for p in ("renormalized", "none")}
    assert scores["renormalized"] > scores["none"] + 0.05
    assert scores["none"] > 0.6  # encodings, the largest class, are a quarter
    network, data = with_data("renormalized")
    model = network.model
    graph = graph_of(Path(sysconfig.get_path("stdlib")), _LEFT_OUT)
    nodes = [{"name": name, "text": text} for name, text in zip(graph.names, graph.texts, strict=True)]
    edges = [[graph.names[a], graph.names[b]] for a, b in graph.edges.T]
    Path("graph.json").write_text(json.dumps({"nodes": nodes, "edges": edges}))
    (raw,) = data.transform.read(["graph.json"], 32)
    batch = data.transform.batch(raw.examples)
    with torch.no_grad():
        told = model(batch.inputs, **batch.more)
        for size in (7, len(data.val)):
            for rows in torch.arange(len(data.val)).split(size):
                seen = data.val.read(rows)
                assert torch.equal(model(seen.inputs, **seen.more), told[data.val.nodes[rows]])
    task = task_named("nodes")(data.spec)
    rows = task.rows(told)
    assert len(rows) == len(raw.places) == len(graph.names)
    assert rows[graph.names.index("asyncio.locks")]["prediction"] == "asyncio"


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        pytest.param(
            ("data.batch_size=32", "trainer.accumulate=2", "optimizer=momentum", "model.dropout=0.3"),
            marks=pytest.mark.long,
        ),
        ("data.batch_size=full", "trainer.precision=bf16", "regularization=[ema,l2]"),
    ],
)
def test_interrupted_in_mid_epoch_and_resumed_equals_uninterrupted(go, more):
    overrides = (*NODES, *more, "trainer.max_epochs=3", "trainer.log_every=1", "trainer.images=0")
    go(*overrides, folder="whole")
    with pytest.raises(Interrupted):
        go(*overrides, folder="cut", progress=StopAtStep(2))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("model=mlp", "model=mlp takes .* these data are graphs. Take model=gat, model=gcn"),
        ("model=cnn", "Take model=gat, model=gcn"),
        ("regularization=[mixup]", "mixup takes .* graphs"),
        ("regularization=[rdrop]", "rdrop takes .* graphs"),
        ("augmentation=[flip]", "flip"),
        ("loss=mse", "is for forecasting and node_regression and regression"),
        ("monitor=val/rmse", "no such score"),
    ],
)
def test_what_does_not_fit_is_refused(go, override, says):
    with pytest.raises(ConfigError, match=says):
        go(*NODES, override)


@pytest.mark.parametrize(
    "more",
    [
        ("regularization=[ema,l2]",),
        ("regularization=[swa]", "regularization.swa.start=1"),
        ("optimizer/wrapper=sam", "trainer.clip_norm=1"),
        ("regularization=[gradient_noise,max_norm]", "trainer.accumulate=2"),
        ("augmentation=[noise]", "warmup=linear"),
        ("loss=focal", "init=lsuv"),
    ],
)
def test_techniques_that_go_with_it(go, more):
    result = go(*NODES, *more, "trainer.max_epochs=2", "data.min_modules=40", "trainer.images=0")
    assert result["status"] == "completed"
