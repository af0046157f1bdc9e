"""The files of a run folder: names, atomic writes, torn lines."""

import json
import logging
import math
import multiprocessing
import os
import shutil
import signal
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import ConfigError, RunFailed
from runner.record.files import finite, write_bytes, write_json
from runner.record.folder import RunFolder, claim
from runner.record.recorder import Recorder


def test_a_taken_name_gets_a_number(tmp_path):
    names = [claim(tmp_path / "runs", "a").name for _ in range(3)]
    assert names == ["a", "a-2", "a-3"]


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ConfigError, match=str(path)):
            RunFolder.existing(path)


def test_a_second_run_in_a_folder_is_refused(tmp_path):
    folder = RunFolder(tmp_path)
    folder.create("a: 1")
    with pytest.raises(ConfigError, match="resume"):
        folder.create("a: 2")
    assert folder.config.read_text() == "a: 1"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(value=JSON)
def test_json_that_every_reader_takes(value):
    text = json.dumps(finite(value), allow_nan=False)  # raises where a NaN is left

    def equal(a, b):
        if isinstance(a, float) and not math.isfinite(a):
            return b is None
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
        if isinstance(a, list):
            return len(a) == len(b) and all(map(equal, a, b))
        return a == b

    assert equal(value, json.loads(text))


def test_a_torn_last_line_ends_the_list(tmp_path):
    folder = RunFolder(tmp_path)
    for epoch in (1, 2):
        folder.append_metrics({"epoch": epoch, "step": 10 * epoch, "val/loss": math.nan})
    with open(folder.metrics, "a") as file:
        file.write('{"epoch": 3, "st')
    assert [row["epoch"] for row in folder.read_metrics()] == [1, 2]
    assert folder.read_metrics()[0]["val/loss"] is None
    folder.drop_metrics_after(step=10, epoch=1)
    assert folder.metrics.read_text() == '{"epoch": 1, "step": 10, "val/loss": null}\n'


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "last.pt"
    write_bytes(path, b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as full_disk:
        write_bytes(path, b"new")
    assert full_disk.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["last.pt"]


def test_a_folder_that_can_not_be_synced_is_named(tmp_path, monkeypatch):
    real = os.fsync

    def refused(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(5, "Input/output error")
        real(handle)

    monkeypatch.setattr(os, "fsync", refused)
    with pytest.raises(OSError, match="Input/output") as caught:
        write_bytes(tmp_path / "last.pt", b"new")
    assert caught.value.filename == str(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_log_that_can_not_be_written_takes_the_place_of_no_other_cause(tmp_path):
    folder = RunFolder(tmp_path)
    folder.log = Path("/dev/full")
    recorder = Recorder(folder)
    logging.getLogger("runner").warning("said, and never written")
    recorder.close()


def _write_for_ever(path):
    number = 0
    while True:
        number += 1
        write_json(path, {"number": number, "filler": "x" * 100_000, "again": number})


def test_a_reader_never_sees_half_a_file_whenever_the_writer_is_killed(tmp_path):
    path = tmp_path / "result.json"
    for kill_after in (0.02, 0.05, 0.09):
        writer = multiprocessing.get_context("fork").Process(target=_write_for_ever, args=(path,))
        writer.start()
        while not path.exists():
            time.sleep(0.001)
        end = time.monotonic() + kill_after
        while time.monotonic() < end:
            content = json.loads(path.read_text())
            assert content["number"] == content["again"]
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        content = json.loads(path.read_text())
        assert content["number"] == content["again"]


def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.checkpoints.mkdir(parents=True)
    left = [run.path / ".result.json.71.tmp", run.checkpoints / ".last.pt.71.tmp", run.checkpoints / ".last.pt.link"]
    ours = [run.path / "table.tmp", run.checkpoints / "last.pt"]
    for path in (*left, *ours):
        path.touch()
    with run.claimed():
        assert [path.exists() for path in (*left, *ours)] == [False] * 3 + [True] * 2


def test_a_folder_that_goes_away_is_told_of(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()

    def work(folder):
        with run.claimed():
            shutil.rmtree(folder, ignore_errors=True)
            os.stat(run.path / "gone")

    with pytest.raises(FileNotFoundError):  # what else is not there is a defect
        work(tmp_path / "another")
    with pytest.raises(RunFailed, match=r"run: the folder of this run is gone\."):
        work(run.path)
