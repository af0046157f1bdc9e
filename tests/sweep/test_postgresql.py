"""Sweeps whose study lies in PostgreSQL: a server of our own is started for them."""

from __future__ import annotations

import csv
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest

pytestmark = pytest.mark.slow
APP = Path(__file__).parents[1] / "apps" / "sphere.py"
PASSWORD = "sesame-8q2v"
PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), default=None)


@dataclass
class Server:
    """A PostgreSQL server on a port of its own, which lets nobody in without the password."""

    folder: Path
    port: int
    account: dict[str, Any]

    @property
    def url(self) -> str:
        return f"postgresql://runner@127.0.0.1:{self.port}/postgres"

    @property
    def secret_url(self) -> str:
        return self.url.replace("runner@", f"runner:{PASSWORD}@")

    def call(self, program: str, *arguments: str) -> None:
        assert PROGRAMS is not None
        command = [str(PROGRAMS / program), "-D", str(self.folder / "data"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, timeout=300, **self.account)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.call("pg_ctl", "-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        self.call("pg_ctl", "-w", "-m", "immediate", "stop")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    if PROGRAMS is None:
        pytest.skip("PostgreSQL is not installed")
    with served() as made:
        yield made


@contextmanager
def served() -> Iterator[Server]:
    """A server for as long as this lasts."""
    account: dict[str, Any] = {}
    if os.getuid() == 0:  # the server refuses to run as root
        user = next((u for u in pwd.getpwall() if u.pw_name in ("postgres", "nobody")), None)
        if user is None:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")
        account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own folders are closed to other users
    try:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            made = Server(folder, free.getsockname()[1], account)
        (folder / "password").write_text(PASSWORD)
        if account:
            for path in (folder, folder / "password"):
                os.chown(path, account["user"], account["group"])
        words = ["-U", "runner", "-A", "scram-sha-256", "--pwfile", str(folder / "password"), "-E", "UTF8", "-N"]
        made.call("initdb", *words, "--locale=C")
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def command(folder: Path, storage: str, *more: str) -> list[str]:
    where = [f"hydra.sweep.dir={folder}", f"hydra.sweeper.storage={storage}", "hydra.sweeper.plots=false"]
    return [sys.executable, str(APP), "-m", "hydra/sweeper=grid", "hydra.sweeper.workers=2", *where, *more]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "HYDRA_FULL_ERROR": "1", **more}


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))


def wait_for(folder: Path, pattern: str, count: int) -> None:
    until = time.monotonic() + 60
    while len(list(folder.glob(pattern))) < count:
        assert time.monotonic() < until, f"no {pattern} in {folder}"
        time.sleep(0.02)


def holding(folder: Path, text: str) -> list[Path]:
    """Files in which `text` stands."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["url", "variable"])
def test_a_killed_sweep_goes_on_and_no_secret_is_written(server, tmp_path, way):
    if way == "url":
        env = environment(STUDY_URL=server.secret_url)
        words = command(tmp_path, "${oc.env:STUDY_URL}", "x=range(12)", "sleep=0.1")
    else:
        env = environment(PGPASSWORD=PASSWORD)
        words = command(tmp_path, server.url, "x=range(12)", "sleep=0.1")
    first = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(tmp_path, "trials/*/trial.json", 4)
    first.send_signal(signal.SIGSTOP)  # it is still at work when the second one comes, however long that takes
    second = subprocess.run(words, env=env, capture_output=True, text=True, timeout=300)
    first.send_signal(signal.SIGKILL)
    said = first.communicate(timeout=300)[0] + second.stdout + second.stderr
    assert second.returncode != 0
    assert "another driver is at work on this sweep" in second.stderr
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [(r["number"], r["x"], r["status"]) for r in rows(tmp_path)] == [
        (str(i), str(i), "completed") for i in range(12)
    ]
    name = next(line for line in (tmp_path / "sweep.yaml").read_text().splitlines() if line.startswith("study:"))
    study = optuna.load_study(
        storage=server.secret_url.replace("postgresql:", "postgresql+psycopg:"), study_name=name.split()[1]
    )
    kept = [t for t in study.trials if t.state.name == "COMPLETE"]
    assert sorted(t.params["x"] for t in kept) == list(range(12))
    assert sorted(t.value for t in kept) == [i**2 + 100.0 for i in range(12)]
    assert PASSWORD not in said + done.stdout + done.stderr
    assert holding(tmp_path, PASSWORD) == []
    assert holding(tmp_path, "sphere") != []  # the search finds what is there


@pytest.mark.slow
def test_folders_of_one_name_do_not_share_a_study(server, tmp_path):
    env = environment(PGPASSWORD=PASSWORD)
    for place, x in (("here", "1,2"), ("there", "1,2,3")):
        folder = tmp_path / place / "sweep"
        done = subprocess.run(command(folder, server.url, f"x={x}"), env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    names = {str(line) for p in tmp_path.glob("*/sweep/sweep.yaml") for line in p.open() if line.startswith("study:")}
    assert len(names) == 2


@pytest.mark.slow
def test_a_server_that_goes_away_stops_the_sweep_with_a_word_and_loses_nothing(server, tmp_path):
    env = environment(STUDY_URL=server.secret_url) | {"HYDRA_FULL_ERROR": "0"}
    words = command(tmp_path, "${oc.env:STUDY_URL}", "x=range(12)", "sleep=0.1")
    process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path, "trials/*/trial.json", 4)
    server.stop()
    try:
        _, said = process.communicate(timeout=300)
        refused = subprocess.run(words, env=env, capture_output=True, text=True, timeout=300)
    finally:
        server.start()
    assert process.returncode == 1
    assert "Traceback" not in said
    assert "hydra.sweeper.storage: the connection was lost" in said
    assert "The same command continues the sweep" in said
    assert "hydra.sweeper.storage: can't open the storage" in refused.stderr
    assert "refused" in refused.stderr, "it says why"
    assert PASSWORD not in said + refused.stdout + refused.stderr
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [(r["x"], r["status"]) for r in rows(tmp_path)] == [(str(i), "completed") for i in range(12)]
