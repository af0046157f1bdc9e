import errno
import logging
import os

import pytest
import torch

from runner.engine import checkpoint
from runner.engine.checkpoint import Damaged, difference, left_in, load, load_last, load_state, parts_of, save
from runner.engine.spec import Spec
from runner.errors import ConfigError


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


@pytest.mark.parametrize("call", ["link", "replace"])
def test_without_hard_links_the_one_before_is_copied(tmp_path, monkeypatch, call):
    real = getattr(os, call)

    def refused(source, target):
        if call == "link" or str(source).endswith(".link"):
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, call, refused)
    for value in (1, 2):
        save(tmp_path / "last.pt", content(value), keep_previous=True)
    assert load(tmp_path / "last.pt.previous")["position"]["step"] == 1
    assert not list(tmp_path.glob(".*"))


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


@pytest.mark.parametrize(
    ("part", "value"),
    [
        *(("position", {"step": step, "epoch": 0}) for step in (-1, 1 << 53, True, float("nan"), "1", None)),
        ("position", [1, 0]),
        ("data", {"fingerprint": 3, "sizes": {}}),
        ("data", {"fingerprint": "", "sizes": {"train": "many"}}),
        ("data", {"fingerprint": "", "sizes": []}),
        ("spec", {}),
    ],
)
def test_values_that_no_run_writes_are_damage(tmp_path, part, value):
    torch.save({"format": checkpoint.FORMAT, **content(1), part: value}, tmp_path / "last.pt")
    with pytest.raises(Damaged, match=f"what it says of {part} is not what a run writes there"):
        load(tmp_path / "last.pt")


@pytest.mark.parametrize("lacking", ["epoch", "step"])
def test_a_state_without_its_position_is_not_gone_on_from(tmp_path, lacking):
    saved = content(1)
    del saved["position"][lacking]
    save(tmp_path / "last.pt", saved)
    with pytest.raises(Damaged, match=f"{lacking} is missing in it"):
        load_state(tmp_path / "last.pt")


def test_weights_in_parts_are_looked_for_beside_their_state_alone(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").touch()
    save(folder / "last.pt", content(1) | {"parts": "../secret", "sums": {"file": "0"}})
    with pytest.raises(Damaged, match=rf"No such file or directory: '{folder}/secret/file'"):
        load(folder / "last.pt")
    assert parts_of(folder / "last.pt") == "secret"


def test_what_may_not_be_read_is_not_taken_for_damage(tmp_path, monkeypatch):
    """The file may be whole: to start over, or from the state before, would lose what is in it."""
    for value in (1, 2):
        save(tmp_path / "last.pt", content(value), keep_previous=True)

    def refused(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(checkpoint, "read", refused)
    with pytest.raises(ConfigError, match=r"last\.pt: can't be read \(Permission denied\)\. Allow it"):
        load_last(tmp_path)


def test_what_is_left_is_said(tmp_path):
    assert left_in(tmp_path) == "`rerun` repeats the run."
    for name, said in (
        ("last.pt.previous", "Without last.pt, `resume` takes the one before it"),
        ("best.pt", "best.pt, the best weights, can be evaluated"),
        ("epoch-0002.pt", "`resume --from epoch-0002` goes on"),
    ):
        assert said not in left_in(tmp_path)
        (tmp_path / name).touch()
        assert said in left_in(tmp_path)


def test_difference_in_words():
    here = {"a": torch.zeros(2), "b": torch.zeros(3)}
    there = {"a": torch.zeros(4), "c": torch.zeros(1)}
    text = difference(here, there)
    assert "1 missing (b)" in text
    assert "1 unknown (c)" in text
    assert "a is (4,) instead of (2,)" in text
    assert difference(here, here) == ""
