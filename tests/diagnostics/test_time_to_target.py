import json
from pathlib import Path

import pytest

from runner.errors import ConfigError


def test_the_first_epoch_that_reached_it(go):
    target = ["diagnostics=[time_to_target]", "diagnostics.time_to_target.monitor=val/accuracy"]
    result = go(*target, "diagnostics.time_to_target.target=0.9", "trainer.max_epochs=6")
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    first = next(row for row in rows if row["val/accuracy"] >= 0.9)
    assert result["advice"][0].startswith(
        f"val/accuracy reached 0.9 in epoch {first['epoch']}, after {first['step']} up"
    )


def test_a_target_that_was_not_reached(go):
    result = go("diagnostics=[time_to_target]", "diagnostics.time_to_target.target=1e-9", "trainer.max_epochs=1")
    assert result["advice"] == [f"val/loss did not reach 1e-09: its best was {result['best_value']:.4g}"]


def test_an_unknown_score_is_refused(go):
    with pytest.raises(ConfigError, match="no such score"):
        go("diagnostics=[time_to_target]", "diagnostics.time_to_target.monitor=val/f3")
