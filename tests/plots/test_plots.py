import json
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from runner.errors import ConfigError
from runner.init.he_normal import HeNormal
from runner.init.xavier_normal import XavierNormal
from runner.plots import DRAWN, draw
from runner.plots import activation as activations
from runner.plots.augmentation import before_and_after
from runner.plots.init import signal
from runner.plots.prepared import prepared
from runner.plots.scheduler import curve


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "mish", "selu", "tanh", "softplus", "hardswish"])
def test_activation_and_its_slope(name):
    x, h = torch.linspace(-4, 4, 41, dtype=torch.float64) + 0.013, 1e-6
    f = getattr(F, name, None) or getattr(torch, name)
    y, slope = activations.curve(name, x)
    torch.testing.assert_close(y, f(x))
    torch.testing.assert_close(slope, (f(x + h) - f(x - h)) / (2 * h), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("sigmoid", ["0 to 1", "0 to 0.25", "no (mean output 0.500", "yes", "yes"]),
        ("tanh", ["-1 to 1", "0 to 1", "yes (mean output", "yes", "yes"]),
        (
            "relu",
            [
                "0 to ∞",
                "0 to 1",
                f"no (mean output {1 / math.sqrt(2 * math.pi):.2f}",
                "no (its slope jumps by 1)",
                "yes",
            ],
        ),
        ("silu", ["-0.2785 to ∞", "-0.09984 to 1.1", "no (mean output 0.207", "yes", "no"]),
        ("identity", ["-∞ to ∞", "1 to 1", "yes", "yes", "yes"]),
        ("elu", ["-1 to ∞", "0 to 1", "no (mean", "yes", "yes"]),
    ],
)
def test_facts_of_activations(name, known):
    for (key, fact), start in zip(activations.facts(name), known):
        assert fact.startswith(start), (key, fact)


def test_the_curve_is_the_rate_of_the_run(go):
    command = ["scheduler=onecycle", "warmup=linear", "warmup.epochs=2", "optimizer=momentum", "trainer.max_epochs=6"]
    with prepared(command, None) as fit:
        rates, momenta = curve(fit)
    go(*command)
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert len(rates) == len(momenta) == rows[-1]["step"]
    assert [rates[row["step"] - 1] for row in rows] == [row["lr"] for row in rows]


def test_plateau_is_drawn_as_if_nothing_improved():
    command = ["scheduler=plateau", "scheduler.patience=2", "scheduler.factor=0.5", "trainer.max_epochs=7"]
    with prepared(command, None) as fit:
        rates, _ = curve(fit)
    assert rates[::40] == pytest.approx([1e-3] * 3 + [5e-4] * 2 + [2.5e-4] * 2)


def test_the_right_pair_keeps_the_signal_and_the_wrong_one_loses_it():
    assert all(0.5 < value < 2 for value in signal(HeNormal(), "relu"))
    assert all(0.5 < value < 2 for value in signal(HeNormal(), "selu"))
    wrong = signal(XavierNormal(gain=1.0), "relu")
    assert wrong[0] == 1.0
    assert wrong[-1] == pytest.approx(0.5**19, rel=0.9)


def test_an_initialization_that_looks_at_examples_takes_seconds_too():
    from torch.utils.flop_counter import FlopCounterMode

    from runner.init.lsuv import Lsuv

    with FlopCounterMode(display=False) as counter:
        values = signal(Lsuv(), "sigmoid")
    assert counter.get_total_flops() < 4e10  # a second or two
    assert 0.5 < values[-1] < 2


def test_the_cost_of_an_activation_counts_no_waiting(monkeypatch):
    class Waiting(torch.nn.ReLU):
        def forward(self, inputs):
            time.sleep(0.02)
            return super().forward(inputs)

    waiting = replace(activations.ACTIVATIONS["relu"], build=Waiting)
    monkeypatch.setitem(activations.ACTIVATIONS, "waiting", waiting)
    assert activations.cost("waiting", rounds=3) < 3


def test_examples_before_and_after():
    before, after = before_and_after("flip", ["augmentation.flip.horizontal=1.0"], None)
    assert len(before) == 8 and len(after) == 4
    for drawn in after:
        torch.testing.assert_close(drawn, before.flip(-1))
    assert before.min() >= -1e-6 and before.max() <= 1 + 1e-6 and len((before * 16).round().unique()) > 8  # pixels
    _, noisy = before_and_after("noise", ["data=wine"], None)
    assert not torch.equal(noisy[0], noisy[1])
    with pytest.raises(ConfigError, match="changes no examples"):
        before_and_after("none", [], None)


@pytest.mark.parametrize(
    ("group", "name", "overrides"),
    [
        ("activation", "mish", []),
        ("scheduler", "cosine", ["warmup=linear"]),
        ("warmup", "exponential", []),
        ("init", "xavier", []),
        ("augmentation", "crop", []),
        ("augmentation", "noise", ["data.as_sequence=true"]),
    ],
)
def test_a_picture_is_written_and_nothing_else(group, name, overrides):
    path, facts = draw(group, name, overrides)
    assert path == Path("outputs", "plots", f"{group}-{name}.png")
    pixels = Image.open(path).convert("L")
    assert min(pixels.size) > 300 and len(np.unique(pixels)) > 10
    assert facts and all(isinstance(part, str) for fact in facts for part in fact)
    assert [p for p in Path().rglob("*") if p.is_file()] == [path]


def test_every_drawn_group_has_a_module():
    assert {p.stem for p in Path(activations.__file__).parent.glob("*.py")} >= set(DRAWN)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "model/cnn", "--plot"], "options of model have no picture. Pictures: activation"),
        (["show", "activation/rely", "--plot"], "Did you mean 'relu'?"),
        (["show", "activation/relu", "--plot", "model=cnn"], "drawn by itself"),
        (["show", "init/he", "--plot=he.jpg"], "ends in .png"),
        (["show", "init/checkpoint", "--plot"], "init.path"),
        (["show", "scheduler/cosine", "--plot", "optimizer.lrr=1"], "Did you mean 'lr'?"),
        (["show", "scheduler/cosine", "optimizer.lr=1"], "--plot"),
    ],
)
def test_wrong_commands_are_refused(arguments, said, capsys):
    from runner.cli.verbs import answer

    assert answer(arguments) == 2
    assert said in capsys.readouterr().err
    assert not Path("outputs").exists()


def test_from_the_command_line(capsys):
    from runner.cli.verbs import answer

    assert answer(["show", "scheduler/cosine", "--plot=a/b.png", "trainer.max_epochs=3"]) == 0
    out = capsys.readouterr().out
    assert "120 in 3 epochs" in out and out.endswith("picture: a/b.png\n")
    assert Path("a/b.png").is_file()
    assert answer(["show", "activation/tanh"]) == 0
    assert "-1 to 1" in capsys.readouterr().out
