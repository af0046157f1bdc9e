"""Runs are the same, to the bit, as they were recorded."""

import json

import pytest

from tests.golden.compositions import COMPOSITIONS, STORED, environment, measure

STORED_CURVES = json.loads(STORED.read_text())
HERE, THERE = environment(), STORED_CURVES["environment"]


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    if HERE != THERE:
        pytest.skip(f"recorded with {THERE}, and this is {HERE}: sums may differ in their last bits")
    return measure(tmp_path_factory.mktemp("golden"))["curves"]


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_the_run_is_the_recorded_one_to_the_bit(name, curves):
    recorded = STORED_CURVES["curves"][name]
    assert len(recorded["losses"]) >= 6
    assert curves[name] == recorded


def test_nothing_is_recorded_that_is_not_run():
    assert set(STORED_CURVES["curves"]) == set(COMPOSITIONS)
