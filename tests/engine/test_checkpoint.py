import logging

import pytest
import torch

from runner.engine import checkpoint
from runner.engine.checkpoint import Damaged, difference, load, load_last, save
from runner.engine.spec import Spec


def content(value):
    parts = ("optimizer", "loss", "scaler", "schedule", "techniques", "meter", "monitor", "config")
    about = {"spec": Spec.classification((4,), 3).plain(), "data": {"fingerprint": "", "sizes": {}}}
    position = {"step": value, "epoch": 0}
    return {**{key: {} for key in parts}, **about, "model": {"w": torch.full((3,), float(value))}, "position": position}


def test_round_trip_and_checksum(tmp_path):
    save(tmp_path / "last.pt", content(1))
    assert load(tmp_path / "last.pt")["position"]["step"] == 1
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("damage", [lambda b: b[:-10], lambda b: b[:100] + b"x" + b[101:], lambda b: b""])
def test_a_damaged_file_falls_back_to_the_one_before(tmp_path, damage, caplog):
    for value in (1, 2, 3):
        save(tmp_path / "last.pt", content(value), keep_previous=True)
    path = tmp_path / "last.pt"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(Damaged, match=r"last\.pt"):
        load(path)
    with caplog.at_level(logging.WARNING):
        assert load_last(tmp_path)["position"]["step"] == 2
    assert "one before" in caplog.text


def test_both_damaged_is_a_fresh_start(tmp_path, caplog):
    for value in (1, 2):
        save(tmp_path / "last.pt", content(value), keep_previous=True)
    for path in tmp_path.glob("last.pt*"):
        path.write_bytes(b"junk")
    assert load_last(tmp_path) is None
    assert "Starting over" in caplog.text


def test_killed_between_checksum_and_file(tmp_path, monkeypatch):
    """The checksum file is written first and knows both files, so neither order of events makes a good one bad."""
    save(tmp_path / "last.pt", content(1), keep_previous=True)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "last.pt", content(2), keep_previous=True)
    monkeypatch.undo()
    assert load(tmp_path / "last.pt")["position"]["step"] == 1
    assert load_last(tmp_path)["position"]["step"] == 1
    save(tmp_path / "last.pt", content(3), keep_previous=True)
    assert load_last(tmp_path)["position"]["step"] == 3


@pytest.mark.parametrize("kills", [1, 2, 3])
def test_killed_there_again_and_again(tmp_path, monkeypatch, kills):
    """Each time the checksums speak of a file that never came; the one that is there is known all the same."""
    for value in (1, 2):
        save(tmp_path / "last.pt", content(value), keep_previous=True)
    write = checkpoint.write_bytes

    def killed(path, data):
        if path.name == "last.pt":
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(checkpoint, "write_bytes", killed)
    for value in range(kills):
        with pytest.raises(KeyboardInterrupt):
            save(tmp_path / "last.pt", content(10 + value), keep_previous=True)
        assert load(tmp_path / "last.pt")["position"]["step"] == 2
        assert load(tmp_path / "last.pt.previous")["position"]["step"] == 2
        assert not list(tmp_path.glob(".*"))


def test_a_damaged_file_never_takes_the_place_of_the_one_before(tmp_path, monkeypatch):
    for value in (1, 2):
        save(tmp_path / "last.pt", content(value), keep_previous=True)
    (tmp_path / "last.pt").write_bytes(b"junk")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "last.pt", content(3), keep_previous=True)
    assert load_last(tmp_path)["position"]["step"] == 1


def test_weights_alone_are_no_state_to_go_on_from(tmp_path, caplog):
    for value in (1, 2):
        save(tmp_path / "last.pt", content(value), keep_previous=True)
    weights = {key: entry for key, entry in content(3).items() if key != "optimizer"}
    save(tmp_path / "last.pt", weights)
    assert load_last(tmp_path)["position"]["step"] == 1
    assert "optimizer is missing in it" in caplog.text


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    save(tmp_path / "last.pt", content(1), keep_previous=True)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("runner.record.files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path / "last.pt", content(2), keep_previous=True)
    monkeypatch.undo()
    assert load(tmp_path / "last.pt")["position"]["step"] == 1
    assert not list(tmp_path.glob(".*.tmp"))


def test_code_in_a_file_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (exec, ("raise SystemExit('ran')",))

    torch.save({"format": 1, "model": Evil()}, tmp_path / "x.pt")
    with pytest.raises(Damaged):
        load(tmp_path / "x.pt")


def test_another_format_is_refused(tmp_path):
    torch.save({"format": 99}, tmp_path / "x.pt")
    with pytest.raises(Damaged, match="format 99"):
        load(tmp_path / "x.pt")


def test_difference_in_words():
    here = {"a": torch.zeros(2), "b": torch.zeros(3)}
    there = {"a": torch.zeros(4), "c": torch.zeros(1)}
    text = difference(here, there)
    assert "1 missing (b)" in text
    assert "1 unknown (c)" in text
    assert "a is (4,) instead of (2,)" in text
    assert difference(here, here) == ""
