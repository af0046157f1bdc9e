"""Verbs that look at many folders execute nothing that those name, write nothing, and print what is there as it is."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from tests.trust.test_escapes import EVIL, assert_clean
from tests.trust.test_folders import SWEEP, TARGETS

VERBS = {
    "runs": ("runs", "theirs"),
    "watch": ("watch", "theirs"),
    "stop": ("stop", "theirs/other"),
    "runs_filter": ("runs", "theirs", "status!=x", "--sort", "best"),
    "runs_csv": ("runs", "theirs", "--csv"),
    "runs_json": ("runs", "theirs", "--json"),
    "diff": ("diff", "theirs/run", "theirs/other"),
    "diff_back": ("diff", "theirs/other", "theirs/run"),
    "compare": ("compare", "theirs/run", "theirs/other", "--score", "val/loss"),
    "compare_markdown": ("compare", "theirs/run", "theirs/other", "--score", "val/loss", "--markdown"),
    "compare_csv": ("compare", "theirs/run", "theirs/other", "--score", "val/loss", "--csv"),
    "compare_json": ("compare", "theirs/run", "theirs/other", "--score", "val/loss", "--json"),
}
PLAIN = ["runs", "diff", "compare", "watch", "stop"]  # the other forms print the same
FILES = ["config.yaml", "manifest.json", "result.json", "metrics.jsonl", "run.lock", "trial.json"]


@pytest.fixture
def theirs(few_runs, place):
    """Somebody's folder: a run that is as it should be, and one about which the tests lie."""
    shutil.copytree(few_runs / "adam", place / "theirs/run")
    shutil.copytree(few_runs / "sgd", place / "theirs/other")
    (place / "theirs/other/run.lock").write_text("process 1 on elsewhere")  # which is gone
    return place / "theirs/other"


def change(path, **entries):
    text = path.read_text()
    content = yaml.safe_load(text)
    path.write_text((yaml.safe_dump if path.suffix == ".yaml" else json.dumps)({**content, **entries}))


def snapshot(folder):
    return {str(p): (p.stat().st_mtime_ns, p.is_file() and p.read_bytes()) for p in sorted(Path(folder).rglob("*"))}


@pytest.mark.parametrize("group", TARGETS)
@pytest.mark.parametrize("verb", PLAIN)
def test_classes_are_neither_imported_nor_called(verb, group, theirs, answer):
    change(theirs / "config.yaml", **{group: TARGETS[group]}, trusted_targets=["evil", "logging", "torch"])
    change(theirs / "manifest.json", config_dir=str(theirs.parents[1]))
    before = snapshot("theirs")
    code, out, error = answer(*VERBS[verb])
    assert (code, error) == (0, ""), error
    assert out
    assert snapshot("theirs") == before


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_printed_is_shown_as_it_is(verb, theirs, answer):
    evil = EVIL.replace("\x00", "")
    name = theirs.with_name(f"other{evil}")
    change(theirs / "config.yaml", name=EVIL, seed=evil, monitor=evil, model={"_target_": f"x.{evil}", evil: [evil]})
    git = {"commit": evil, "dirty": True, "patch": f"+++ b/{evil}\n+x\n"}
    packages = {"packages": {evil: evil, "torch": evil}, "hardware": {evil: evil}}
    change(theirs / "manifest.json", started=evil, git=git, **packages)
    change(theirs / "result.json", cause=evil, train={evil: 1.0})
    theirs.rename(name)
    code, out, error = answer(*(str(name) if word == "theirs/other" else word for word in VERBS[verb]))
    assert (code, error) == (0, ""), error
    assert_clean(out)
    assert "\\x1b" in out or "\\u001b" in out
    change(name / "manifest.json", task=evil, data={"fingerprint": evil, evil: evil})
    change(name / "result.json", monitor=evil, val={evil: 1.0}, status="failed")
    for words in (VERBS[verb], ("runs", str(name / "nothing"), evil), ("compare", evil, evil, "--baseline", evil)):
        _, out, error = answer(*(str(name) if word == "theirs/other" else word for word in words))
        assert_clean(out, error)


@pytest.mark.parametrize("verb", VERBS)
def test_what_comes_from_the_environment_is_not_looked_up(verb, theirs, answer):
    token = "${oc.env:CANARY_SECRET}"
    change(theirs / "config.yaml", name=token, model={"_target_": "x.Y", "token": token, "deep": [{"token": token}]})
    code, out, error = answer(*VERBS[verb])
    assert (code, error) == (0, ""), error
    assert "s3cr3t" not in out


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "file", ["config.yaml", "manifest.json", "result.json", "metrics.jsonl", "run.lock", "trial.json"]
)
def test_links_and_pipes_are_no_trap(file, verb, theirs, answer):
    """What a link leads to is not shown where it is none of a run's files, and pipes are not waited for."""
    secret = theirs.parents[1] / "secret"
    secret.write_text("s3cr3t-canary: of another file\n")
    for put in (lambda: (theirs / file).symlink_to(secret), lambda: os.mkfifo(theirs / file)):
        (theirs / file).unlink(missing_ok=True)
        put()
        code, out, error = answer(*VERBS[verb])
        assert (code, error) == (0, "") or verb.startswith("compare"), error
        assert "of another file" not in out or file == "config.yaml"


@pytest.mark.parametrize("entry", ["created", "sampler", "objectives", "arguments", "space"])
def test_sweeps_of_theirs(entry, answer, place):
    trial = {"number": 0, "params": {EVIL: EVIL}, "config": {"a": "x"}, "status": "completed", "values": [1.0]}
    folder = place / "theirs/trials/0000-x"
    folder.mkdir(parents=True)
    (folder / "trial.json").write_text(json.dumps({**trial, "cause": EVIL, "scores": {EVIL: 2.0}, "started": 1e9}))
    value = [EVIL] if isinstance(SWEEP[entry], list) else {EVIL: EVIL} if entry == "space" else EVIL
    (place / "theirs/driver.lock").write_text(EVIL)
    (place / "theirs/driver.json").write_text(json.dumps({"started": EVIL, "workers": EVIL, "trials": 1e300}))
    (place / "theirs/ablation.json").write_text(json.dumps({"score": EVIL, "arms": {EVIL: {"comparison": EVIL}}}))
    (place / "theirs/sweep.yaml").write_text(yaml.safe_dump({**SWEEP, entry: value}))
    for words in (
        ("runs", "theirs"),
        ("runs", "theirs", "--csv"),
        ("diff", str(folder), str(folder)),
        ("compare", "theirs"),
        ("watch", "theirs"),
        ("stop", "theirs"),
    ):
        code, out, error = answer(*words)
        assert code == 0 or words[0] == "compare", error
        assert_clean(out, error)
