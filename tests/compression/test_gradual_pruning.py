"""The curve of gradual pruning against the paper's equation, and what a run ends with."""

import json
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from runner.compression.gradual_pruning import GradualPruning, sparsity
from runner.compression.masks.weights import prunable, zeros
from runner.engine.progress import Progress
from runner.errors import ConfigError, Interrupted
from runner.run import load, resume
from tests.faults.kill_resume import content, same
from tests.regularization.test_all import CNN, SHORT
from tests.test_run import StopAt

GRADUAL = [*CNN, *SHORT, "compression=[gradual_pruning]", "compression.gradual_pruning.every=2", "trainer.max_epochs=5"]


def test_the_curve_is_equation_1_of_the_paper():
    begin, every, steps, final = 2000, 100, 30, 0.875
    for k in range(steps + 1):
        exact = Fraction(7, 8) * (1 - (1 - Fraction(k * every, steps * every)) ** 3)
        for within in (0, 1, every - 1):  # it rises in steps
            assert sparsity(begin + k * every + within, begin, begin + steps * every, every, final) == pytest.approx(
                float(exact), abs=1e-12
            )
    assert sparsity(0, begin, begin + 3000, every, final, initial=0.25) == 0.25


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 80), st.floats(0.01, 0.99))
def test_it_never_falls_and_ends_at_the_amount_also_where_the_steps_do_not_fit(begin, length, every, amount):
    curve = [sparsity(t, begin, begin + length, every, amount) for t in range(begin + length + 3)]
    assert curve == sorted(curve)
    assert set(curve[begin + length :]) == {amount}
    assert not length or set(curve[: begin + 1]) == {0.0}


def test_each_update_is_followed_by_the_cut_of_its_number():
    """By hand: four updates up to 48 of 64 weights, also where the curve ends with the run."""
    layer, at, forgotten = nn.Linear(8, 8), SimpleNamespace(step=0), []
    best = SimpleNamespace(monitor=SimpleNamespace(forget=lambda: forgotten.append(at.step)))
    plan = SimpleNamespace(total=4)
    technique = GradualPruning(amount=0.75, begin=0.0, end=1.0, every=1)
    technique.setup(SimpleNamespace(model=layer, plan=plan, position=lambda: at.step, best=best))
    for zero in (28, 42, 47, 48):  # 64 s_t: 27.75, 42, 47.25, 48
        cut = layer.weight == 0
        layer.weight.data[cut] = 9.0  # by an optimizer that mixes the entries of a matrix
        technique.after_step()
        assert int((layer.weight == 0).sum()) == zero
        assert (layer.weight[cut] == 0).all()
        at.step += 1
    assert forgotten == [3]


class Watched(Progress):
    """The share of zeros at the end of each epoch, in the weights that were scored."""

    def __init__(self):
        self.seen = []

    def epoch(self, fit, row):
        self.seen.append(row["train/sparsity"])


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("more", [[], ["regularization=[ema]"], ["optimizer/wrapper=lookahead"]], ids=str)
def test_the_best_weights_are_of_the_final_sparsity(scope, more, go):
    watched = Watched()
    words = [*GRADUAL, *more, f"compression.gradual_pruning.scope={scope}", "compression.gradual_pruning.amount=0.9"]
    # the loss rises from epoch to epoch, so that the first would be the best
    result = go(*words, "optimizer.lr=0.5", "trainer.checkpoint.keep_top=2", folder="run", progress=watched)
    assert watched.seen == sorted(watched.seen)
    assert 0 < watched.seen[1] < watched.seen[-1] == pytest.approx(0.9, abs=1e-3)
    assert result["best_epoch"] >= 4  # of 5, and the curve ends at 0.7
    weights = prunable(load("run").model)
    total = sum(w.numel() for w in weights.values())
    assert sum(int((w == 0).sum()) for w in weights.values()) / total == pytest.approx(0.9, abs=1e-3)
    if scope == "layer":
        assert zeros(weights) == pytest.approx(dict.fromkeys(weights, 0.9), abs=0.02)
    kept = [torch.load(path, weights_only=True)["model"] for path in Path("run/checkpoints").glob("top-*.pt")]
    assert kept
    for state in kept:
        assert sum(int((state[name] == 0).sum()) for name in weights) / total == pytest.approx(0.9, abs=1e-3)
    assert result["train"]["sparsity"] == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("epoch", [1, 3, 4])
def test_interrupted_before_within_and_after_it_goes_on_exactly(epoch, go):
    words = [*GRADUAL, "trainer.accumulate=2", "trainer.precision=bf16", "optimizer=momentum"]
    words += ["compression.gradual_pruning.begin=0.3"]
    go(*words, folder="whole")
    with pytest.raises(Interrupted):
        go(*words, folder="cut", progress=StopAt(epoch))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


def test_what_goes_on_is_what_was_cut_last(go):
    """What was cut stays cut: masks only shrink."""
    masks = []

    class Masks(Progress):
        def epoch(self, fit, row):
            masks.append({name: p != 0 for name, p in prunable(fit.model).items()})

    go(*GRADUAL, folder="run", progress=Masks())
    for before, after in zip(masks, masks[1:], strict=False):
        assert all(not bool((after[name] & ~before[name]).any()) for name in before)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compression.gradual_pruning.amount=1"], "amount"),
        (["compression.gradual_pruning.amount=nan"], "amount"),
        (["compression.gradual_pruning.begin=0.9"], "begin=0.9 comes after end=0.7"),
        (["regularization=[early_stopping]"], "would end the run"),
        (["regularization=[swa]"], "denser networks"),
        (["compression=[gradual_pruning,keep_zeros]"], "keeps at zero"),
    ],
)
def test_what_makes_no_sense_is_refused(words, said, go):
    with pytest.raises(ConfigError, match=said):
        go(*GRADUAL, *words, folder="none")
    assert not Path("none").exists()


def test_a_run_that_ended_early_says_how_far_it_was(go):
    result = go(*GRADUAL, "trainer.max_time=1e-9", folder="short")
    assert any("before the 0.8 that were asked for" in sentence for sentence in result["advice"])
    assert json.loads(Path("short/result.json").read_text())["train"]["sparsity"] < 0.8
