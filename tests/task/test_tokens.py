"""A language model over Python's library, from the source to the prediction."""

import json
import math
from pathlib import Path

import pytest
import torch

from runner.data.python_source import PythonSource
from runner.data.text.python_library import sources
from runner.engine.spec import START, Field, Spec
from runner.errors import ConfigError, Interrupted, RunFailed
from runner.model.gru import GRU
from runner.run import resume
from runner.task import task_named
from runner.task.tokens import Tokens
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep

SMALL = ("data=python_source", "data.packages=[json,urllib]", "data.length=32")


def small(**settings):
    return PythonSource(packages=("json", "urllib"), length=32, **settings)


def test_every_character_of_every_file_is_in_one_part():
    data = small().load()
    names = data.spec.targets.names
    assert data.spec.inputs.size == data.spec.num_outputs == len(names)
    found = [number for part in data.parts.values() for number in part.stream.tolist()]
    encoded = [data.transform.encode(source).tolist() for _, _, source in sources(("json", "urllib"))]
    starts = [*(i for i, number in enumerate(found) if number == START), len(found)]
    assert sorted(found[a + 1 : b] for a, b in zip(starts, starts[1:])) == sorted(encoded)


def test_targets_are_the_inputs_moved_by_one():
    split = small().load().val
    batch = split.read(torch.tensor([0, 3]))
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    assert torch.equal(batch.inputs[1], split.stream[96:128])
    assert batch.units == 64


def test_too_little_text():
    with pytest.raises(RunFailed, match=r"data.length=500000: a part of these data has only [\d,]+ tokens"):
        PythonSource(packages=("json", "urllib"), length=500_000).load()


def test_predictions_are_made_of_what_evaluation_saw(tmp_path):
    option = small()
    data = option.load()
    again = option.transform()
    again.load_state_dict(json.loads(json.dumps(data.transform.state_dict())))
    windows = data.val.read(torch.arange(5, 8))
    texts = ["".join(again.vocabulary[token] for token in row) for row in windows.inputs.tolist()]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (raw,) = again.read([str(tmp_path / "texts.jsonl")], 10)
    batch = again.batch(raw.examples)
    assert torch.equal(batch.inputs, windows.inputs)
    torch.manual_seed(0)
    model = GRU(data.spec, 16).eval()
    assert torch.equal(model(batch.inputs, **batch.more), model(windows.inputs))


def test_a_row_is_the_token_behind_the_text():
    field = Field("tokens", (None,), 6, ("<padding>", "<unknown>", "<start>", "<end>", "a", "b"))
    task = Tokens(Spec("tokens", field, field, num_outputs=6))
    torch.manual_seed(0)
    model = GRU(task.spec, 4).eval()
    texts = [torch.tensor([4, 5, 4]), torch.tensor([5])]
    rows = task.rows(model(torch.tensor([[4, 5, 4], [5, 0, 0]]), torch.tensor([3, 1])).detach())
    for text, row in zip(texts, rows):
        value, token = model(text[None])[0, -1].softmax(0).max(0)
        assert row == {"prediction": field.names[token], "probability": pytest.approx(value.item())}


def test_members_of_an_ensemble_are_averaged_as_probabilities():
    field = Field("tokens", (None,), 6)
    task = task_named("tokens")(Spec("tokens", field, field, num_outputs=6))
    members = torch.randn(3, 2, 4, 6)
    torch.testing.assert_close(task.probabilities(task.combine(members)), members.softmax(-1).mean(0))


COMMON = (*SMALL, "model.hidden=8", "data.batch_size=48", "trainer.max_epochs=3", "trainer.limit_batches=9")


@pytest.mark.parametrize(
    "choice",
    [
        ("model=gru", "trainer.accumulate=2", "optimizer=momentum", "trainer.clip_norm=1", "monitor=val/perplexity"),
        ("model=lstm", "model.layers=2", "trainer.precision=bf16", "monitor=val/bits_per_token", "warmup=linear"),
        ("model=rnn", "optimizer=sam", "regularization=[dropout,swa]", "monitor=val/token_accuracy"),
        ("model=gru", "trainer.precision=fp16", "regularization=[dropout]", "optimizer=lookahead"),
    ],
    ids=",".join,
)
def test_interrupted_and_resumed_equals_uninterrupted(go, choice):
    whole = go(*COMMON, *choice, "trainer.log_every=4", folder="whole")
    assert whole["val"]["perplexity"] == pytest.approx(math.exp(whole["val"]["loss"]), rel=1e-2)
    with pytest.raises(Interrupted):
        go(*COMMON, *choice, "trainer.log_every=4", folder="cut", progress=StopAtStep(13))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("regularization=[label_smoothing]", "these data are for tokens"),
        ("regularization=[mixup]", "these data are tokens"),
        ("regularization=[confidence_penalty]", "confidence_penalty"),
        ("loss=mse", "these data are for tokens"),
        ("loss=focal", "these data are for tokens"),
        ("model.bidirectional=true", "is to tell"),
        ("monitor=val/exact_match", "no such score"),
        ("model=mlp", "Take model=decoder, .*model=gru, model=lstm, model=rnn"),
        ("data.scaling=none", "has no argument 'scaling'"),
        ("loss.weight=balanced", "targets of these data are tokens"),
    ],
)
def test_what_can_not_go_with_a_language_model_is_refused(go, choice, message):
    more = ("loss=cross_entropy",) if choice.startswith("loss.") else ()
    with pytest.raises(ConfigError, match=message):
        go(*SMALL, *(() if choice.startswith("model=") else ("model=gru",)), *more, choice.replace("data.", "+data."))


@pytest.mark.slow
def test_learns_more_than_how_often_characters_are(go):
    result = go(*SMALL, "model=gru", "model.hidden=64", "optimizer.lr=0.01", "trainer.max_epochs=1")
    data = small().load()
    counts = data.train.stream.bincount(minlength=data.spec.num_outputs) + 1.0
    told = (counts / counts.sum()).log()
    unigram = math.exp(-told[data.test.stream].mean())
    assert result["test"]["perplexity"] < 0.6 * unigram
