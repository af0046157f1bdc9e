"""What travels to other machines, and how launchers that are not ours are used; the clusters are in test_clusters."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from runner.errors import ConfigError, RunFailed
from runner.record.lock import Lock
from runner.sweep.driver import LOSSES
from runner.sweep.launcher import batches, remote
from runner.sweep.launcher.by_name import ByName
from runner.sweep.launcher.remote import TOKEN, RemoteLauncher, Work

APPS = Path(__file__).parents[2] / "apps"
CONFIG = OmegaConf.create({"hydra": {"job": {"name": "test"}, "callbacks": {}}})


def at_top_level(config):
    return 1.0


def add(application, folder, *numbers):
    return application.task(None) + sum(numbers)


def fail(application, folder):
    raise ValueError("no luck")


def stopped(application, folder):
    raise KeyboardInterrupt


class InThisProcess(RemoteLauncher):
    """Does the work when it is waited for, as another process would: through a pickle. `plan` may take its place."""

    def __init__(self, count, application, plan=None):
        super().__init__(count, application)
        self.plan, self.killed, self.shut = plan or {}, [], 0

    def _submit(self, work):
        return pickle.dumps(work)

    def _ended(self, handles, seconds):
        found = {}
        for number, handle in handles.items():
            answer = self.plan[number].pop(0) if self.plan.get(number) else "do"
            if answer == "do":
                found[number] = pickle.loads(handle)()
            elif answer == "do, and be lost":
                pickle.loads(handle)()
                found[number] = "its node was lost"
            elif answer == "wait":
                time.sleep(seconds)
            else:
                found[number] = answer
        return found

    def _kill(self, handle):
        self.killed.append(handle)

    def _shut(self):
        self.shut += 1


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "sweep" / "trials" / "0000"
    folder.mkdir(parents=True)
    return folder


def test_a_job_is_done_by_the_name_of_its_task(sweep):
    launcher = InThisProcess(2, ByName.of(at_top_level, CONFIG))
    launcher.open(sweep.parents[1])
    launcher.start(7, add, sweep, 2, 3)
    launcher.start(8, fail, sweep)
    assert (launcher.idle, launcher.jobs) == (0, [7, 8])
    with pytest.raises(RuntimeError):
        launcher.start(9, add, sweep)
    done, failed = launcher.wait(0)
    assert (done.job, done.kind, done.value) == (7, "returned", 6.0)
    assert (failed.job, failed.kind, failed.cause) == (8, "raised", "ValueError: no luck")
    assert not Lock(sweep / "job.lock").held, "the next job there need not wait for this process to end"
    launcher.start(9, stopped, sweep)
    (outcome,) = launcher.wait(0)
    assert (outcome.kind, outcome.cause) == ("interrupted", "the sweep was stopped")
    assert (launcher.idle, launcher.jobs, launcher.close(), launcher.shut) == (2, [], [], 1)
    launcher.close()
    assert launcher.shut == 1


def test_what_no_other_process_could_find_is_refused_with_the_reason():
    def inside(config):
        return 1.0

    for task in (inside, lambda config: 1.0):
        with pytest.raises(ConfigError, match="can't be found by processes on other machines: no module has it"):
            ByName.of(task, CONFIG)


@pytest.mark.parametrize("way", ["script", "-m"])
def test_a_script_and_what_is_wrapped_around_its_task_are_found_anew(tmp_path, way):
    """In a process that knows nothing but the pickle: decorators stay, callbacks are made, and it does not start."""
    (tmp_path / "own.py").write_text(
        "import functools, hydra, pickle, sys\n"
        "from omegaconf import OmegaConf\n"
        "from runner.sweep.launcher.by_name import ByName\n"
        "from hydra.experimental.callback import Callback\n"
        "class Mine(Callback): pass\n"
        "def twice(f):\n"
        "    @functools.wraps(f)\n"
        "    def g(c): return 2 * f(c)\n"
        "    return g\n"
        "@twice\n"
        "def task(c): return 21\n"
        "hidden = task\n"
        "task = hydra.main(version_base='1.3')(task)\n"
        "if __name__ == '__main__':\n"
        "    from hydra import version; version.setbase('1.3')\n"
        "    hydra = {'job': {'name': 'j'}, 'callbacks': {'a': {'_target_': __name__ + '.Mine'}}}\n"
        "    found = ByName.of(hidden, OmegaConf.create({'hydra': hydra}))\n"
        "    sys.stdout.buffer.write(pickle.dumps(found))\n"
    )
    words = [str(tmp_path / "own.py")] if way == "script" else ["-m", "own"]
    made = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, timeout=120)
    assert made.returncode == 0, made.stderr.decode()
    code = (
        "import os, pickle, sys; from hydra import version; a = pickle.loads(sys.stdin.buffer.read()).load()\n"
        "from hydra.core.utils import JobRuntime; from omegaconf import OmegaConf\n"
        "print(a.task(None), len(a.callbacks.callbacks), version.base_at_least('1.3'))\n"
        "print(JobRuntime.instance().get('name'), OmegaConf.has_resolver('now'), os.getcwd())"
    )
    found = subprocess.run([sys.executable, "-c", code], input=made.stdout, capture_output=True, timeout=120, cwd="/")
    assert found.stdout.decode().split() == ["42", "1", "True", "j", "True", str(tmp_path)], found.stderr.decode()


def test_a_machine_that_does_not_see_the_folder_ends_the_sweep_with_a_word(sweep, monkeypatch):
    monkeypatch.setattr(remote, "APPEARS", 0.1)
    launcher = InThisProcess(1, ByName.of(at_top_level, CONFIG))
    launcher.open(sweep.parents[1])
    (sweep.parents[1] / TOKEN).unlink()
    launcher.start(0, add, sweep)
    with pytest.raises(RunFailed, match=r"not every machine sees this folder.*No such file.*hydra.sweep.dir=DIR"):
        launcher.wait(0)
    second = InThisProcess(1, ByName.of(at_top_level, CONFIG))
    second.open(sweep.parents[1])
    assert pickle.loads(launcher._submit(Work(launcher._application, launcher._token, add, sweep, ())))().kind == (
        "unshared"
    ), "a job of a driver that is gone does nothing beside the next one's"


def test_a_trial_that_another_worker_is_at_is_left_alone(sweep, monkeypatch):
    monkeypatch.setattr(remote, "FREED", 0.3)
    launcher = InThisProcess(1, ByName.of(at_top_level, CONFIG))
    launcher.open(sweep.parents[1])
    lock = Lock(sweep / "job.lock")
    assert lock.take() is None
    launcher.start(0, add, sweep, 1)
    (outcome,) = launcher.wait(0)
    assert outcome.kind == "raised"
    assert "a worker of an earlier start, is at work on this trial" in outcome.cause
    lock.release()
    launcher.start(0, add, sweep, 1)
    assert launcher.wait(0)[0].value == 2.0


def test_time_is_counted_from_when_a_job_begins(sweep, monkeypatch):
    monkeypatch.setattr(remote, "LOOK", 0.0)
    launcher = InThisProcess(1, ByName.of(at_top_level, CONFIG), {0: ["wait"] * 9})
    launcher.open(sweep.parents[1])
    launcher.start(0, add, sweep, timeout=0.05)
    time.sleep(0.1)
    assert (launcher.wait(0), launcher.elapsed(0)) == ([], 0.0), "it waits in a queue"
    lock = Lock(sweep / "job.lock")
    assert lock.take() is None
    assert launcher.wait(0) == []
    time.sleep(0.1)
    (outcome,) = launcher.wait(0)
    assert (outcome.kind, len(launcher.killed)) == ("timeout", 1)
    assert launcher.jobs == []


def test_jobs_are_asked_to_save_themselves_before_they_are_ended(sweep):
    launcher = InThisProcess(2, ByName.of(at_top_level, CONFIG), {0: ["wait"] * 99})
    launcher.open(sweep.parents[1])
    queued = sweep.with_name("0001")
    queued.mkdir()
    for number, folder in enumerate((sweep, queued)):
        launcher.start(number, add, folder)
    lock = Lock(sweep / "job.lock")
    assert lock.take() is None
    (outcome,) = launcher.close(grace=0.3)
    assert (outcome.job, outcome.kind) == (1, "interrupted"), "what waited in a queue is taken out of it"
    asked = json.loads((sweep / "stop.json").read_text())
    assert (asked["status"], asked["to"]) == ("interrupted", lock.path.read_text())
    assert len(launcher.killed) == 2


@pytest.fixture
def losing(app, monkeypatch):
    """The application's trials on a launcher that loses some of them, as `plan` says."""

    def run(name, plan, *overrides):
        made = {}

        def make(workers, task, context, config, modules):
            made["launcher"] = InThisProcess(workers, ByName.of(task, config), plan)
            return made["launcher"]

        monkeypatch.setattr("runner.sweep.launcher.choice.make_launcher", make)
        try:
            app(name, *overrides)
        finally:
            made["launcher"].close()
        return app

    return run


def test_a_lost_worker_is_no_failure_of_its_trial(losing):
    app = losing("sphere", {1: ["node a was lost", "node b was lost"]}, "x=1,2,3")
    assert app.column("status") == ["completed"] * 3
    assert app.column("number") == ["0", "1", "2"]
    assert [record["attempts"] for record in app.records()] == [0, 0, 0]
    assert (app.folder / app.rows[1]["folder"] / "output.log").read_text().count("was lost") == 2


def test_a_worker_that_is_lost_behind_the_end_of_its_trial_costs_nothing(losing):
    app = losing("curves", {1: ["do, and be lost"]}, "lr=0.1,0.2", "epochs=2", "sleep=0")
    assert app.column("status") == ["completed"] * 2
    assert [record["losses"] for record in app.records()] == [0, 0]
    assert (app.folder / app.rows[1]["folder"] / "starts.txt").read_text() == "0\n", "it was not begun again"


def test_a_trial_that_loses_its_worker_each_time_fails_with_the_cause(losing):
    with pytest.raises(RunFailed, match=rf"1 of 3 trials failed; .*its node was lost, {LOSSES} times where the trial"):
        losing("sphere", {1: ["its node was lost"] * LOSSES}, "x=1,2,3", "hydra.sweeper.retries=2")


def test_losses_count_only_where_the_trial_gets_no_further():
    from runner.sweep.driver import Driver
    from runner.sweep.pruning import Curve
    from runner.sweep.trial import Trial

    trial = Trial(0, 0, 0, 0, {}, [], "0000", {})
    driver = Driver.__new__(Driver)
    driver.following = type("Following", (), {"curves": {0: Curve()}})()
    for epoch in range(1, 9):
        driver.curves[0].scores[epoch] = 1.0
        driver._lose(trial, "gone")
        assert trial.status == "interrupted"
    driver._lose(trial, "gone")
    assert trial.status == "interrupted"
    driver._lose(trial, "gone")
    assert (trial.status, trial.cause) == ("failed", "gone, 3 times where the trial had got no further")


TOY = """
import pickle
from hydra._internal.core_plugins.basic_launcher import BasicLauncher

class ToyLauncher(BasicLauncher):
    batches = []

    def __init__(self, size=1):
        self.size = size

    def launch(self, job_overrides, initial_job_idx):
        ToyLauncher.batches.append((initial_job_idx, [list(words) for words in job_overrides]))
        if len(ToyLauncher.batches) == self.size:
            raise OSError("the other cluster is down")
        return super().launch(job_overrides, initial_job_idx)
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A launcher of somebody else's."""
    from hydra.core.plugins import Plugins
    from hydra.core.singleton import Singleton

    import hydra_plugins

    place = tmp_path / "theirs" / "hydra_plugins" / "toy_launcher"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text(TOY)
    monkeypatch.setattr(hydra_plugins, "__path__", [*hydra_plugins.__path__, str(place.parent)])
    monkeypatch.setitem(Singleton._instances, Plugins, None)
    del Singleton._instances[Plugins]
    node = {"_target_": "hydra_plugins.toy_launcher.ToyLauncher", "size": 0}
    ConfigStore.instance().store(group="hydra/launcher", name="toy", node=node)
    yield lambda: Plugins.instance().class_name_to_class[node["_target_"]].batches
    sys.modules.pop("hydra_plugins.toy_launcher", None)


def test_another_launcher_works_in_batches(app, toy):
    app("curves", "lr=0.1,0.2,0.3", "epochs=2", "hydra/launcher=toy", "hydra.sweeper.workers=2")
    assert app.column("status") == ["completed"] * 3
    assert [(first, [words[0] for words in jobs]) for first, jobs in toy()] == [
        (0, ["lr=0.1", "lr=0.2"]),
        (2, ["lr=0.3"]),
        (3, ["lr=0.3"]),  # the winner on the test split
    ]
    loss = [float(value) for value in app.column("val/loss")]
    assert loss == pytest.approx([1 / 1.2, 1 / 1.4, 1 / 1.6])
    assert app.result["test"] == {"loss": 0.5}


def test_a_batch_that_another_launcher_loses_is_asked_again(app, toy):
    app("sphere", "x=1,2,3", "hydra/launcher=toy", "hydra.sweeper.workers=2", "hydra.launcher.size=2")
    assert app.column("status") == ["completed"] * 3
    assert [record["losses"] for record in app.records()] == [0, 0, 1]


def test_a_job_of_a_batch_that_is_stopped_is_no_failure(sweep, monkeypatch):
    number = SimpleNamespace(job=SimpleNamespace(num=5))
    monkeypatch.setattr(batches.HydraConfig, "get", lambda: number)
    batch = batches.Batch(at_top_level, [(fail, sweep, ()), (stopped, sweep, ())], first=4)
    assert batch(CONFIG)[:3] == ("interrupted", None, "the sweep was stopped")


def test_what_another_launcher_composes_lands_in_the_trials_folder(tmp_path):
    folder = tmp_path / "it's here" / "trials" / "0000-x"
    folder.mkdir(parents=True)
    (folder / "trial.json").write_text(json.dumps({"overrides": ["x=1"]}))
    parsed = OverridesParser.create().parse_overrides(batches._overrides(folder))
    given = {override.key_or_group: str(override.value()) for override in parsed}
    assert (given["x"], given["hydra.sweep.dir"]) == ("1", str(tmp_path / "it's here"))
    assert given["hydra.sweep.subdir"] == "trials/0000-x"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("hydra/launcher=ray hydra.launcher.cpu=2", "hydra.launcher has no argument 'cpu'. Did you mean 'cpus'"),
        ("hydra/launcher=ray hydra.launcher.cpus=0", "hydra.launcher: cpus=0: expected a number above 0"),
        ("hydra/launcher=ray hydra.launcher.gpus=-1", "expected a number of at least 0"),
        ("hydra/launcher=ray hydra.launcher.address=6", "hydra.launcher: address=6: expected a text"),
        ("hydra/launcher=ray hydra.launcher.resources=3", "resources=3: expected a mapping"),
        ("hydra/launcher=ray hydra.launcher.resources={big: no}", "resources.big=.*: expected a number above 0"),
        ("hydra/launcher=slurm hydra.launcher.time=1.5", "time=1.5: expected a whole number"),
        ("hydra/launcher=slurm hydra.launcher.executor=pbs", "executor=pbs: expected slurm or local"),
        ("hydra/launcher=local +hydra.launcher.count=3", "hydra/launcher=local has no settings"),
    ],
)
def test_settings_of_launchers_are_checked_before_anything_starts(app, words, message):
    with pytest.raises(ConfigError, match=message):
        app("sphere", "x=1,2", *words.split(" ", 1))
    assert not app.folder.exists()


def test_slurm_without_slurm_says_what_can_be_done(app, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match=r"no sbatch on this machine.*hydra.launcher.executor=local"):
        app("sphere", "x=1,2", "hydra/launcher=slurm")
    assert not app.folder.exists()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "127.0.0.1:99999", "no..name:6379"])
def test_an_address_where_no_cluster_is_is_refused_before_ray_waits_for_it(address):
    pytest.importorskip("ray", reason="ray is not installed")
    from runner.sweep.launcher.ray import RayLauncher

    with pytest.raises(ConfigError) as refused:
        RayLauncher(1, None, address=address).check()
    assert f"hydra.launcher.address={address}: no Ray cluster can be used there" in str(refused.value)
