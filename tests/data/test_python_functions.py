"""Functions of Python's library as documents, from the source to the network."""

import json
import textwrap
from pathlib import Path

import pytest
import torch

from runner.data.python_functions import PythonFunctions
from runner.data.text import python_library
from runner.data.text.python_library import functions, sources
from runner.errors import ConfigError, Interrupted, RunFailed
from runner.run import resume
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep

SMALL = ("data=python_functions", "data.packages=[json,urllib,http]", "data.longest=40")


def small(**settings):
    return PythonFunctions(packages=("json", "urllib", "http"), **settings)


def test_functions_and_methods_without_decorators():
    source = """
        import os

        @cached
        def f(x):
            def inner(): return 1
            return x

        class A:
            class B:
                async def g(self):
                    pass
            y = lambda: 0
    """
    assert functions(textwrap.dedent(source)) == [
        "def f(x):\n    def inner(): return 1\n    return x",
        "async def g(self):\n    pass",
    ]


def test_tests_of_packages_are_left_out():
    names = [name for _, name, _ in sources(["json", "unittest"])]
    assert "json/decoder.py" in names
    assert not any("/test/" in name for name in names)


def test_no_file_is_in_two_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(python_library, "library", lambda: tmp_path)
    for package in ("one", "two"):
        (tmp_path / package).mkdir()
        for number in range(9):
            name = "__init__" if not number else f"m{number}"
            lines = [f"def f(): in_{package}_{number}\n"] * (1 + number * number)
            (tmp_path / package / f"{name}.py").write_text("".join(lines))
    for settings in ({}, {"folds": 3, "fold": 1}, {"fraction": 0.5}):
        data = PythonFunctions(packages=("one", "two"), **settings).load()
        assert (data.train.values != 1).all()
        for part in (data.val, data.test):  # whose files have words that no file of the training part has
            assert (part.values == 1).sum() == len(part)
    assert sum(map(len, PythonFunctions(packages=("one", "two")).load().parts.values())) == 426


def test_the_vocabulary_is_that_of_the_training_part():
    whole, half = small().load(), small(fraction=0.5).load()
    assert len(half.transform.vocabulary) < len(whole.transform.vocabulary)
    met = set(half.train.values.tolist())
    assert met >= set(range(4, len(half.transform.vocabulary)))  # every entry occurs there
    assert half.val.targets.tolist() == whole.val.targets.tolist()
    assert (half.val.values == 1).sum() > (whole.val.values == 1).sum()  # unknown


def test_the_split_is_that_of_its_seed_alone():
    first, second, other = small().load(), small().load(), small(split_seed=1).load()
    assert first.fingerprint == second.fingerprint == other.fingerprint
    assert torch.equal(first.train.values, second.train.values)
    assert not torch.equal(first.train.targets, other.train.targets)


def test_folds_keep_files_together():
    parts = [small(folds=2, fold=fold).load() for fold in range(2)]
    assert len(parts[0].train) + len(parts[0].val) == len(parts[1].train) + len(parts[1].val)
    assert len(parts[0].val) == len(parts[1].train)


def test_predictions_are_made_of_what_evaluation_saw(tmp_path):
    option = small()
    data = option.load()
    texts = [text for _, _, source in sources(("http",)) for text in functions(source)][:40]
    file = tmp_path / "some.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    again = option.transform()
    again.load_state_dict(json.loads(json.dumps(data.transform.state_dict())))
    known = {}
    for split in data.parts.values():
        for row, (a, b) in enumerate(zip(split.offsets, split.offsets[1:])):
            known[tuple(split.values[a:b].tolist())] = (split, row)
    for raw in again.read([str(file)], 1):
        batch = again.batch(raw.examples)
        split, row = known[tuple(batch.inputs[0].tolist())]
        seen = split.read(torch.tensor([row]))
        assert torch.equal(batch.inputs, seen.inputs)
        assert torch.equal(batch.more["lengths"], seen.more["lengths"])


def test_packages_that_are_not_there():
    with pytest.raises(ConfigError, match=r"no package 'jsn' of its own. Did you mean 'json'"):
        PythonFunctions(packages=("jsn", "xml")).probe()
    with pytest.raises(ConfigError, match="expected at least 2, each once"):
        PythonFunctions(packages=("xml",)).probe()


def test_a_file_that_is_no_python(tmp_path, monkeypatch):
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("def f(:" if name == "bad" else "def f(): pass")
    monkeypatch.setattr(python_library, "library", lambda: tmp_path)
    with pytest.raises(RunFailed, match=r"bad/__init__.py can't be parsed .* Leave bad out of data.packages"):
        PythonFunctions(packages=("good", "bad")).load()


@pytest.mark.parametrize(
    "choice",
    [
        ("model=gru", "trainer.accumulate=2", "optimizer=momentum"),
        ("model=lstm", "model.bidirectional=true", "trainer.precision=bf16", "regularization=[dropout]"),
        ("model=rnn", "model.pooling=attention", "optimizer=sam", "regularization=[label_smoothing,ema,rdrop]"),
    ],
    ids=",".join,
)
def test_interrupted_and_resumed_equals_uninterrupted(go, choice):
    common = (*SMALL, *choice, "model.hidden=6", "data.batch_size=7", "trainer.max_epochs=3", "trainer.clip_norm=1")
    common += ("trainer.limit_batches=9", "trainer.log_every=4")
    go(*common, folder="whole")
    with pytest.raises(Interrupted):
        go(*common, folder="cut", progress=StopAtStep(13))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


@pytest.mark.parametrize("choice", ["regularization=[mixup]", "augmentation=[noise]", "model=mlp", "model=cnn"])
def test_what_can_not_go_with_texts_is_refused(go, choice):
    with pytest.raises(ConfigError, match="these data are tokens"):
        go(*SMALL, *(() if choice.startswith("model") else ("model=gru",)), choice)


@pytest.mark.slow
def test_learns_more_than_the_most_frequent_class(go):
    packages = ("asyncio", "email", "idlelib")
    chosen = ("data=python_functions", f"data.packages=[{','.join(packages)}]", "data.longest=30")
    result = go(
        *chosen, "model=gru", "model.hidden=32", "model.pooling=mean", "optimizer.lr=0.01", "trainer.max_epochs=3"
    )
    counts = PythonFunctions(packages=packages, longest=30).load().test.targets.bincount()
    assert result["test"]["accuracy"] > 0.2 + float(counts.max() / counts.sum())
