"""docs/techniques.md has every technique there is, each with its formula, its source and a test that exists."""

import runpy
from pathlib import Path

import pytest

from runner.config.options import Options

ROOT = Path(__file__).parent.parent
PAGE = runpy.run_path(str(ROOT / "docs" / "techniques.py"))
ROWS = [row for made in PAGE["tables"]().values() for row in made]


def test_the_page_is_up_to_date():
    committed = (ROOT / "docs" / "techniques.md").read_text()
    assert PAGE["page"]() == committed, "an option, its docstring or its tests changed: run `python docs/techniques.py`"


def test_every_option_that_is_called_has_a_row():
    options = Options()
    groups = [group for group in options.groups() if group not in PAGE["OTHER_GROUPS"]]
    names = [(group, name) for group in groups for name in options.names(group)]
    called = {f"{group}={name}" for group, name in names if "_target_" in options.file(group, name).read_text()}
    listed = [row.choice.replace("[", "").replace("]", "") for row in ROWS]
    assert called <= set(listed)
    assert len(listed) == len(set(listed)) > 100


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.choice)
def test_a_row_has_formula_source_and_a_proof_that_exists(row):
    assert row.formula, "add a line `# Formula: ...` to the option's file, below its source"
    assert "`" not in row.formula
    assert row.source, "add the source as the second line of the option's file"
    path, _, test = row.proof.partition("::")
    assert (ROOT / path).is_file(), "add tests/GROUP/test_NAME.py"
    assert test in PAGE["tests_in"](ROOT / path)
