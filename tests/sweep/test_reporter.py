"""What a person sees while a sweep runs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from runner.errors import counted
from runner.sweep.reporter import Reporter, readable
from runner.sweep.sweep import Sweep


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6))
def test_numbers_are_short_and_hardly_changed(number):
    shown = readable([f"optimizer.lr={number!r}", "model=resnet"])
    key, _, text = shown.partition(" ")[0].partition("=")
    assert (key, shown.partition(" ")[2]) == ("optimizer.lr", "model=resnet")
    assert float(text) == pytest.approx(number, rel=1e-5, abs=1e-300)
    assert len(text) <= 13


def test_only_long_numbers_are_touched():
    words = ["seed=123456789", "data.path=v1.234567.csv", "x=0.5", "host=10.0.12345.7", "betas=[0.9,0.999]"]
    assert readable(words) == " ".join(words)
    assert readable(["x=[0.123456789,1.5]"]) == "x=[0.123457,1.5]"


def test_counted():
    assert [counted(n, "trial") for n in (0, 1, 2, 1000)] == ["0 trials", "1 trial", "2 trials", "1,000 trials"]


def test_plain_lines(app, capsys, monkeypatch):
    monkeypatch.chdir(app.folder.parent)
    app("curves", "lr=interval(0.1,1)", "sleep=0", "hydra.sweeper.n_trials=4", sweeper="random")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "random search: 4 points of 1 key with 1 worker; checking every option it can reach"
    assert lines[1:3] == ["in sweep", "4 trials, 1 at a time"]
    trials = lines[3:7]
    pattern = r"\[%d/4\] trial %d completed, val/loss [\d.]{1,8}( \(best so far\))?, \d\.\d s: lr=[\d.e-]{1,11}"
    assert all(re.fullmatch(pattern % (i + 1, i), line) for i, line in enumerate(trials)), trials
    best = [float(r["val/loss"]) for r in app.rows]
    falling = [min(best[: i + 1]) == best[i] for i in range(4)]
    assert ["(best so far)" in line for line in trials] == falling
    number = best.index(min(best))
    assert lines[7].startswith(f"best: trial {number}, val/loss ")
    assert lines[8].startswith("its other scores: val/accuracy ")
    assert lines[9] == f"testing trial {number} on the test split"
    assert lines[10].startswith("test: ")
    assert lines[-1] == "sweep: sweep"
    assert len(max(app.column("lr"), key=len)) > 12, "files have every digit"
    app("curves", "lr=interval(0.1,1)", "sleep=0", "hydra.sweeper.n_trials=5", sweeper="random")
    assert "5 trials, 4 of them done before, 1 at a time" in capsys.readouterr().out


def test_repeats_are_told_apart_and_averaged(app, capsys):
    app("curves", "lr=0.1,1", "sleep=0", "hydra.sweeper.repeats=2")
    said = capsys.readouterr().out
    assert "lr=0.1 (repeat 2 of 2)" in said
    assert re.search(
        r"best: trial 2, val/loss 0\.1005 \(sd 0\.00071\) \(mean and .* of 2; standard error 0\.0005\): lr=1\n", said
    )
    assert "Too few" not in said, "all are done"


@pytest.mark.slow
def test_the_live_table_ends_without_an_empty_header(app, monkeypatch):
    console = Console(force_terminal=True, width=100, record=True, color_system=None)
    real = Sweep.__init__
    monkeypatch.setattr(Sweep, "__init__", lambda self, *a: real(self, *a, reporter=Reporter(console)))
    app("curves", "lr=0.1,1", "sleep=0.3")
    said = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", console.export_text())
    assert "trial  epoch" in said, "the table was there while trials ran"
    end = said[said.rindex("2 completed  of 2 trials") :]
    assert "overrides" not in end
    assert end.count("best: ") == 1
