"""Sequence to sequence over digits, from the drawing to the prediction."""

import json
from pathlib import Path

import pytest
import torch

from runner.data.digit_sequences import DigitSequences
from runner.engine.spec import END, IGNORED, START, Field, Spec
from runner.errors import ConfigError, Interrupted
from runner.model.seq2seq import Seq2Seq
from runner.run import compose, resume, run
from runner.task.sequence import Sequence
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep
from tests.trained import with_data

SMALL = ("data=digit_sequences", "data.examples=1500", "data.longest=5", "model=seq2seq", "model.hidden=32")


def words(data, numbers):
    return [data.spec.targets.names[number] for number in numbers]


@pytest.mark.parametrize(("answer", "right"), [("reversed", lambda q: q[::-1]), ("sorted", sorted)])
def test_answers(answer, right):
    data = DigitSequences(answer=answer, examples=300, longest=6).load()
    seen = []
    for split in data.parts.values():
        batch = split.read(torch.arange(len(split)))
        for i, length in enumerate(batch.more["lengths"].tolist()):
            question = words(data, batch.inputs[i, :length])
            told = batch.targets[i][batch.targets[i] != IGNORED].tolist()
            assert told[-1] == END
            assert words(data, told[:-1]) == right(question)
            assert batch.more["decoder_inputs"][i, : length + 1].tolist() == [START, *told[:-1]]
            seen.append(tuple(question))
    assert len(set(seen)) == len(seen)  # no sequence is in two parts
    assert {len(question) for question in seen} == set(range(1, 7))


def test_the_same_everywhere():
    first, second = DigitSequences().load(), DigitSequences(split_seed=3).load()
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint == "cbf9e1fe3490d0746cb91b3485eca06f6fab4977c32c2966bcef7e26d8e51403"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Half trained, so that some answers are right and others are wrong."""
    folder = tmp_path_factory.mktemp("run") / "run"
    more = ("optimizer.lr=0.01", "trainer.max_epochs=6", "trainer.threads=1", "data.batch_size=32")
    result = run(compose([*SMALL, *more]), folder)
    return folder, result


def test_exact_match_is_that_of_free_decoding(trained):
    folder, result = trained
    network, data = with_data(folder)
    model = network.model
    right, split = 0, data.parts["test"]
    for row in range(len(split)):
        batch = split.read(torch.tensor([row]))
        told = model(batch.inputs, batch.more["lengths"]).argmax(-1)[0].tolist()
        right += told == batch.targets[0].tolist()
    assert 0.02 < result["test"]["exact_match"] < 0.98
    assert result["test"]["exact_match"] == pytest.approx(right / len(split))
    assert result["test"]["token_accuracy"] > 0.25  # the most frequent token is the end, of every fourth


def test_predictions_of_raw_sequences(trained, tmp_path):
    folder, _ = trained
    network, data = with_data(folder)
    model = network.model
    batch = data.parts["test"].read(torch.arange(9))
    again = DigitSequences().transform()
    again.load_state_dict(json.loads(json.dumps(data.transform.state_dict())))
    texts = [" ".join(words(data, row[:n])) for row, n in zip(batch.inputs, batch.more["lengths"])]
    (tmp_path / "numbers.txt").write_text("\n".join(texts))
    (raw,) = again.read([str(tmp_path / "numbers.txt")], 100)
    made = again.batch(raw.examples)
    assert torch.equal(made.inputs, batch.inputs)
    assert torch.equal(made.more["lengths"], batch.more["lengths"])
    rows = Sequence(data.spec).rows(model(made.inputs, **made.more).detach())
    for text, row in zip(texts, rows):
        outputs = model(*[again.batch([text]).inputs], torch.tensor([len(text.split())])).detach()
        (alone,) = Sequence(data.spec).rows(outputs)
        assert row["prediction"] == alone["prediction"]
        assert row["probability"] == pytest.approx(alone["probability"], rel=1e-4)


def test_rows_end_where_the_answer_does():
    field = Field("tokens", (None,), 6, ("<padding>", "<unknown>", "<start>", "<end>", "7", "b"))
    task = Sequence(Spec("sequence", field, field, num_outputs=6))
    chances = torch.full((3, 3, 6), 0.1)
    for row, tokens in enumerate([(4, 3, 5), (3, 4, 4), (5, 5, 4)]):
        for step, token in enumerate(tokens):
            chances[row, step, token] = 0.5
    assert task.rows(chances.log()) == [
        {"prediction": "7", "probability": pytest.approx(0.25)},
        {"prediction": "", "probability": pytest.approx(0.5)},
        {"prediction": "b b 7", "probability": pytest.approx(0.125)},
    ]


@pytest.mark.parametrize(
    "choice",
    [
        ("trainer.accumulate=2", "optimizer=momentum", "monitor=val/exact_match"),
        ("trainer.precision=bf16", "model.dropout=0.2", "monitor=val/perplexity"),
        ("optimizer=sam", "model.attention=false", "regularization=[ema]", "trainer.clip_norm=1"),
        ("trainer.precision=fp16", "monitor=train/token_accuracy", "warmup=linear"),
    ],
    ids=",".join,
)
def test_interrupted_and_resumed_equals_uninterrupted(go, choice):
    common = (
        *SMALL,
        *choice,
        "data.batch_size=30",
        "trainer.max_epochs=3",
        "trainer.limit_batches=8",
        "trainer.log_every=4",
    )
    go(*common, folder="whole")
    with pytest.raises(Interrupted):
        go(*common, folder="cut", progress=StopAtStep(12))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("model=gru", "Take model=encoder_decoder, model=seq2seq"),
        ("data=python_source", "Take model=decoder, model=gru"),
        ("data=iris", "seq2seq takes tokens"),
        ("regularization=[label_smoothing]", "these data are for sequence"),
    ],
)
def test_what_can_not_go_with_sequences_is_refused(go, choice, message):
    chosen = [*SMALL[:1], *SMALL[3:4], choice]
    with pytest.raises(ConfigError, match=message):
        go(*(word for word in chosen if word.split("=")[0] != choice.split("=")[0] or word == choice))


def test_a_last_batch_of_one_and_one_digit(go):
    result = go(*SMALL, "data.longest=1", "data.batch_size=5", "data.split=[0.6,0.2,0.2]", "trainer.max_epochs=1")
    assert result["status"] == "completed"
    data = DigitSequences(longest=1).load()
    batch = data.val.read(torch.tensor([0]))
    assert batch.inputs.shape == (1, 1)
    assert Seq2Seq(data.spec)(batch.inputs, **batch.more).shape == (1, 2, data.spec.num_outputs)
