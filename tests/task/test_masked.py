"""A masked language model through the program: scores, resuming, and a classifier that starts from it."""

from pathlib import Path

import pytest
import torch

from runner.data.python_functions import PythonFunctions
from runner.engine.spec import IGNORED, Field, Spec
from runner.errors import ConfigError, Interrupted
from runner.run import evaluate_run, resume
from runner.task.masked import Masked
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep

DATA = ("data=python_functions", "data.packages=[json,urllib,http]", "data.longest=30", "data.vocabulary=300")
SMALL = (*DATA, "model=encoder", "model.hidden=16", "model.heads=2", "model.layers=1", "trainer.evaluation=off")
SHORT = ("trainer.max_epochs=2", "trainer.limit_batches=6", "optimizer.lr=0.01")


def test_hidden_tokens_are_the_targets():
    option = PythonFunctions(packages=("json", "http"), vocabulary=300, masked=0.15)
    assert option.probe().task == "masked"
    data, plain = option.load(), PythonFunctions(packages=("json", "http"), vocabulary=300).load()
    assert data.spec.task == "masked" and data.spec.num_outputs == 300
    assert data.fingerprint == plain.fingerprint
    batch, true = (part.read(torch.arange(20)) for part in (data.val, plain.val))
    hidden = batch.targets != IGNORED
    assert torch.equal(batch.targets[hidden], true.inputs[hidden])
    assert batch.units == hidden.sum() and batch.more.keys() == {"lengths"}
    for name, drawn in (("train", True), ("val", False), ("test", False)):
        part, rows = data.parts[name], torch.arange(20)
        one, other = (next(part.opened(rows.device, seed, 0).batches(0, rows, 20, iter)) for seed in (1, 2))
        assert torch.equal(one.targets, other.targets) != drawn, name  # every seed is judged by the same tokens


def test_interrupted_and_resumed_equals_uninterrupted_and_a_classifier_starts_from_it(go):
    common = (*SMALL, *SHORT, "data.masked=0.15", "monitor=val/perplexity", "trainer.log_every=4")
    whole = go(*common, folder="whole")
    assert {"perplexity", "token_accuracy", "bits_per_token"} <= whole["val"].keys()
    assert whole["val"]["perplexity"] < 300
    assert evaluate_run("whole", "val")["perplexity"] == pytest.approx(whole["val"]["perplexity"])
    with pytest.raises(Interrupted):
        go(*common, folder="cut", progress=StopAtStep(10))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []
    result = go(*SMALL, *SHORT, "init=checkpoint", "init.path=whole", folder="classifier")
    assert "accuracy" in result["val"]
    assert "output.weight" in Path("classifier/run.log").read_text()  # all but the last layer is taken


def test_rows_are_texts():
    field = Field("tokens", (None,), 7, ("<padding>", "<unknown>", "<start>", "<end>", "a", "b", "c"), between=" ")
    task = Masked(Spec("masked", field, field, num_outputs=7))
    outputs = torch.nn.functional.one_hot(torch.tensor([[4, 6, 0], [5, 5, 4]]), 7).float()
    assert task.rows(outputs) == [{"prediction": "a c"}, {"prediction": "b b a"}]
    assert task.true_rows(torch.tensor([[4, IGNORED, IGNORED]])) == [{"true": "a"}]
    assert task.answer_names == ()


@pytest.mark.parametrize("model", ["gru", "seq2seq", "decoder"])
def test_networks_that_do_not_see_what_is_behind_are_refused(go, model):
    with pytest.raises(ConfigError, match="masked"):
        go(*DATA, "data.masked=0.15", f"model={model}")


def test_a_classifier_of_fewer_of_the_same_texts_starts_with_their_vocabulary(go):
    rows = [f"{('it is', 'was not')[i % 2]} word{i % 23} and more of word{i % 7},{'ab'[i % 2]}" for i in range(60)]
    Path("texts.csv").write_text("text,label\n" + "\n".join(rows))
    own = ("data=text_csv", "data.path=texts.csv", *SMALL[len(DATA) :], "trainer.max_epochs=1", "optimizer.lr=0.01")
    go(*own, "data.masked=0.2", "data.vocabulary=20", "monitor=val/loss", folder="whole")
    few = (*own, "data.fraction=0.4", "init=checkpoint", "init.path=whole", "optimizer=sgd", "optimizer.lr=0")
    with pytest.raises(ConfigError, match=r"another vocabulary, .* Give data\.tokenizer_file=whole, which takes that"):
        go(*few, "data.vocabulary=20", folder="other")
    go(*few, "data.tokenizer_file=whole", "data.tokenizer=characters", folder="few")
    before, after = (torch.load(f"{name}/checkpoints/best.pt", weights_only=True) for name in ("whole", "few"))
    assert after["transform"] == before["transform"] and after["transform"]["kind"] == "words"
    assert torch.equal(after["model"]["embedding.weight"], before["model"]["embedding.weight"])
