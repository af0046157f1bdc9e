"""A graph of a user's own: what is read of its files, what is refused, and what a network makes of it."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from runner.cli.verbs import answer
from runner.data.edge_list import EdgeList
from runner.data.graphs.edges import read_edges
from runner.errors import ConfigError, Interrupted, RunFailed
from runner.run import load, resume
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep

NAMES = ["a", "b", "c", "d"]


def edges(tmp_path, text, **settings):
    (tmp_path / "edges").write_text(text)
    return read_edges(tmp_path / "edges", NAMES, **{"directed": True, "weighted": False, **settings})


@pytest.mark.parametrize("separator", [",", "\t", ";", " ", "   "])
@pytest.mark.parametrize("heading", ["", "from{0}to\n", "# made by hand\n\nfrom{0}to\n"])
def test_every_form_of_lines(tmp_path, separator, heading):
    text = heading.format(separator) + "\n".join(separator.join(pair) for pair in ("ab", "bc", "ca")) + "\n"
    assert edges(tmp_path, text).ends.T.tolist() == [[0, 1], [1, 2], [2, 0]]
    assert edges(tmp_path, text, directed=False).ends.T.tolist() == [[0, 1], [1, 2], [0, 2], [1, 0], [2, 1], [2, 0]]


def test_loops_doubles_and_dangling_edges_are_told_of(tmp_path):
    text = "a b 2\na a 9\nb a 0.5\na b 3\nc z 1\n"
    found = edges(tmp_path, text, weighted=True, on_dangling="skip")
    assert (found.ends.T.tolist(), found.weights.tolist()) == ([[0, 1], [1, 0]], [5, 0.5])
    assert found.notes == (
        "1 edge(s) of a node to itself left out",
        "1 edge(s) stand there again; their weights were added",
        "1 edge(s) left out, of which an end is no node",
    )
    found = edges(tmp_path, text, directed=False, on_dangling="skip")
    assert (found.ends.T.tolist(), found.weights) == ([[0, 1], [1, 0]], None)
    assert "2 edge(s) stand there again; each counts once" in found.notes
    assert edges(tmp_path, "").ends.shape == (2, 0)


@pytest.mark.parametrize(
    ("text", "weighted", "says"),
    [
        ("a b\na bb\n", False, "line 2: 'bb' is no node. .*data.on_dangling=skip"),
        ("a b\nc\n", False, r"line 2: 1 value\(s\). Expected lines of two names"),
        ("a b c d\n", False, r"4 value\(s\)"),
        ("a b 1\nb c\n", True, r"line 2: 2 value\(s\)"),
        ("a b x\n", True, "'x' is no weight. Expected a number of at least 0"),
        ("a b -1\n", True, "'-1' is no weight"),
        ("a b nan\n", True, "'nan' is no weight"),
        ("a b 1e31\n", True, "'1e31' is no weight"),
        ("a b 9e29\nb a 1\na b 9e29\n", True, "line 3: the weights of this edge add up to more than 1e.30"),
        ('"a,b\nb,c\n', False, "unexpected end of data"),
    ],
)
def test_lines_that_are_none_are_refused(tmp_path, text, weighted, says):
    with pytest.raises(RunFailed, match=says):
        edges(tmp_path, text, weighted=weighted)


def write(folder, nodes=90):
    """Three groups that are joined within themselves; of the columns alone they are told badly."""
    random = np.random.default_rng(0)
    group = np.arange(nodes) % 3
    lines = ["id,size,colour,group,value,part"]
    for i in range(nodes):
        label = "" if i >= nodes - 5 else "xyz"[group[i]]
        part = ("train", "train", "val", "test", "train", "val")[i % 6] if i != 4 else ""
        colour = "red" if random.random() < 0.5 else "blue"
        lines.append(f"n{i},{group[i] + random.normal():.3f},{colour},{label},{group[i]}.5,{part}")
    (folder / "nodes.csv").write_text("\n".join(lines) + "\n")
    pairs = [(i, j) for i in range(nodes - 1) for j in range(i) if group[i] == group[j] and random.random() < 0.3]
    (folder / "edges.tsv").write_text("".join(f"n{i}\tn{j}\t1.5\n" for i, j in pairs))  # the last node has no edge


@pytest.fixture
def graph(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    return {"nodes": "nodes.csv", "edges": "edges.tsv"}


DATA = ("data=edge_list", "data.nodes=nodes.csv", "data.edges=edges.tsv", "data.batch_size=16")
SMALL = ("model=gcn", "model.hidden=[8]", "trainer.max_epochs=2", "trainer.images=0", "trainer.threads=1")


def test_what_is_read_of_the_files(graph):
    data = EdgeList(**graph, target="group", exclude=("value", "part")).load()
    assert (data.spec.task, data.spec.class_names) == ("nodes", ("x", "y", "z"))
    assert data.spec.feature_names == ("size", "colour=blue", "colour=red")
    assert sum(data.sizes.values()) == 85
    assert data.train.features.shape == (90, 3)
    assert torch.allclose(data.train.features[data.train.nodes, 0].mean(), torch.zeros(()), atol=1e-5)
    assert "5 node(s) without a target are in no part" in data.notes
    assert "1 node(s) without edges" in data.notes
    assert data.val.place(0).startswith("n")
    both = {tuple(pair) for pair in data.train.edges.T.tolist()}
    assert both == {pair[::-1] for pair in both}
    one_way = EdgeList(**graph, target="group", exclude=("value", "part"), directed=True).load()
    assert 2 * one_way.train.edges.shape[1] == data.train.edges.shape[1]


def test_a_column_says_the_parts(graph):
    data = EdgeList(**graph, target="group", part="part", exclude=("value",)).load()
    by_name = {f"n{i}": i for i in range(90)}
    assert all(by_name[data.val.place(row)] % 6 in (2, 5) for row in range(len(data.val)))
    assert all(by_name[data.test.place(row)] % 6 == 3 for row in range(len(data.test)))
    assert "n4" not in {data.train.place(row) for row in range(len(data.train))}


def test_numbers_of_nodes_are_scaled_by_the_training_nodes(graph):
    data = EdgeList(**graph, target=("value", "size"), task="regression", exclude=("part", "group")).load()
    assert (data.spec.task, data.spec.num_outputs or 2) == ("node_regression", 2)
    values = data.train.labels[data.train.nodes]
    torch.testing.assert_close(values.mean(0), torch.zeros(2), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"target": "grup"}, r"data.target=grup: no such column in nodes.csv. Did you mean 'group'\?"),
        ({"target": "group", "id": "name"}, "data.id=name: no such column"),
        ({"target": "group", "nodes": "no.csv"}, "data.nodes=no.csv"),
        ({"target": "group", "edges": "no.tsv"}, "data.edges=no.tsv"),
        ({"target": "group", "part": "colour"}, "'colour' is 'blue' in some row. Expected train, val, test"),
        ({"target": "group", "id": "colour"}, "'colour' is '.*' in several rows"),
        ({"target": "size", "exclude": ("colour", "group", "value", "part")}, "no feature is left"),
    ],
)
def test_what_does_not_fit_is_refused(graph, settings, says):
    with pytest.raises((ConfigError, RunFailed), match=says):
        EdgeList(**{**graph, **settings}).load()


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("target", ["group", "value"])
def test_edges_help_and_files_are_predicted_as_evaluation_saw_them(graph, go, capfd, target):
    drop = "part,value" if target == "group" else "part,group"
    words = (*DATA, *SMALL, f"data.target={target}", f"data.exclude=[{drop}]", "data.weighted=true", "data.part=null")
    kind = "classification" if target == "group" else "regression"
    result = go(*words, f"data.task={kind}", "trainer.max_epochs=15", "optimizer.lr=0.03", folder="run")
    assert result["test"]["accuracy" if target == "group" else "r2"] > 0.75  # of the columns alone half of them
    assert answer(["predict", "run", "nodes.csv", "edges.tsv", "--output", "out.csv"]) == 0, capfd.readouterr().err
    told = {row["input"].rpartition(":")[2]: row for row in rows_of("out.csv")}
    network = load("run")
    data = EdgeList(
        **graph, target=target, exclude=tuple(drop.split(",")), weighted=True, task=kind, batch_size=16
    ).load()
    batch = data.test.read(torch.arange(len(data.test)))
    seen = network.task.rows(network.outputs(batch))
    for row, expected in enumerate(seen):
        given = told[data.test.place(row)]
        for name, value in expected.items():
            assert given[name] == value if isinstance(value, str) else float(given[name]) == pytest.approx(value, 1e-5)
    assert answer(["predict", "run", "nodes.csv"]) == 2
    assert "predict RUN_DIR NODES EDGES" in " ".join(capfd.readouterr().err.split())


@pytest.mark.parametrize(
    "more",
    [
        ("model=gat", "data.task=classification", "data.target=group", "trainer.precision=bf16"),
        ("model=graphsage", "data.neighbours=[3,2]", "data.target=group", "trainer.accumulate=2"),
        ("data.neighbours=[2,2]", "data.target=value", "data.task=regression", "data.weighted=true"),
    ],
)
def test_interrupted_in_mid_epoch_and_resumed_equals_uninterrupted(graph, go, more):
    words = (*DATA, *SMALL, "data.exclude=[part]", *more, "trainer.log_every=1")
    go(*words, folder="whole")
    with pytest.raises(Interrupted):
        go(*words, folder="cut", progress=StopAtStep(2))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


def test_too_few_neighbours_for_the_layers_are_refused(graph, go):
    with pytest.raises(ConfigError, match="a network of 3 layers reaches 3 edges far, and neighbours are given for 2"):
        go(*DATA, *SMALL, "data.target=group", "data.neighbours=[3,3]", "model.hidden=[8,8]")
