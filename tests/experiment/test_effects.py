"""Recipes show what their names promise: the cheap and certain ones here, all of them in benchmarks/effects.py."""

import json
from pathlib import Path

import pytest
import torch

from runner.engine.progress import Progress
from runner.errors import RunFailed
from runner.run import load
from runner.run.assembly import load_data

pytestmark = pytest.mark.long


class Messages(Progress):
    def __init__(self):
        self.said = []

    def message(self, text):
        self.said.append(text)


@pytest.mark.slow
def test_vanishing_gradients(go):
    bad = go("experiment=vanishing_gradients", "trainer.max_epochs=1", "trainer.limit_batches=10")
    assert any("gradients vanish" in s and "conv1" in s for s in bad["advice"])
    cure = ["init=he", "model.activation=relu", "model.norm=batch", "model.skip=true", "trainer.max_epochs=2"]
    cured = go("experiment=vanishing_gradients", *cure, folder="cured")
    assert cured["train"]["loss"] < 2 < 2.3 < bad["train"]["loss"]  # ln 10 is chance


@pytest.mark.slow
def test_exploding_gradients(go):
    heard = Messages()
    with pytest.raises(RunFailed, match="non-finite loss"):
        go("experiment=exploding_gradients", progress=heard)
    assert any("gradients explode" in s and "trainer.clip_norm=1" in s for s in heard.said)
    clipped = go("experiment=exploding_gradients", "trainer.clip_norm=1", folder="clipped")
    assert clipped["test"]["accuracy"] > 0.8


def test_gradients_explode_with_the_length_of_a_sequence(go):
    words = ("experiment=long_sequences", "trainer.max_steps=8")
    with pytest.raises(RunFailed, match="non-finite loss"):
        go(*words)
    assert go(*words, "trainer.clip_norm=1", folder="clipped")["status"] == "completed"
    assert go(*words, "data.length=16", folder="short")["status"] == "completed"


@pytest.mark.slow
def test_padding_that_is_read_changes_answers(go):
    def changed(*words):
        """Whether outputs for a document depend on what is in its batch."""
        go("experiment=padding_leak", "trainer.max_steps=10", "data.packages=[email,xml]", *words, folder=words[0])
        network = load(words[0])
        test = load_data(network.recipe).test
        with torch.inference_mode():
            one, two = test.read(torch.tensor([0])), test.read(torch.arange(40))
            outputs = network.model(two.inputs, **two.more)[:1] - network.model(one.inputs, **one.more)
        return float(outputs.abs().max())

    assert changed("seed=0") > 0.01
    assert changed("model.mask_padding=true") < 1e-5


@pytest.mark.slow
def test_batch_norm_over_two_examples_hurts_a_recurrent_network(go):
    hurt = go("experiment=batch_norm_rnn", "trainer.max_epochs=2")
    cured = go("experiment=batch_norm_rnn", "model.norm=layer", "trainer.max_epochs=2", folder="cured")
    assert hurt["test"]["accuracy"] < 0.8 < 0.9 < cured["test"]["accuracy"]


@pytest.mark.slow
def test_a_state_that_is_carried_tells_more_than_eight_characters(go):
    short = ("experiment=truncated_backpropagation", "trainer.max_steps=1500", "model.hidden=64")
    zeros = go(*short)
    carried = go(*short, "data.stateful=true", folder="carried")
    assert carried["test"]["bits_per_token"] < zeros["test"]["bits_per_token"] - 0.1


@pytest.mark.slow
def test_dead_relu(go):
    (sentence,) = go("experiment=dead_relu")["advice"]
    assert "layers linear1, linear2, linear3" in sentence and "units dead" in sentence
    for cure in ("model.activation=leaky_relu", "optimizer.lr=0.001"):
        assert go("experiment=dead_relu", cure, folder=cure)["advice"] == []


def test_zero_initialization_keeps_units_equal_to_the_last_bit(go):
    (sentence,) = go("experiment=zero_initialization", "trainer.max_epochs=5")["advice"]
    assert "layer linear1 have the same weights" in sentence
    equal = load("run").model.linear1
    assert equal.weight.abs().max() > 0.01  # they did learn
    assert (equal.weight == equal.weight[0]).all() and (equal.bias == equal.bias[0]).all()
    assert go("experiment=zero_initialization", "init=xavier", "trainer.max_epochs=5", folder="cured")["advice"] == []
    assert len(load("cured").model.linear1.weight.unique(dim=0)) == 64


def test_batch_norm_bears_a_high_rate(go):
    assert go("experiment=batch_norm_high_rate", "trainer.max_epochs=5")["test"]["accuracy"] > 0.9
    with pytest.raises(RunFailed, match="non-finite loss"):
        go("experiment=batch_norm_high_rate", "model.norm=none", folder="without")


def test_warmup_for_large_batches(go):
    cold = go("experiment=large_batch")
    warm = go("experiment=large_batch", "warmup=linear", "warmup.epochs=10", folder="warm")
    assert warm["train"]["loss"] < cold["train"]["loss"] / 2


def test_adam_gets_across_a_plateau(go):
    short = "trainer.max_epochs=10"
    stuck = go("experiment=plateau", short)
    assert "train/loss is stuck" in stuck["advice"][0]
    across = go("experiment=plateau", "optimizer=adam", "optimizer.lr=0.003", short, folder="adam")
    assert across["advice"] == []
    assert across["train"]["loss"] < 0.7 < 2.2 < stuck["train"]["loss"]


@pytest.mark.slow
def test_strength_of_l2_does_not_matter_to_adam_where_there_is_no_other_gradient(go):
    """Closed form of adamw on such weights: every update multiplies them by ``1 - lr * weight_decay``."""

    def black(*words):
        go("experiment=l2_under_adam", "trainer.max_epochs=8", *words, folder=words[0])
        network = load(words[0], "last")
        pixels = load_data(network.recipe).train.inputs.flatten(1).amax(0) == 0
        assert pixels.any()
        return network.model.linear1.weight[:, pixels]

    drawn = black("optimizer=adamw", "optimizer.lr=0.001", "optimizer.weight_decay=0")
    for strength in ("1e-6", "1e-2"):
        assert black(f"optimizer.weight_decay={strength}").abs().max() < 0.01 * drawn.abs().max()
    decayed = black("optimizer.weight_decay=0.1", "optimizer=adamw", "optimizer.lr=0.001")
    assert (decayed / drawn).mean().item() == pytest.approx((1 - 0.001 * 0.1) ** (8 * 40), rel=1e-4)


@pytest.mark.slow
def test_overfitting(go):
    (sentence,) = go("experiment=overfitting")["advice"]
    assert sentence.startswith("overfitting since epoch")
    cure = ["regularization=early_stopping", "trainer.test_weights=best"]
    assert go("experiment=overfitting", *cure, folder="cured")["epochs"] < 60


@pytest.mark.slow
def test_small_batches_and_sam_end_in_flatter_minima(go):
    def sharpness(*words):
        go("experiment=sharp_minimum", "trainer.max_steps=800", *words, folder=words[0])
        return json.loads(Path(words[0], "metrics.jsonl").read_text().splitlines()[-1])["sharpness"]

    full = sharpness("seed=0")
    assert sharpness("data.batch_size=8") < full / 1.5
    assert sharpness("optimizer/wrapper=sam") < full
