"""docs/architecture.md says what is: the folders, the way of a run, and where things are."""

import re
import runpy
from pathlib import Path

import pytest

from runner.config.groups import GROUPS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/architecture.md").read_text()
PAGE = runpy.run_path(str(ROOT / "docs/architecture.py"))
# What a newcomer knows by name, and where it must be: by the rule of the house, not by a table.
BY_NAME = {
    "optimizer=lion": "runner/optimizer/lion.py",
    "regularization=[mixup]": "runner/regularization/mixup.py",
    "scheduler=onecycle": "runner/scheduler/onecycle.py",
    "augmentation=[cutout]": "runner/augmentation/cutout.py",
    "loss=focal": "runner/loss/focal.py",
    "model=resnet": "runner/model/resnet.py",
    "data=csv": "runner/data/csv.py",
    "init=orthogonal": "runner/init/orthogonal.py",
    "diagnostics=[sharpness]": "runner/diagnostics/sharpness.py",
    "metric r2": "runner/metric/r2.py",
    "task regression": "runner/task/regression.py",
    "optimizer/wrapper=sam": "runner/optimizer/wrapper/sam.py",
}


@pytest.mark.parametrize(("name", "file"), BY_NAME.items(), ids=BY_NAME)
def test_a_newcomer_finds_it_by_its_name(name, file):
    assert (ROOT / file).is_file()
    group, option = re.fullmatch(r"([\w/]+)[= ]\[?(\w+)\]?", name).groups()
    assert file == f"runner/{group}/{option}.py"
    if "=" in name:
        assert (ROOT / "conf" / group / f"{option}.yaml").is_file()


def answers():
    rows = re.findall(r"^\| (.*) \| (.*) \|$", TEXT.partition("## Where is ...?")[2], re.MULTILINE)[2:]
    return [
        (what, place) for what, where in rows for place in re.findall(r"`([\w/.]+(?:::\w+)?)`", where) if "/" in place
    ]


def test_there_are_answers():
    assert len({what for what, _ in answers()}) >= 20


@pytest.mark.parametrize(("what", "place"), answers(), ids=[place for _, place in answers()])
def test_what_is_asked_for_is_there(what, place):
    file, _, name = place.partition("::")
    if "GROUP" in file:
        return
    assert (ROOT / file).is_file()
    assert re.search(rf"^(def|class) {name}\b|^{name}\b.*=", (ROOT / file).read_text(), re.MULTILINE) or not name


def test_every_other_file_that_is_named_is_there():
    for file in set(re.findall(r"`((?:runner|conf|tests|docs)/[\w/]+\.\w+)", TEXT)) - {"conf/GROUP/NAME.yaml"}:
        assert (ROOT / file).is_file(), file


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
TO_ADD = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in CONTRIBUTING.splitlines()
    if line.startswith("| ") and not line.startswith("| to add")
]


def test_every_kind_of_thing_can_be_added():
    kinds = {row[0] for row in TO_ADD}
    wanted = "activation normalization data task loss metric model optimizer schedule regularization augmentation"
    assert {*wanted.split(), "diagnostics", "initialization", "warm-up", "batch growth"} <= kinds
    places = " ".join(row[2] for row in TO_ADD)
    for group in GROUPS:
        assert group.name == "trainer" or f"runner/{group.name.replace('.', '/')}/" in places, group.name


@pytest.mark.parametrize("row", TO_ADD, ids=lambda row: row[0])
def test_what_is_to_be_copied_and_declared_is_there(row):
    _, base, copy, fixture, declare = row
    for place in re.findall(r"`(\w+/[^`]+)`", f"{base} {copy} {fixture}"):
        file, _, name = place.partition("::")
        assert (ROOT / file).is_file(), file
        assert not name or f"class {name}" in (ROOT / file).read_text()
    sources = "".join(
        (ROOT / place.partition("::")[0]).read_text() for place in re.findall(r"`(runner/[^`]+)`", f"{base} {copy}")
    )
    for name in re.findall(r"`(\w+)", declare):
        assert name in sources or name in ("spec", "lr", "self"), name


def test_the_configuration_goes_down_the_house():
    calls = PAGE["way"]()
    names = [call.name for call in calls]
    stations = ["cli.hydra.train", "config.compose.compose_run", "config.check.check_run", "cli.hydra.task"]
    stations += ["run.commands.run", "run.training.execute", "run.assembly.prepare", "config.build.build"]
    stations += ["engine.loop.train", "record.recorder.Recorder.finish"]
    assert [name for name in dict.fromkeys(names) if name in stations] == stations
    up = [call for call in calls if call.caller and PAGE["layer_of"](call.name) < PAGE["layer_of"](call.caller)]
    assert up == []
    after = names[names.index("engine.loop.train") :]
    assert not [name for name in after if name.startswith("config.")], "the loop is given no configuration"
    assert PAGE["page"](calls) == TEXT, "the way of a run or a folder changed: run `python docs/architecture.py`"


def test_the_picture_has_every_layer(tmp_path, monkeypatch):
    drawn = [name for row in PAGE["layers"]() for name in row]
    packages = {path.parent.name for path in (ROOT / "runner").glob("*/__init__.py")}
    assert packages - {"sweep"} <= set(drawn)
    assert (ROOT / "docs/pictures/house.png").stat().st_size < 200_000
