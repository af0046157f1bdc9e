"""What is written into a folder of somebody else stays in it."""

import json
import os
import subprocess
import sys

import pytest

from runner.errors import ConfigError
from runner.record.folder import RunFolder
from runner.record.lock import Lock
from runner.sweep.folder import SweepFolder
from runner.tracking.process.follower import _known
from runner.tracking.process.lock import once
from tests.trust.test_escapes import EVIL, assert_clean


@pytest.mark.parametrize("name", ["run.log", "metrics.jsonl", "checkpoints", "val", "tracking", "run.lock"])
def test_a_run_folder_with_a_link_out_of_it_is_not_written_into(tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "run" / name).symlink_to(tmp_path / "victim")
    with pytest.raises(ConfigError, match=f"{name}: a link to .*victim"), RunFolder(tmp_path / "run").claimed():
        pass
    assert (tmp_path / "victim").read_text() == "mine"
    assert os.listdir(tmp_path / "run") == [name]


@pytest.mark.parametrize("name", ["study.journal", "driver.lock", "plots", "trials/0000-lr_1"])
def test_nor_is_a_sweep_folder(tmp_path, name):
    (tmp_path / "sweep/trials").mkdir(parents=True)
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "sweep" / name).symlink_to(tmp_path / "victim")
    with pytest.raises(ConfigError, match=f"{name}: a link to .*victim"):
        SweepFolder(tmp_path / "sweep").lock()
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("name", ["stop.json", "checkpoints"])
def test_nor_is_one_that_is_at_work(tmp_path, answer, name):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").touch()
    lock = Lock(tmp_path / "run/run.lock")
    assert lock.take() is None
    (tmp_path / "run" / name).symlink_to(tmp_path / "victim")
    code, _, error = answer("stop", str(tmp_path / "run"), "--no-wait")
    lock.release()
    assert (code, f"{name}: a link to " in error) == (2, True)
    assert (tmp_path / "victim").read_text() == "mine"


def test_who_is_at_work_is_told_as_it_stands_there(tmp_path, answer):
    lock = Lock(tmp_path / "run.lock")
    assert lock.take() is None
    for evil in (EVIL, "[red]bold[/red]\n"):
        (tmp_path / "run.lock").write_text(evil)
        for words in (
            ("stop", str(tmp_path), "--no-wait"),
            ("stop", str(tmp_path), "--timeout", "0.1"),
            ("watch", str(tmp_path)),
        ):
            _, out, error = answer(*words)
            assert_clean(out, error)
    lock.release()


def test_a_neighbour_whose_name_begins_alike_is_elsewhere(tmp_path):
    for name in ("run", "run-2"):
        (tmp_path / name).mkdir()
    (tmp_path / "run/val").symlink_to(tmp_path / "run-2")
    with pytest.raises(ConfigError, match=r"val: a link to .*run-2"), RunFolder(tmp_path / "run").claimed():
        pass


def test_links_within_a_folder_are_its_own_affair(tmp_path):
    (tmp_path / "wandb").mkdir()
    (tmp_path / "latest").symlink_to("wandb")
    (tmp_path / "loop").symlink_to("loop")
    with RunFolder(tmp_path).claimed():
        pass


def test_a_lock_is_not_taken_through_a_link(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(ConfigError, match="can't be written to"):
        Lock(tmp_path / "lock").take()
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_pipe_in_the_place_of_a_lock_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "lock")
    assert not Lock(tmp_path / "lock").held
    with pytest.raises(ConfigError, match="can't be written to"):
        Lock(tmp_path / "lock").take()


def test_nor_are_what_trackers_share_and_say_written_through_one(tmp_path):
    (tmp_path / "run/tracking").mkdir(parents=True)
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "shared").symlink_to(tmp_path / "victim")
    (tmp_path / "run/tracking/csv.log").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="shared"):
        once(tmp_path / "shared", lambda: "theirs")
    order = {"name": "csv", "folder": str(tmp_path / "run"), "sweep": None, "settings": {}, "began": 0, "parent": 0}
    order |= {"target": "runner.tracking.csv.CSV", "arguments": {}}
    command = [sys.executable, "-m", "runner.tracking.process.follower"]
    done = subprocess.run(command, input=json.dumps(order) + "\n", capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("tracking.csv: OSError: ")
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("noted", [{"id": ["x"], "sent": "abc"}, {"id": 3, "sent": 1}, {"id": "a"}, {"sent": -1}, {}])
def test_what_a_tracker_is_said_to_have_is_believed_only_where_it_can_be(noted):
    assert _known(json.loads(json.dumps(noted))) == {"id": None, "sent": 0}
