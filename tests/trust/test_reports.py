"""A report of somebody else's folder executes nothing of it, and is written where it was asked for."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from tests.analysis.report.conftest import HOSTILE, Page, write_ablation, write_sweep
from tests.analysis.test_across import SETS, across
from tests.trust.test_escapes import EVIL, assert_clean
from tests.trust.test_folders import NEW, TARGETS


@pytest.fixture
def theirs(few_runs, place):
    """A run, a sweep, an ablation, and one on several data sets, in the working directory."""
    shutil.copytree(few_runs / "adam", place / "run")
    write_sweep(few_runs / "adam", place / "sweep")
    write_ablation(few_runs / "adam", place / "ablation")
    found = across(place / "across", SETS)
    for name, ablation in found.ablations.items():
        write_ablation(few_runs / "adam", place / "across" / name)
        ablation.write()
    found.write()
    return place


KINDS = ("run", "sweep", "ablation", "across")


def test_nothing_of_a_config_is_built(theirs, answer):
    for file in theirs.rglob("config.yaml"):
        config = yaml.safe_load(file.read_text()) | TARGETS | {"trusted_targets": ["evil", "torch"]}
        file.write_text(yaml.safe_dump(config))
    for kind in KINDS:
        code, _, error = answer("report", kind)
        assert code == 0, error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [(), ("--markdown",)])
def test_links_are_not_followed(kind, form, theirs, answer):
    name = "report.md" if form else "report.html"
    (theirs / kind / name).symlink_to("../../outside/precious")
    code, _, error = answer("report", kind, *form)
    assert (code, "a link to" in error) == (2, True)
    (theirs / kind / name).unlink()
    for inner in ("evaluation", "trials"):
        if (theirs / kind / inner).is_dir():
            shutil.rmtree(theirs / kind / inner)
            (theirs / kind / inner).symlink_to("../../outside")
            code, _, error = answer("report", kind, *form)
            assert (code, "a link to" in error) == (2, True)


def test_what_is_printed_and_written_steers_no_terminal(theirs, answer):
    evil = EVIL.replace("\x00", "")
    for file in [*theirs.rglob("result.json"), *theirs.rglob("manifest.json"), *theirs.rglob("trial.json")]:
        content = json.loads(file.read_text())
        content |= {"cause": evil} if file.name != "manifest.json" else {"platform": evil, "command": [evil]}
        file.write_text(json.dumps(content))
    record = json.loads((theirs / "ablation/ablation.json").read_text())
    record |= {"fixed": [evil, HOSTILE], "covers": evil, "arms": {**record["arms"], evil: {}}}
    (theirs / "ablation/ablation.json").write_text(json.dumps(record))
    record = json.loads((theirs / "across/across.json").read_text())
    record |= {"score": evil, "across": [evil], "planned": [evil], "arms": {**record["arms"], evil: {}}}
    record["data_sets"][evil] = record["data_sets"]["a"] | {"folder": evil}
    (theirs / "across/across.json").write_text(json.dumps(record))
    for kind in KINDS:
        for form in ((), ("--markdown",)):
            code, out, error = answer("report", kind, *form)
            assert code == 0, error
            assert_clean(out, error)
        assert_clean(Page(Path(kind, "report.html").read_text()).text, Path(kind, "report.md").read_text())


def test_files_elsewhere_are_not_shown(theirs, answer):
    secret = "the content of precious files"
    Path(NEW).parent.joinpath("precious").write_text("precious\n")
    Path("secret.json").write_text(json.dumps({"cause": secret, "status": "failed", "a": secret}))
    record = json.loads((theirs / "ablation/ablation.json").read_text())
    for arm in record["arms"].values():
        for run in arm["runs"].values():
            run["folder"] = "../run"
    (theirs / "ablation/ablation.json").write_text(json.dumps(record))
    (theirs / "run/result.json").write_text(json.dumps({"status": "failed", "cause": secret}))
    assert answer("report", "ablation")[0] == 0
    assert secret not in Path("ablation/report.html").read_text()


def test_pipes_and_giants_are_not_waited_for(theirs, answer):
    for name in ("result.json", "manifest.json", "config.yaml", "metrics.jsonl"):
        (theirs / "run" / name).unlink()
        os.mkfifo(theirs / "run" / name)
    shutil.rmtree(theirs / "run/evaluation")
    assert answer("report", "run")[0] in (0, 2)
    (theirs / "ablation/ablation.json").unlink()
    with open(theirs / "ablation/ablation.json", "w") as file:
        file.truncate(1 << 40)
    code, _, error = answer("report", "ablation")
    assert (code, "MiB" in error) == (2, True)
