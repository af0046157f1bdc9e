import json
from pathlib import Path

import pytest

from runner.diagnostics.profile import costliest


def test_the_trace_holds_the_operations_of_the_chosen_updates(go):
    result = go("debug=profile", "diagnostics.profile.wait=3", "diagnostics.profile.active=4")
    trace = json.loads(Path("run/profile.json").read_text())
    names = [event.get("name", "") for event in trace["traceEvents"]]
    assert sum(name.startswith("ProfilerStep#") for name in set(names)) == 4
    assert names.count("aten::linear") >= 4 * 2
    assert "% of the time" in result["advice"][0]


def test_a_run_that_ends_before_says_so(go):
    result = go("diagnostics=profile", "trainer.max_steps=2")
    assert not Path("run/profile.json").exists()
    assert "ended before" in result["advice"][0]


@pytest.mark.parametrize("more", [["model=cnn", "data.batch_size=256"], ["data.batch_size=full"]])
def test_the_ready_run_has_updates_enough(go, more):
    go("debug=profile", *more)
    names = {event.get("name", "") for event in json.loads(Path("run/profile.json").read_text())["traceEvents"]}
    assert sum(name.startswith("ProfilerStep#") for name in names) == 10


def test_many_small_shares_are_not_called_most():
    even = costliest({f"op{i}": 1.0 for i in range(20)})
    assert even == "no operation stands out; the costliest are op0 (5%), op1 (5%), op2 (5%), together 15% of the time"
    assert costliest({"a": 8.0, "b": 1.0, "c": 1.0}) == "100% of the time goes into a (80%), b (10%), c (10%)"
