"""MLflow: a real server with its SQLite store on this machine, asked through its own client."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("mlflow")

from runner.run import resume
from runner.tracking.process.start import Tracking

from .conftest import SMALL, result, rows, state, until

CHOSEN = (*SMALL, "tracking=[mlflow]", "tracking.mlflow.files=[config.yaml]")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    place = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{place}/store.db", "--artifacts-destination", str(place / "files")]
    process = subprocess.Popen(
        command,
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )

    def up():
        assert process.poll() is None, "the server has ended"
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).status == 200
        except (urllib.error.URLError, OSError):
            return False

    try:
        until(up)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its own workers too
        process.wait()


@pytest.fixture
def client(server, monkeypatch):
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    return MlflowClient(server)


def ended(client, folder):
    def look():
        noted = state(folder, "mlflow")
        run = noted and noted["id"] and client.get_run(noted["id"])
        return run if run and run.info.status != "RUNNING" else None

    return until(look)


def history(client, run, name):
    return [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]


def test_a_run_and_how_it_goes_on(go, client):
    go(*CHOSEN, "optimizer=adamw", "data.batch_size=full")
    run = ended(client, "run")
    assert run.info.status == "FINISHED"
    assert run.data.tags["folder"] == str(Path("run").resolve())
    assert run.data.params["optimizer"] == "adamw"
    assert run.data.params["data.batch_size word"] == "full"
    assert history(client, run, "val/loss") == [(row["step"], row["val/loss"]) for row in rows("run")]
    assert run.data.metrics["test/loss"] == result("run")["test"]["loss"]
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["config.yaml"]
    before = run.info.end_time
    resume("run", ["trainer.max_epochs=5"])
    run = until(lambda: (again := ended(client, "run")).info.end_time != before and again)
    assert history(client, run, "val/loss") == [(row["step"], row["val/loss"]) for row in rows("run")]
    assert len(client.search_runs([run.info.experiment_id])) == 1


def test_failed_and_killed(go, client, tmp_path):
    with pytest.raises(Exception, match="non-finite"):
        go(*CHOSEN, "optimizer=sgd", "optimizer.lr=1e30", "trainer.limit_batches=null", folder="bad")
    run = ended(client, "bad")
    assert run.info.status == "FAILED"
    assert "non-finite" in run.data.tags["cause"]
    command = [sys.executable, "-m", "runner", *CHOSEN, "trainer.max_epochs=100000", "hydra.run.dir=long"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: (noted := state(tmp_path / "long", "mlflow")) and noted["sent"])
    finally:
        process.kill()
        process.wait()
    assert ended(client, tmp_path / "long").info.status == "KILLED"


def test_the_trials_of_a_sweep_hang_below_one_run(client, tmp_path):
    command = [sys.executable, "-m", "runner", "--multirun", *CHOSEN, "optimizer=sgd,adam", "hydra.sweep.dir=sweep"]
    command += ["hydra.sweeper.plots=false"]
    subprocess.run([*command, "hydra.sweeper.workers=2"], cwd=tmp_path, check=True, capture_output=True)
    trials = [ended(client, trial) for trial in sorted((tmp_path / "sweep/trials").iterdir())]
    (parent,) = {trial.data.tags["mlflow.parentRunId"] for trial in trials}
    assert client.get_run(parent).info.run_name == "sweep"
    assert {trial.data.params["optimizer"] for trial in trials} == {"sgd", "adam"}
    assert {trial.data.tags["sweep"] for trial in trials} == {"sweep"}


@pytest.mark.long
def test_trials_that_begin_together_make_the_tables_of_a_new_store_once(tmp_path, monkeypatch):
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/new.db")
    (tmp_path / "sweep.yaml").touch()
    folders = [tmp_path / "trials" / name for name in ("0000", "0001", "0002")]
    trials = []
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "config.yaml").touch()
        trials.append(Tracking(folder, {"mlflow": ("runner.tracking.mlflow.MLflow", {})}, {"seed": 1}))
    for trial in trials:
        trial.end()
    for trial in trials:
        trial.processes["mlflow"].wait(120)
    assert all(state(folder, "mlflow") for folder in folders), [
        (folder / "tracking/mlflow.log").read_text() for folder in folders
    ]
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    parents = {client.get_run(state(folder, "mlflow")["id"]).data.tags["mlflow.parentRunId"] for folder in folders}
    assert len(parents) == 1
