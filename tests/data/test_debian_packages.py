"""The graph of Debian's packages: what is read of an index, and what a network is not shown."""

from pathlib import Path

import pytest
import torch

from runner.data.debian_packages import DebianPackages
from runner.data.graphs.packages import packages_of, words
from runner.errors import ConfigError, RunFailed

INDEX = Path(__file__).parent / "graph/packages.txt"

STANZAS = """Package: b
Depends: a (>= 1.0) | virtual, c:any,
 d
Tag: role::program
Section: non-free/games
Description: A game-like Thing (Python3 tools)

Package: a
Pre-Depends: b
Recommends: a, c
Section: libs
Description: Ünicode library, C++ and C#

Package: c
Section: libs

Package: d
Section: libs

Package: a
Section: doc
"""


def test_an_index_as_a_graph():
    packages = packages_of(STANZAS.encode(), "here")
    assert packages.names == ["a", "b", "c", "d"]
    assert packages.sections == ["libs", "games", "libs", "libs"]
    assert packages.edges.T.tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [1, 3]]
    assert words(packages.texts[0]) == ["ünicode", "library", "c++", "and", "c#"]
    assert words(packages.texts[1]) == ["a", "game", "like", "thing", "python3", "tools"]


def test_sections_and_names_are_in_no_feature():
    data = DebianPackages(path=str(INDEX), vocabulary=50).load()
    assert data.spec.class_names == ("doc", "games", "libs")
    described = {word for text in packages_of(INDEX.read_bytes(), "").texts for word in words(text)}
    assert set(data.spec.inputs.names) <= described
    assert not described & set(packages_of(INDEX.read_bytes(), "").names)
    assert sum(data.sizes.values()) == 48
    learnt_from = data.train.graph.features[data.train.graph.nodes]
    torch.testing.assert_close(learnt_from.mean(0), torch.zeros(learnt_from.shape[1]), atol=1e-5, rtol=0)
    assert data.train.sampled and not data.val.sampled
    assert data.fingerprint[:16] in data.notes[0]
    assert len(DebianPackages(path=str(INDEX), min_packages=16).load().spec.class_names) == 3


def test_what_is_no_index_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"data.path=no.txt"):
        DebianPackages(path="no.txt").probe()
    (tmp_path / "empty").write_text("nothing\n")
    with pytest.raises(RunFailed, match="holds no package with a section"):
        DebianPackages(path=str(tmp_path / "empty")).load()
    with pytest.raises(RunFailed, match=r"0 section.* Choose fewer"):
        DebianPackages(path=str(INDEX), min_packages=99).load()
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(RunFailed, match=r"there is no apt-cache on this machine. Give a file"):
        DebianPackages().load()


def test_an_apt_that_knows_nothing_is_refused(tmp_path, monkeypatch):
    (tmp_path / "apt-cache").write_text("#!/bin/sh\n")
    (tmp_path / "apt-cache").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(RunFailed, match="Run `apt-get update` first"):
        DebianPackages().load()


def test_it_trains_in_parts(go):
    small = ("data=debian_packages", f"data.path={INDEX}", "data.batch_size=8", "data.neighbours=[2,2]")
    result = go(*small, "model=graphsage", "model.hidden=[8]", "trainer.max_epochs=3", "trainer.images=0")
    assert result["status"] == "completed"
    assert torch.isfinite(torch.tensor(result["test"]["loss"]))
