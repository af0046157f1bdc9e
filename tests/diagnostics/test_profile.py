import json
from pathlib import Path


def test_the_trace_holds_the_operations_of_the_chosen_updates(go):
    result = go("debug=profile", "diagnostics.profile.wait=3", "diagnostics.profile.active=4")
    trace = json.loads(Path("run/profile.json").read_text())
    names = [event.get("name", "") for event in trace["traceEvents"]]
    assert sum(name.startswith("ProfilerStep#") for name in set(names)) == 4
    assert names.count("aten::linear") >= 4 * 2
    assert "most time of a step goes into" in result["advice"][0]


def test_a_run_that_ends_before_says_so(go):
    result = go("diagnostics=profile", "trainer.max_steps=2")
    assert not Path("run/profile.json").exists()
    assert "ended before" in result["advice"][0]
