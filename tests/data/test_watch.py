"""Recordings cut into windows, nobody in two parts: of the test's own, and the real ones where they are here."""

import dataclasses

import numpy as np
import pytest
import torch

from runner.data.source.available import available
from runner.data.watch import Watch
from runner.errors import RunFailed
from tests.fetch.conftest import file_of


@pytest.fixture
def root(tmp_path, monkeypatch):
    """70 recordings of ten people, whose first channel names recording and step."""
    random = np.random.default_rng(0)
    recordings = []
    for number in range(70):
        one = random.normal(size=(40 + number % 5, 6))
        one[:, 0] = number * 1000 + np.arange(len(one))
        recordings.append(one)
    numbers = np.arange(70)
    content = {"X": recordings, "y": numbers % 7, "subject": 1 + numbers // 7}
    path = tmp_path / "watch_dataset.npy"
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    own = dataclasses.replace(Watch.published[0], files={path.name: file_of(path.read_bytes())})
    monkeypatch.setattr(Watch, "published", (own,))
    return str(tmp_path)


def test_windows_of_a_person_are_in_one_part(root):
    data = Watch(root=root, length=16, stride=8, scaling="none").load()
    people, seen = [], 0
    for part in (data.train, data.val, data.test):
        first = part.inputs[:, :, 0].round().long()
        recording = first[:, 0] // 1000
        assert torch.equal(first.diff(dim=1), torch.ones_like(first[:, 1:]))  # no window leaves its recording
        assert torch.equal(part.targets, recording % 7)
        assert part.place(0) == f"recording {recording[0]}, step {first[0, 0] % 1000}"
        people.append(set((recording // 7).tolist()))
        seen += len(part)
    assert [len(group) for group in people] == [6, 2, 2] and len(set.union(*people)) == 10
    assert seen == 70 * 4
    assert "people: train" in " ".join(data.notes)


def test_ten_folds_leave_one_person_out(root):
    held = []
    for fold in range(8):  # of those who are not in the test part
        data = Watch(root=root, length=40, folds=8, fold=fold, scaling="none").load()
        held.append(set((data.val.inputs[:, 0, 0] // 7000).long().tolist()))
    assert all(len(who) == 1 for who in held) and len(set.union(*held)) == 8


def test_a_window_longer_than_a_recording_is_refused(root):
    with pytest.raises(RunFailed, match="the shortest recording has 40 steps"):
        Watch(root=root, length=41).load()


@pytest.mark.skipif(available()["watch"].startswith("missing"), reason="not on this machine; `runner fetch watch`")
def test_the_real_recordings():
    data = Watch().load()
    assert data.sizes == {"train": 2781, "val": 866, "test": 1030}
    assert data.spec.inputs.shape == (100, 6) and min(data.spec.targets.counts) > 300
    steps = data.train.inputs[:, ::2].flatten(0, 1)
    assert steps.mean(0).abs().max() < 0.05 and (steps.std(0) - 1).abs().max() < 0.1
