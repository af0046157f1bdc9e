import json
import shutil

import pytest

from runner.analysis.difference import differences, unknown
from runner.analysis.run import Run


def changed(found):
    return {section: {e.key: (e.first, e.second) for e in entries} for section, entries in found.items() if entries}


def test_a_copy_differs_in_nothing(few_runs, tmp_path):
    shutil.copytree(few_runs / "adam", tmp_path / "copy")
    assert changed(differences(Run.read(few_runs / "adam"), Run.read(tmp_path / "copy"))) == {}


def test_another_seed_differs_in_the_seed_and_what_comes_of_it(few_runs):
    found = changed(differences(Run.read(few_runs / "adam"), Run.read(few_runs / "adam-1")))
    assert set(found) == {"seeds", "scores", "cost"}
    assert found["seeds"] == {"seed": (0, 1)}


def test_another_optimizer_and_what_only_one_of_them_has(few_runs):
    found = changed(differences(Run.read(few_runs / "adam"), Run.read(few_runs / "sgd")))
    assert found["config"]["optimizer"] == ("adam", "sgd")
    assert found["config"]["optimizer.lr"] == (0.001, 0.1)
    mine, theirs = found["config"]["optimizer.*"]
    assert "betas: [0.9, 0.999], eps: 1e-08" in mine
    assert "momentum: 0.0" in theirs
    assert not {"optimizer.betas", "optimizer.momentum"} & set(found["config"])


def test_other_data_and_another_task(few_runs):
    found = changed(differences(Run.read(few_runs / "adam"), Run.read(few_runs / "diabetes")))
    assert found["data"]["task"] == ("classification", "regression")
    assert {"fingerprint", "train"} <= set(found["data"])
    assert found["config"]["data"] == ("iris", "diabetes")


PATCH = "--- a/train.py\n+++ b/train.py\n@@ -1 +1,2 @@\n-secret_key = 1\n+one = 2\n+two = 3\n"


def test_code_packages_and_hardware(make, tmp_path):
    base = {"git": {"commit": "a" * 40, "dirty": False}, "packages": {"torch": "2.9.0", "numpy": "2.0"}}
    first = make(tmp_path / "a", manifest=base)
    other = {
        "git": {"commit": "b" * 40, "dirty": True, "patch": PATCH},
        "packages": {"torch": "2.15.0", "numpy": "2.0"},
    }
    second = make(tmp_path / "b", manifest={**other, "hardware": {"device": "cuda"}, "host": "node3"})
    found = changed(differences(Run.read(first), Run.read(second)))
    assert found["code"]["commit"] == ("a" * 12, "b" * 12)
    assert found["code"]["files"] == ("as committed", "changed since")
    assert found["code"]["patch"][1].startswith("+2 -1 in train.py (")
    assert "secret_key" not in str(found)
    assert found["packages"] == {"torch": ("2.9.0", "2.15.0")}
    assert found["hardware"]["device"] == ("cpu", "cuda")
    assert found["hardware"]["host"][1] == "node3"


def test_patches_of_one_commit_are_told_apart(make, tmp_path):
    patches = [PATCH, PATCH.replace("two = 3", "two = 4")]
    runs = [
        Run.read(make(tmp_path / str(n), manifest={"git": {"commit": "a", "dirty": True, "patch": patch}}))
        for n, patch in enumerate(patches)
    ]
    assert set(changed(differences(*runs))["code"]) == {"patch"}


@pytest.mark.parametrize("content", [{}, {"git": "x", "packages": [1], "data": 3, "hardware": None}])
def test_what_is_not_known_is_said(content, make, tmp_path):
    first, second = make(tmp_path / "a"), make(tmp_path / "b")
    (second / "manifest.json").write_text(json.dumps(content))
    assert {"packages", "data", "hardware"} <= set(unknown(Run.read(second)))
    assert set(changed(differences(Run.read(first), Run.read(second)))) >= {"packages", "data", "hardware"}
