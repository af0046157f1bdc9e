"""The same sweep on every launcher, and what becomes of it when nodes, workers and drivers are killed.

Ray runs as a cluster of two nodes on this machine, SLURM as submitit's local executor.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.record.lock import Lock

pytestmark = pytest.mark.slow
APPS = Path(__file__).parents[2] / "apps"
LOCALLY = ["hydra/launcher=slurm", "hydra.launcher.executor=local"]
PATIENCE = 240  # seconds; a busy machine is no fault


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray", reason="ray is not installed")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    made = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    made.small = small
    made.add_node(**small)
    try:
        yield made
    finally:
        made.shutdown()


@pytest.fixture
def words(request):
    """How a launcher is chosen; the cluster is started only where it is needed."""

    def of(launcher):
        if launcher == "ray":
            return ["hydra/launcher=ray", f"hydra.launcher.address={request.getfixturevalue('cluster').address}"]
        pytest.importorskip("submitit", reason="submitit is not installed")
        return LOCALLY if launcher == "slurm" else ["hydra/launcher=local"]

    return of


class Driver:
    """A sweep of curves, in a process of its own."""

    def __init__(self, folder, launcher, *overrides, app="curves"):
        where = [
            "hydra/sweeper=grid",
            f"hydra.sweep.dir={folder}",
            "hydra.sweeper.workers=2",
            "hydra.sweeper.plots=false",
        ]
        self.folder = folder
        env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{APPS.parents[1]}"}
        self.process = subprocess.Popen(
            [sys.executable, str(APPS / f"{app}.py"), "-m", *where, *launcher, *overrides],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until(self, what):
        limit = time.monotonic() + PATIENCE
        while not (found := what()):
            assert time.monotonic() < limit
            assert self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.05)
        return found

    def reported(self, epochs):
        """Folders of trials that reported so many epochs and are at work."""
        files = [path for path in self.folder.glob("trials/*/metrics.jsonl") if Lock(path.with_name("job.lock")).held]
        return [path.parent for path in files if len(path.read_text().splitlines()) >= epochs]

    def end(self):
        said = self.process.communicate(timeout=PATIENCE)[0]
        assert self.process.returncode == 0, said
        return said

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=PATIENCE)  # its jobs may go on, and have its streams
        self.process.stdout.close()


def table(folder):
    with open(folder / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))


def check_all_once(folder, lrs, epochs):
    """Every point is there once, completed, and each epoch of it was run once, but for one that a kill cut off."""
    rows = table(folder)
    assert [(row["number"], row["status"], row["lr"]) for row in rows] == [
        (str(i), "completed", lr) for i, lr in enumerate(lrs)
    ]
    for row in rows:
        place = folder / row["folder"]
        starts = [int(line) for line in (place / "starts.txt").read_text().split()]
        ran = [json.loads(line)["epoch"] for line in (place / "metrics.jsonl").read_text().splitlines()]
        assert sorted(set(ran)) == list(range(1, epochs + 1))
        assert len(ran) - epochs <= len(starts) - 1
        assert ran == sorted(ran), "two were at it at the same time"
        assert starts == sorted(starts), "it began anew"
        assert float(row["val/loss"]) == pytest.approx(1 / (1 + float(row["lr"]) * epochs))
    assert not list(folder.glob("trials/*/tested.txt")) or sum(1 for _ in folder.glob("trials/*/tested.txt")) == 1


@pytest.mark.parametrize("launcher", ["ray", "slurm"])
@pytest.mark.parametrize(
    ("sweeper", "search"),
    [
        ("grid", ["lr=0.1,0.2", "epochs=2,3"]),
        pytest.param("random", ["lr=interval(0.1,1)", "hydra.sweeper.n_trials=4"], marks=pytest.mark.long),
    ],
)
def test_the_same_trials_as_on_this_machine(app, words, tmp_path, launcher, sweeper, search):
    found = []
    for name in ("local", launcher):
        app.folder = tmp_path / name
        app("curves", *search, "sleep=0", "hydra.sweeper.workers=2", *words(name), sweeper=sweeper)
        keys = ("number", "point", "index", "params", "overrides", "folder", "config", "status", "values", "scores")
        found.append([{key: record[key] for key in keys} for record in app.records()])
    assert len(found[0]) == 4
    assert found[0] == found[1]


def test_a_node_that_is_killed_loses_nothing(words, cluster, tmp_path):
    lrs = ["0.1", "0.2", "0.3"]
    driver = Driver(tmp_path, words("ray"), f"lr={','.join(lrs)}", "epochs=25", "sleep=0.1")
    driver.until(lambda: len(driver.reported(3)) == 2)
    cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
    cluster.add_node(**cluster.small)
    said = driver.end()
    assert "interrupted (its worker was lost" in said
    check_all_once(tmp_path, lrs, 25)
    records = [json.loads((tmp_path / row["folder"] / "trial.json").read_text()) for row in table(tmp_path)]
    assert sum(record["losses"] for record in records) == 1
    assert {record["attempts"] for record in records} == {0}


@pytest.mark.parametrize("launcher", ["ray", pytest.param("slurm", marks=pytest.mark.long)])
def test_a_worker_that_is_killed_loses_nothing(words, tmp_path, launcher):
    lrs = ["0.1", "0.2"]
    driver = Driver(tmp_path, words(launcher), f"lr={','.join(lrs)}", "epochs=15", "sleep=0.4")
    holder = driver.until(lambda: next((Lock(place / "job.lock").holder for place in driver.reported(3)), None))
    os.kill(int(holder.split()[1]), signal.SIGKILL)
    assert "was lost" in driver.end()
    check_all_once(tmp_path, lrs, 15)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("ray", "ray", marks=pytest.mark.long),
        ("slurm", "slurm"),
        pytest.param("slurm", "local", marks=pytest.mark.long),
    ],
)
def test_a_driver_that_is_killed_loses_nothing_and_nothing_runs_twice(words, tmp_path, before, after):
    lrs = ["0.1", "0.2", "0.3"]
    search = [f"lr={','.join(lrs)}", "epochs=20", "sleep=0.3"]
    driver = Driver(tmp_path, words(before), *search)
    driver.until(lambda: len(driver.reported(3)) == 2)
    driver.kill()
    again = Driver(tmp_path, words(after), *search)
    said = again.end()
    check_all_once(tmp_path, lrs, 20)
    assert ("ended the jobs that an earlier start had handed to SLURM" in said) == (before == "slurm")


@pytest.mark.long
def test_a_run_whose_machine_is_wanted_saves_itself_and_goes_on(words, tmp_path):
    """What SLURM sends before a time limit or a preemption; the run ends up where one ends that nothing happened to."""
    training = ["data=iris", "model.hidden=[4]", "optimizer.lr=0.01,0.02", "trainer.max_epochs=600"]
    driver = Driver(tmp_path / "a", words("slurm"), *training, "trainer.threads=1", "trainer.images=0", app="train")
    driver.until(lambda: len(driver.reported(50)) == 2)
    for place in driver.reported(50):
        os.kill(int(Lock(place / "job.lock").holder.split()[1]), signal.SIGUSR2)
    assert "interrupted" not in driver.end()
    Driver(tmp_path / "b", words("local"), *training, "trainer.threads=1", "trainer.images=0", app="train").end()
    rows, undisturbed = table(tmp_path / "a"), table(tmp_path / "b")
    assert [row["val/loss"] for row in rows] == [row["val/loss"] for row in undisturbed]
    logs = [path.read_text() for path in (tmp_path / "a" / "slurm").glob("*/*.out")]
    assert sum(log.count("Requeued job") for log in logs) == 2


@pytest.mark.parametrize(("launcher", "number"), [("slurm", signal.SIGINT), ("ray", signal.SIGTERM)])
def test_one_who_is_asked_to_stop_has_trials_save_themselves(words, tmp_path, launcher, number):
    """Ray takes SIGTERM for itself when it starts."""
    driver = Driver(tmp_path, words(launcher), "lr=0.1,0.2", "epochs=15", "sleep=0.3")
    driver.until(lambda: driver.reported(2))
    driver.process.send_signal(number)
    assert "Stopped. The same command continues the sweep" in driver.process.communicate(timeout=PATIENCE)[0]
    assert not [path for path in tmp_path.glob("trials/*/job.lock") if Lock(path).held]
    Driver(tmp_path, words("local"), "lr=0.1,0.2", "epochs=15", "sleep=0.3").end()
    check_all_once(tmp_path, ["0.1", "0.2"], 15)


SBATCH = """#!/bin/sh
number=$(($(ls "$PLAYED" | wc -l) + 1))
cp "$1" "$PLAYED/$number"
SLURM_JOB_ID=$number SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_LOCALID=0 SLURM_PROCID=0 \\
    sh "$1" > /dev/null 2>&1 &
echo "Submitted batch job $number"
"""
SRUN = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; [ -f "$1" ] || case "$1" in /*log.*|*.out) shift;; esac; done
exec "$@"
"""


def test_jobs_are_submitted_as_slurm_takes_them(app, tmp_path, monkeypatch):
    """Its programs are played by others here: what they are given is looked at, and done."""
    pytest.importorskip("submitit", reason="submitit is not installed")
    programs, played = tmp_path / "bin", tmp_path / "played"
    programs.mkdir()
    played.mkdir()
    sacct = "#!/bin/sh\necho 'JobID|State|NodeList'\nfor i in $(seq 9); do echo \"$i|RUNNING|here\"; done\n"
    for name, text in {"sbatch": SBATCH, "srun": SRUN, "sacct": sacct, "scancel": "#!/bin/sh\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PLAYED", str(played))
    settings = {"partition": "gpu", "account": "lab", "qos": "low", "time": 90, "gres": "gpu:1", "mem": "8G", "cpus": 3}
    words = [f"hydra.launcher.{key}={value}" for key, value in settings.items()]
    app("sphere", "x=1,2", "hydra/launcher=slurm", *words, "hydra.launcher.additional={constraint: a100}")
    assert app.column("objective") == ["101.0", "104.0"]
    said = (played / "1").read_text()
    wanted = "partition=gpu account=lab qos=low time=90 gres=gpu:1 mem=8G cpus-per-task=3 constraint=a100"
    for option in [*wanted.split(), "signal=USR2@90", "job-name=runner-"]:
        assert f"#SBATCH --{option}" in said
    assert len(list(played.iterdir())) == 2
    place = app.folder / "slurm"
    assert not (place / "jobs.jsonl").exists(), "nothing was left behind for the next start to cancel"
    (files,) = place.iterdir()
    assert re.fullmatch("[0-9a-f]{16}", files.name), "answers lie where no folder from somebody else can have them"
    assert not list(files.glob("*.pkl"))


def test_a_job_in_the_queue_is_cancelled_by_its_name(tmp_path, monkeypatch):
    """Also one that was handed over an instant before its driver died, of which no number was noted."""
    from runner.errors import RunFailed
    from runner.sweep.launcher.slurm import cancel_left

    programs, place = tmp_path / "bin", tmp_path / "sweep" / "slurm"
    programs.mkdir()
    place.mkdir(parents=True)
    (programs / "scancel").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/said\n')
    (programs / "scancel").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    lines = [
        {"name": "runner-0123456789abcdef", "executor": "slurm"},
        {"job": "7"},
        {"name": "all", "executor": "slurm"},
        {"name": "runner-0123456789abcdef,all", "executor": "slurm"},
        {"name": "runner-fedcba9876543210", "executor": "local"},
    ]
    record = place / "jobs.jsonl"
    record.write_text("\n".join(map(json.dumps, lines)) + '\n{"na')
    assert cancel_left(place.parent)
    assert (tmp_path / "said").read_text() == "--name=runner-0123456789abcdef\n"
    assert not cancel_left(place.parent)
    record.write_text(json.dumps(lines[0]))
    shutil.copy("/bin/false", programs / "scancel")
    (programs / "scancel").write_text("#!/bin/sh\necho no controller >&2; exit 1\n")
    with pytest.raises(RunFailed, match="can't be cancelled: no controller"):
        cancel_left(place.parent)
    assert record.exists()


RUNS = ("data=iris", "model.hidden=[4]", "trainer.max_epochs=1", "trainer.threads=1", "trainer.images=0")


def test_resume_takes_another_launcher(words, tmp_path, monkeypatch, capfd):
    from runner.cli.verbs import answer

    monkeypatch.chdir(tmp_path)
    sweep = ["hydra.sweep.dir=sweep", "hydra.sweeper.plots=false", "hydra.sweeper.workers=2"]
    assert answer(["--multirun", *RUNS, "seed=0,1", *sweep]) == 0
    before = table(tmp_path / "sweep")
    shutil.rmtree(tmp_path / "sweep" / before[1]["folder"])
    capfd.readouterr()
    assert answer(["resume", "sweep", *words("slurm")]) == 0
    said = capfd.readouterr().out
    assert "the last start was with hydra/launcher=local, this one is with slurm" in said
    assert "1 of them done before" in said
    after = table(tmp_path / "sweep")
    assert [row["val/loss"] for row in after] == [row["val/loss"] for row in before]
    assert len(list((tmp_path / "sweep" / "slurm").glob("*/*.out"))) == 1


@pytest.mark.long
def test_an_ablation_runs_where_it_is_told_to(words, tmp_path, monkeypatch):
    from runner.cli.verbs import answer

    monkeypatch.chdir(tmp_path)
    for name in ("local", "slurm"):
        line = ["ablate", "optimizer=sgd,adam", *RUNS, "--seeds", "3", "--workers", "2", "--output", name]
        assert answer([*line, *words(name)]) == 0
    found = [json.loads((tmp_path / name / "ablation.json").read_text())["arms"] for name in ("local", "slurm")]
    runs = [[run["scores"] for told in arms.values() for run in told["runs"].values()] for arms in found]
    assert [{**scores, "samples_per_second": 0} for scores in runs[0]] == [
        {**scores, "samples_per_second": 0} for scores in runs[1]
    ]
    assert len(list((tmp_path / "slurm").glob("slurm/*/*.out"))) == 12, "six runs and their tests"
