from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli.sweeps import sweep_table
from runner.errors import ConfigError
from runner.sweep.listing import Summary, continuing, summaries


def test_sweeps_are_listed_and_continued(app):
    app("curves", "lr=0.1,1", "sleep=0", "hydra.sweeper.objectives=val/accuracy")
    (one,) = summaries(app.folder.parent)
    assert summaries(app.folder) == [one], "its own folder"
    assert (one.folder, one.sampler, one.objectives) == (app.folder, "grid", ("val/accuracy",))
    assert one.statuses == {"completed": 2}
    assert (one.values, one.overrides) == ((pytest.approx(0.9),), "lr=1")
    more = ["lr=0.1,1", "sleep=0", "hydra.sweeper.repeats=2", f"hydra.sweep.dir={app.folder}/../repeated"]
    app("curves", *more)
    repeated = next(s for s in summaries(app.folder.parent) if s.folder.name == "repeated")
    assert repeated.values == (pytest.approx(0.1), pytest.approx(0.1 + 1e-3)), "of seeds 0 and 1"
    arguments = continuing(app.folder, ["lr=0.1,1,2"])
    assert arguments[:2] == ["--multirun", "--config-name=curves"]
    assert "lr=0.1,1" not in arguments
    app("curves", *(a for a in arguments[2:] if not a.startswith(("hydra/sweeper=", "hydra.sweep.dir="))))
    assert app.column("lr") == ["0.1", "1", "2"]
    with pytest.raises(ConfigError, match="not the folder of a sweep"):
        continuing(app.folder.parent)


def test_names_are_whole_and_a_pipe_gets_a_line_per_sweep(capsys, monkeypatch):
    name, day = Path("outputs/sweeps/" + "long-" * 30), "2026-01-31 12:00:00"
    long = Summary(name, day, "grid", ("val/loss",), {"completed": 1}, (0.5,), "a=1 " * 90)
    sweep_table([long, long])
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert printed[1].startswith(f"{name}  {day}  grid")
    assert printed[1].endswith(" a=1")
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    monkeypatch.setenv("COLUMNS", "100")
    sweep_table([long])
    assert str(name) in capsys.readouterr().out
