"""Each fault a few times; `make faults` injects each in every way."""

import random

import pytest

from tests.faults.table import FAULTS

TURNS = [
    pytest.param(fault, turn, id=f"{type(fault).__name__}-{turn}", marks=pytest.mark.slow if fault.slow or turn else ())
    for fault in FAULTS
    for turn in range(fault.quick)
]


@pytest.mark.parametrize(("fault", "turn"), TURNS)
def test_nothing_is_lost(fault, turn, tmp_path):
    if reason := fault.missing():
        pytest.skip(reason)
    ways = list(fault.ways())
    random.Random(0).shuffle(ways)
    seen = fault.inject(way := ways[turn % len(ways)], tmp_path)
    assert seen.well, f"{way}: {seen}"


def test_each_fault_is_called_differently():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
