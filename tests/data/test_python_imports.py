"""The graph of Python's library: what is read of a source, what is fitted on which nodes, and graphs of a user's."""

import ast
import io
import json
import textwrap

import numpy as np
import pytest
import torch

from runner.data.graphs.modules import Graph, graph_of, imports, words
from runner.data.graphs.word_counts import WordCounts
from runner.data.python_imports import PythonImports
from runner.engine.spec import IGNORED
from runner.engine.transform import Bad, Raw
from runner.errors import ConfigError, RunFailed
from runner.model.gcn import GCN


@pytest.fixture(scope="module")
def data():
    return PythonImports().load()


SOURCE = '''
import a, b.c as d  # , no
from e import (f,  # g
    h as i)
from . import j
from ..k import l as m
from .n.o import p
if x: import not_seen
    import q; y = z
"""
from the docs: nothing
"""
'''


def test_imports_of_every_form():
    expected = "a b.c e e.f e.h top.mid top.mid.j top.k top.k.l top.mid.n.o top.mid.n.o.p q"
    assert list(imports(SOURCE, ("top", "mid"))) == expected.split()


def test_imports_are_those_of_the_syntax_tree(tmp_path):
    """Of real sources, where the expressions and the tree name the same modules."""
    import email.message
    import json.decoder
    import unittest.case

    for module in (email.message, json.decoder, unittest.case):
        package = tuple(module.__name__.split(".")[:-1])
        with open(module.__file__, encoding="utf-8") as file:
            text = file.read()
        expected = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                expected |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = ".".join((*package[: len(package) - node.level + 1], *filter(None, [node.module])))
                base = base if node.level else node.module
                expected |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        assert set(imports(text, package)) == expected


def test_words_of_imports_are_not_counted():
    assert words("import secret\nfrom secret import (also,\n  this)\nx = secret_two + 1  # why") == [
        *("x", "secret_two", "why")
    ]


def test_a_folder_as_a_graph(tmp_path):
    for name, text in {
        "p/__init__.py": "from . import a\nimport p",
        "p/a.py": "from p import b\nimport os",
        "p/b.py": "from .a import thing",
        "tests/a.py": "import p",
        "alone.py": "bad \xff syntax (",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode("latin1"))
    graph = graph_of(tmp_path, frozenset({"tests"}))
    assert graph.names == ["alone", "p", "p.a", "p.b"]
    assert graph.edges.T.tolist() == [[1, 2], [2, 1], [2, 3], [3, 2]]


def test_parts_are_labelled_nodes_of_one_graph(data):
    train, val, test = data.train, data.val, data.test
    assert train.features is val.features is test.features
    assert train.edges is val.edges
    together = torch.cat([part.nodes for part in (train, val, test)])
    assert len(together.unique()) == len(together) == int((train.labels != IGNORED).sum()) < len(train.labels)
    assert sum(data.spec.targets.counts) == len(train)
    assert all(count >= 0.6 * 10 for count in data.spec.targets.counts)
    assert set(map(tuple, train.edges.T.tolist())) == set(map(tuple, train.edges.flip(0).T.tolist()))
    assert (train.edges[0] != train.edges[1]).all()


def test_vocabulary_and_scale_come_from_the_training_nodes(data):
    inputs = data.train.features[data.train.nodes]
    torch.testing.assert_close(inputs.mean(0), torch.zeros(inputs.shape[1]), atol=1e-5, rtol=0)
    transform = WordCounts("none", 2)
    transform.fit(["a a b", "b c c c c", "import d\nb a"])
    assert transform.words == ["b", "a"]  # of three and two modules, however often a word is in one
    graph = Graph(["x"], ["a a z"], np.empty((2, 0), np.int64))
    assert transform(graph).tolist() == [[0.0, pytest.approx(np.log(3))]]


@pytest.mark.slow
def test_the_split_is_that_of_the_seed_and_the_data_have_a_fingerprint(data):
    again = PythonImports(vocabulary=5).load()
    assert torch.equal(again.train.nodes, data.train.nodes)
    assert again.fingerprint == data.fingerprint
    assert not torch.equal(PythonImports(split_seed=1, vocabulary=5).load().train.nodes, data.train.nodes)


def test_too_few_packages_are_refused():
    with pytest.raises(RunFailed, match="expected two or more"):
        PythonImports(min_modules=100_000).load()


def written(tmp_path, content, name="graph.json"):
    (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return str(tmp_path / name)


GRAPH = {"nodes": [{"name": n, "text": f"{n} {n}"} for n in "abc"], "edges": [["a", "b"], ["b", "a"], ["b", "b"]]}


@pytest.fixture
def transform(data):
    fresh = PythonImports().transform()
    fresh.load_state_dict(data.transform.state_dict())
    return fresh


def test_a_users_graph_as_a_batch(transform, tmp_path, monkeypatch):
    path = written(tmp_path, GRAPH)
    (raw,) = transform.read([path], 2)
    assert raw.places == [f"{path}:{name}" for name in "abc"]
    batch = transform.batch(raw.examples)
    assert batch.more["edges"].tolist() == [[0, 1], [1, 0]]
    assert batch.more["nodes"].tolist() == [0, 1, 2]
    assert (batch.examples, batch.inputs.shape) == (3, (3, 1000))
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(GRAPH)))
    assert torch.equal(transform.batch(next(iter(transform.read(["-"], 1))).examples).inputs, batch.inputs)


def test_no_edges_and_no_text(transform, tmp_path):
    nodes = [{"name": "a", "text": "x"}, {"name": "b"}, {"name": "c", "text": "y"}]
    bad, raw = transform.read([written(tmp_path, {"nodes": nodes, "edges": [["a", "b"], ["c", "a"]]})], 9)
    assert isinstance(bad, Bad)
    assert bad.place.endswith("graph.json:b")
    assert isinstance(raw, Raw)
    assert raw.examples.edges.tolist() == [[1], [0]]
    (raw,) = transform.read([written(tmp_path, {"nodes": nodes[:1], "edges": []})], 9)
    assert transform.batch(raw.examples).more["edges"].shape == (2, 0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "holds no graph"),
        ("[]", "holds no graph"),
        ({"nodes": []}, "holds no graph"),
        ({"nodes": [{"text": ""}], "edges": []}, "holds no graph"),
        ({**GRAPH, "edges": [["a", "bb"]]}, "'bb', which is no node. Did you mean 'b'"),
        ({**GRAPH, "nodes": GRAPH["nodes"] * 2}, "have the name of another"),
    ],
)
def test_files_that_hold_no_graph(transform, tmp_path, content, says):
    with pytest.raises(ConfigError, match=textwrap.shorten(says, 60)):
        list(transform.read([written(tmp_path, content)], 1))
    with pytest.raises(ConfigError, match="can't be read"):
        list(transform.read([str(tmp_path / "nothing.json")], 1))


def test_parts_of_the_graph_give_what_the_whole_gives(data):
    torch.manual_seed(0)
    sampled = PythonImports(neighbours=(3, 3)).load()
    network = GCN(data.spec, hidden=(8,)).eval()
    rows = torch.arange(40)
    for part in ("train", "val"):
        whole, around = data.parts[part].read(rows), sampled.parts[part].read(rows)
        assert torch.equal(whole.targets, around.targets)
        torch.testing.assert_close(network(whole.inputs, **whole.more), network(around.inputs, **around.more))
    drawn, every = (
        next(sampled.parts[part].opened(torch.device("cpu"), 5, 0).batches(0, rows, 40, iter))
        for part in ("train", "val")
    )
    assert drawn.more["edges"].shape[1] < sampled.train.read(rows).more["edges"].shape[1]
    assert torch.equal(every.more["edges"], sampled.val.read(rows).more["edges"])  # nothing is drawn in evaluation
