"""``--beams`` of `evaluate`, `predict` and `generate`, of networks that answer by themselves."""

import json
from pathlib import Path

import pytest
import torch
from sacrebleu.metrics import CHRF

from runner.config.check import check_run
from runner.run import compose, load, run
from tests.generate.test_text import ANSWERING, SEQUENCES

SHORT = ("trainer.max_steps=3", "trainer.limit_batches=3", "trainer.threads=1", "trainer.images=0", "model.longest=6")


@pytest.fixture(scope="module")
def words():
    return [*SEQUENCES, "model=seq2seq", *ANSWERING["seq2seq"], "metric=[chrf]", *SHORT]


@pytest.fixture(scope="module")
def trained(words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("answering") / "run"
    run(compose(words), folder)
    return str(folder)


def test_scores_are_those_of_the_answers_that_beams_find(say, words, trained):
    said = say(
        "evaluate", trained, "--split", "val", "--beams", "4", "--length-penalty", "0", "--evaluation", "summary"
    )
    assert said.code == 0, said.err
    network = load(trained)
    network.model.beams, network.model.length_penalty = 4, 0.0
    data = check_run(compose(words)).data.load()
    batch = data.val.read(torch.arange(len(data.val)))
    del batch.more["decoder_inputs"]
    told = [row["prediction"] for row in network.task.rows(network.outputs(batch))]
    true = [row["true"] for row in network.task.true_rows(batch.targets)]
    content = json.loads((Path(trained) / "evaluation/val-beams-4-0/evaluation.json").read_text())
    assert (content["beams"], content["length_penalty"]) == (4, 0.0)
    assert content["scores"]["chrf"] == pytest.approx(CHRF().corpus_score(told, [true]).score, rel=1e-4)
    assert say("evaluate", trained, "--split", "val", "--evaluation", "summary").code == 0
    plain = json.loads((Path(trained) / "evaluation/val/evaluation.json").read_text())
    assert plain["beams"] == 1
    assert plain["scores"]["chrf"] != content["scores"]["chrf"]
    assert plain["scores"]["loss"] == content["scores"]["loss"]  # for which the true tokens are given


def test_predict_and_generate_tell_the_same_answer(say, trained):
    asked = ["1 2 3 4", "5 5", "9 8 7 6 5", "3 1", "0 0 0", "7", "2 4 6 8", "8 1"]
    Path("asked.txt").write_text("\n".join(asked) + "\n")
    answers = {}
    for beams in ("1", "5"):
        said = say("predict", trained, "asked.txt", "--format", "jsonl", "--beams", beams, "--length-penalty", "0")
        if beams == "1":  # which no penalty goes with
            assert said.code == 2
            said = say("predict", trained, "asked.txt", "--format", "jsonl", "--beams", beams)
        answers[beams] = [json.loads(line)["prediction"] for line in said.out.splitlines()]
    other = next(row for row in range(len(asked)) if answers["1"][row] != answers["5"][row])
    said = say("generate", trained, "--prompt", asked[other], "--beams", "5", "--length-penalty", "0")
    assert said.out == answers["5"][other] + "\n"


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
def test_other_networks_have_no_beams(say, go, verb):
    go("data=iris", "model.hidden=[4]", "trainer.max_epochs=1", "trainer.images=0")
    said = say(verb, "run", *(["x.csv"] if verb == "predict" else []), "--beams", "2")
    assert said.code == 2
    assert "this network, whose task is classification, gives none" in said.err


def test_scores_that_no_beams_change(say, go):
    go(*SEQUENCES, "model=seq2seq", *ANSWERING["seq2seq"], *SHORT)
    said = say("evaluate", "run", "--beams", "2")
    assert said.code == 2
    assert "start runs with metric=[bleu,chrf]" in said.err
