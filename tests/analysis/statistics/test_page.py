"""docs/statistics.md: its examples print what it says, and its table of seeds is what is computed."""

import doctest
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/statistics.md"


def test_the_examples_print_what_is_shown():
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert (found.failed, found.attempted) == (0, 6)


def test_the_table_of_seeds_is_computed():
    benchmark = runpy.run_path(str(ROOT / "benchmarks/ablation_errors.py"))
    page = PAGE.read_text()
    for row in benchmark["seeds"](0):
        assert f"| {' | '.join(row)} |" in page
    for name in benchmark["TABLES"]:
        assert page.count(f"<!-- table: {name} -->\n| ") == 1, name
