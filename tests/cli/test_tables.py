"""Tables as they are printed."""

import pytest


@pytest.mark.parametrize("words", [("list",), ("show", "optimizer/adamw"), ("doctor",)], ids=" ".join)
def test_no_line_ends_in_spaces(say, words):
    code, out, _ = say(*words)
    assert code == 0
    assert len(out.splitlines()) > 5
    assert [line for line in out.splitlines() if line != line.rstrip()] == []
