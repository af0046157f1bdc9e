from __future__ import annotations

import pytest

from runner.errors import ConfigError
from runner.sweep.listing import continuing, summaries


def test_sweeps_are_listed_and_continued(app):
    app("curves", "lr=0.1,1", "sleep=0", "hydra.sweeper.objectives=val/accuracy")
    (one,) = summaries(app.folder.parent)
    assert (one.folder, one.sampler, one.objectives) == (app.folder, "grid", ("val/accuracy",))
    assert one.statuses == {"completed": 2}
    assert (one.best, one.overrides) == (pytest.approx(0.9), "lr=1")
    more = ["lr=0.1,1", "sleep=0", "hydra.sweeper.repeats=2", f"hydra.sweep.dir={app.folder}/../repeated"]
    app("curves", *more)
    repeated = next(s for s in summaries(app.folder.parent) if s.folder.name == "repeated")
    assert repeated.best == pytest.approx(0.1 + 5e-4), "the mean of seeds 0 and 1"
    arguments = continuing(app.folder, ["lr=0.1,1,2"])
    assert arguments[:3] == ["--multirun", "--config-name", "curves"]
    assert "lr=0.1,1" not in arguments
    app("curves", *(a for a in arguments[3:] if not a.startswith(("hydra/sweeper=", "hydra.sweep.dir="))))
    assert app.column("lr") == ["0.1", "1", "2"]
    with pytest.raises(ConfigError, match="not the folder of a sweep"):
        continuing(app.folder.parent)
