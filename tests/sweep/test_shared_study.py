"""Several drivers on one study in PostgreSQL."""

from __future__ import annotations

import json
import signal
import subprocess

import optuna
import pytest

from tests.sweep.test_postgresql import PASSWORD, command, environment, holding, rows, server, wait_for  # noqa: F401

pytestmark = pytest.mark.slow


def start(folder, url, name, *words):
    line = command(folder, url, f"hydra.sweeper.shared_study={name}", *words)
    env = environment(PGPASSWORD=PASSWORD)
    return subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(driver):
    said = driver.communicate(timeout=300)[0]
    assert driver.returncode == 0, said
    return said


def study(server, name):  # noqa: F811
    url = server.secret_url.replace("postgresql:", "postgresql+psycopg:")
    return optuna.load_study(storage=url, study_name=name)


@pytest.mark.parametrize(
    ("sweeper", "words"),
    [
        ("grid", ["x=range(24)"]),
        pytest.param("random", ["x=interval(0,1)", "hydra.sweeper.n_trials=24"], marks=pytest.mark.long),
        ("bayes", ["x=interval(0,1)", "hydra.sweeper.n_trials=24", "hydra.sweeper.sampler.n_startup_trials=6"]),
    ],
)
def test_no_point_is_asked_twice_and_none_is_left_out(server, tmp_path, sweeper, words):  # noqa: F811
    words = [*words, f"hydra/sweeper={sweeper}", "sleep=0.1"]
    drivers = [start(tmp_path / name, server.url, sweeper, *words) for name in ("a", "b")]
    said = "".join(map(end, drivers))
    found = [row for name in ("a", "b") for row in rows(tmp_path / name)]
    assert len(found) == 24
    assert len({row["x"] for row in found}) == 24
    assert sorted(int(row["point"]) for row in found) == list(range(24))
    assert all(rows(tmp_path / name) for name in ("a", "b")), "both had a share"
    kept = [t for t in study(server, sweeper).trials if t.state.name == "COMPLETE"]
    assert sorted(t.params["x"] for t in kept) == sorted(float(row["x"]) for row in found)
    assert PASSWORD not in said
    assert holding(tmp_path, PASSWORD) == []


def test_a_driver_that_dies_finds_its_points_again(server, tmp_path):  # noqa: F811
    words = ["x=range(16)", "sleep=0.3"]
    first, second = (start(tmp_path / name, server.url, "dies", *words) for name in ("a", "b"))
    wait_for(tmp_path / "a", "trials/*/trial.json", 3)
    first.send_signal(signal.SIGKILL)
    first.wait(60)
    end(second)
    begun = {path.parent.name for path in (tmp_path / "a").glob("trials/*/trial.json")}
    end(start(tmp_path / "a", server.url, "dies", *words))
    found = [row for name in ("a", "b") for row in rows(tmp_path / name)]
    assert sorted(int(row["x"]) for row in found) == list(range(16))
    assert {row["status"] for row in found} == {"completed"}
    assert begun <= {row["folder"].removeprefix("trials/") for row in rows(tmp_path / "a")}


def test_another_driver_takes_over_what_it_is_told_to(server, tmp_path):  # noqa: F811
    words = ["x=range(12)", "sleep=0.3", "hydra.sweeper.workers=3"]
    first = start(tmp_path / "a", server.url, "over", *words)
    wait_for(tmp_path / "a", "trials/*/trial.json", 3)
    first.send_signal(signal.SIGSTOP)  # it is still at work when the second one comes, however long that takes
    taking = f"hydra.sweeper.take_over={tmp_path / 'a'}"
    refused = start(tmp_path / "b", server.url, "over", *words, taking)
    assert "its driver is at work" in refused.communicate(timeout=300)[0]
    first.send_signal(signal.SIGKILL)
    first.wait(60)
    running = [path for path in (tmp_path / "a").glob("trials/*/trial.json") if '"running"' in path.read_text()]
    untold = json.loads(running[0].read_text()) | {"status": "completed", "values": [0.5]}  # died before it told
    running[0].write_text(json.dumps(untold))
    second = start(tmp_path / "b", server.url, "over", *words, taking)
    wait_for(tmp_path / "b", "trials/*/trial.json", 1)  # the points of the first one come first
    second.send_signal(signal.SIGKILL)
    second.wait(60)
    end(start(tmp_path / "b", server.url, "over", *words, taking))
    assert {row["status"] for row in rows(tmp_path / "b")} == {"completed"}
    records = [json.loads(path.read_text()) for path in (tmp_path / "a").glob("trials/*/trial.json")]
    before = [record["params"]["x"] for record in records if record["status"] == "completed"]
    here = [row["x"] for row in rows(tmp_path / "b")]
    assert sorted(map(int, before + here)) == list(range(12))
    assert len(records) > len(before), "some were under way"
    again = start(tmp_path / "a", server.url, "over", *words)
    again.communicate(timeout=300)
    assert {row["cause"] for row in rows(tmp_path / "a") if row["status"] != "completed"} == {
        "another driver of the shared study took it over"
    }
    kept = [t.params["x"] for t in study(server, "over").trials if t.state.name == "COMPLETE"]
    assert sorted(kept) == list(range(12))


def test_another_search_is_refused(server, tmp_path):  # noqa: F811
    end(start(tmp_path / "a", server.url, "one", "x=1,2"))
    other = start(tmp_path / "b", server.url, "one", "x=1,2,3")
    assert "is another search than this one" in other.communicate(timeout=300)[0]
    assert other.returncode != 0
