"""Where things stand: a file in a group's folder is an option or ``base.py``."""

import ast
from pathlib import Path

import pytest

import runner
from runner.config.options import Options

ROOT = Path(runner.__file__).parent
OPTIONS = Options()
GROUPS = [group for group in OPTIONS.groups() if (ROOT / group).is_dir() and group != "sweep"]
# Helpers that are to move into subfolders named for what they hold.
LEFT = {
    "data": {
        "assemble", "available", "bundled", "bundled_table", "fetch", "fingerprint", "idx", "idx_images", "image_files",
        "listing", "memory", "scaling", "split",
    },
    "loss": {"ctc", "overlap", "weights"},
}  # fmt: skip


@pytest.mark.parametrize("group", GROUPS)
def test_a_file_in_a_groups_folder_is_an_option_or_the_base(group):
    nested = {name.removeprefix(f"{group}/") for name in OPTIONS.groups() if name.startswith(f"{group}/")}
    known = {"__init__", "base", *OPTIONS.names(group), *nested, *LEFT.get(group, ())}
    assert {path.stem for path in (ROOT / group).glob("*.py")} <= known


@pytest.mark.parametrize("group", GROUPS)
def test_a_subfolder_says_what_it_holds(group):
    folders = [path for path in (ROOT / group).iterdir() if path.is_dir() and path.name != "__pycache__"]
    for folder in folders:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder
