"""A class for every token, from the corpus to the prediction, the evaluation and the explanation."""

import json
from pathlib import Path

import pytest
import torch
from sklearn.metrics import f1_score

from runner.data.brown import Brown
from runner.engine.batch import Batch
from runner.engine.meter import Meter, Result
from runner.engine.spec import IGNORED, Field, Spec
from runner.errors import ConfigError, Interrupted
from runner.loss.cross_entropy import CrossEntropy
from runner.metric.f1 import F1
from runner.metric.token_accuracy import TokenAccuracy
from runner.model.lstm import LSTM
from runner.run import load, resume
from runner.task.tagging import Tagging
from tests.cli.conftest import say as say
from tests.data.test_brown import corpus as corpus
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep

NAMES = ("noun", "verb", "sign")
WORDS = ("<padding>", "<unknown>", "<start>", "<end>", "dog", "barks", ".")
TAGS = Spec(
    "tagging",
    Field("tokens", (None,), 7, WORDS),
    Field("tags", (None,), 3, NAMES),
    {"lengths": Field("values", ())},
    num_outputs=3,
)


def some(seed=0, texts=6, steps=7):
    """A batch with padding, and outputs for it."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, steps + 1, (texts,), generator=generator)
    lengths[0] = steps
    inside = torch.arange(steps) < lengths[:, None]
    inputs = torch.randint(4, 7, (texts, steps), generator=generator).where(inside, 0)
    targets = torch.randint(0, 3, (texts, steps), generator=generator).where(inside, IGNORED)
    batch = Batch(inputs, targets, {"lengths": lengths}, texts, int(inside.sum()))
    return batch, torch.randn(texts, steps, 3, generator=generator), inside


def test_scores_and_loss_are_those_of_the_tokens_alone():
    batch, outputs, inside = some()
    task, metrics = Tagging(TAGS), [TokenAccuracy(), F1()]
    loss = CrossEntropy(TAGS)
    value = loss.evaluate(outputs, batch)
    assert value == pytest.approx(torch.nn.functional.cross_entropy(outputs[inside], batch.targets[inside]).item())
    meter = Meter(task, metrics)
    meter.add([Result(value, outputs, batch, loss.units(batch))])
    true, told = batch.targets[inside], outputs[inside].argmax(-1)
    scores = meter.read()
    assert scores["token_accuracy"] == pytest.approx((true == told).double().mean().item())
    assert scores["f1"] == pytest.approx(f1_score(true, told, average="macro"))


def test_rows_end_where_texts_do():
    batch, outputs, inside = some()
    rows = Tagging(TAGS).rows_of(outputs, batch)
    true = Tagging(TAGS).true_rows(batch.targets)
    for row, truth, tokens, given, own in zip(rows, true, batch.inputs, outputs, inside, strict=True):
        assert row["prediction"] == [NAMES[c] for c in given[own].argmax(-1)]
        assert row["tokens"] == [WORDS[t] for t in tokens[own]]
        assert len(truth["true"]) == len(row["prediction"]) == int(own.sum())


def test_what_fills_a_text_up_changes_nothing_in_both_directions():
    torch.manual_seed(0)
    model = LSTM(TAGS, 8, bidirectional=True).eval()
    batch, _, inside = some()
    outputs = model(batch.inputs, **batch.more)
    for tokens, own, given in zip(batch.inputs, inside, outputs, strict=True):
        alone = model(tokens[own][None])
        torch.testing.assert_close(given[own], alone[0])
    other = model(batch.inputs.where(inside, 5), **batch.more)
    assert torch.equal(other[inside], outputs[inside])
    loss = CrossEntropy(TAGS)(outputs, batch)
    loss.backward()
    assert model.embedding.weight.grad[0].abs().max() == 0


def test_an_explanation_sums_the_logits_of_the_tokens_of_a_class():
    _, outputs, _ = some(texts=1)
    task = Tagging(TAGS)
    kept = task.kept(outputs)
    answers = task.answers(outputs, kept)
    for c in range(3):
        assert answers[0, c] == pytest.approx(outputs[0, kept[0] == c, c].sum().item(), abs=1e-6)
    assert int(task.main_answer(outputs)) == int(kept.flatten().mode().values)


def test_wrong_choices_are_told():
    with pytest.raises(ConfigError, match=r"loss.weight: .*are tags"):
        CrossEntropy(TAGS, weight=(1.0, 2.0, 3.0))
    with pytest.raises(ConfigError, match=r"model.pooling=mean: makes one answer of all steps"):
        LSTM(TAGS, 4, pooling="mean")


SMALL = ("data=brown", "data.task=tagging", "data.batch_size=8", "trainer.threads=1", "trainer.images=0")
SMALL += ("model=lstm", "model.hidden=8", "model.embedding=8", "model.bidirectional=true", "optimizer.lr=0.05")


@pytest.fixture
def trained_run(corpus, go):
    go(
        *SMALL,
        f"data.root={corpus}",
        "trainer.max_epochs=8",
        "trainer.evaluation=full",
        "metric=[token_accuracy,f1]",
        "monitor=val/token_accuracy",
    )
    return Path("run")


def test_interrupted_in_mid_epoch_and_resumed_equals_uninterrupted(corpus, go):
    words = (*SMALL, f"data.root={corpus}", "trainer.max_epochs=2", "trainer.log_every=1", "regularization=[dropout]")
    go(*words, folder="whole")
    with pytest.raises(Interrupted):
        go(*words, folder="cut", progress=StopAtStep(2))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


def test_sentences_are_predicted_as_evaluation_saw_them(trained_run, corpus):
    network, data = load(trained_run), Brown(root=str(corpus), task="tagging").load()
    batch = data.test.read(torch.arange(len(data.test)))
    rows = network.task.rows_of(network.outputs(batch), batch)
    known = [row for row in rows if "<unknown>" not in row["tokens"]]
    assert known
    assert network.predict([" ".join(row["tokens"]) for row in known]) == known


def test_from_the_corpus_to_predictions_evaluation_and_explanation(trained_run, say):
    scores = json.loads((trained_run / "result.json").read_text())["test"]
    assert scores["token_accuracy"] > 0.9
    sentences = ["The dog barks .", "text .", ""]
    Path("new.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in sentences))
    rows = [json.loads(line) for line in say("predict", "run", "new.jsonl", "--format", "jsonl").out.splitlines()]
    assert [row["tokens"] for row in rows] == [["The", "dog", "barks", "."], ["<unknown>", "."], ["<start>"]]
    assert rows[0]["prediction"] == ["at", "nn", "vbz", "."] and len(rows[1]["prediction"]) == 2
    found = json.loads((trained_run / "evaluation/evaluation.json").read_text())
    assert {row["class"] for row in found["per_class"]} >= {"at", "nn"} and found["confusion"]["of"] == "tokens"
    worst = found["worst"][0]
    assert len({len(json.loads(worst[name])) for name in ("true", "prediction", "tokens")}) == 1
    explain = ("explain", "run", "new.jsonl", "--method", "token_attribution", "--examples", "1")
    for words in (("evaluate", "run"), explain, ("report", "run")):
        answer = say(*words)
        assert answer.code == 0, answer.err
