"""Hydra's own conformance suite for launchers (`hydra.test_utils.launcher_common_tests`), with our sweepers.

A sweeper of ours returns the content of its ``result.json`` and not what the suite looks at, Hydra's `JobReturn`s; so
each job leaves its own in its folder, by a callback that Hydra ships, and here they are read from there.
"""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
from hydra import version
from hydra.test_utils import launcher_common_tests
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)
from hydra.test_utils.test_utils import SweepTaskFunction

from runner.sweep import sweep as sweep_module

KEEP = "+hydra.callbacks.keep._target_=hydra.experimental.callbacks.PickleJobInfoCallback"
# What Hydra's folders are called where nothing is said; ours are trials/NNNN-OVERRIDES unless this is typed.
NUMBERED = "hydra.sweep.subdir=${hydra.job.num}"


class Sweep(SweepTaskFunction):
    batch = 0

    def __enter__(self):
        self.overrides = [*self.overrides, KEEP, NUMBERED]
        super().__enter__()
        found = sorted(Path(self.temp_dir).glob("[0-9]*/.hydra/job_return.pickle"), key=lambda p: int(p.parts[-3]))
        returns = [pickle.loads(path.read_bytes()) for path in found]
        size = self.batch or len(returns)
        self.returns = [returns[i : i + size] for i in range(0, len(returns), size)]
        return self


@pytest.fixture(autouse=True)
def _as_where_no_version_is_named(monkeypatch):
    """The suite relies on what Hydra does then; tests in the same process may have named one."""
    monkeypatch.setattr(version.VersionBase.instance(), "version_base", version.__compat_version__)


@pytest.fixture
def hydra_sweep_runner(monkeypatch):
    """In the place of Hydra's."""
    monkeypatch.setattr(sweep_module.Painter, "start", lambda self: None)

    def make(*, temp_dir, **given):
        sweep = Sweep()
        vars(sweep).update(given, temp_dir=str(temp_dir))
        return sweep

    return make


@pytest.mark.parametrize("launcher_name", ["basic"])
@pytest.mark.parametrize("overrides", [["hydra/sweeper=grid"], ["hydra/sweeper=grid", "hydra.sweeper.workers=2"]])
class TestLauncher(LauncherTestSuite):
    pass


@pytest.mark.parametrize(("launcher_name", "overrides"), [("basic", ["hydra/sweeper=grid"])])
class TestBatches(BatchedSweeperTestSuite):
    @pytest.fixture(autouse=True)
    def _in_twos(self, monkeypatch):  # there are no batches; each trial starts when a worker is free
        monkeypatch.setattr(Sweep, "batch", 2)


ONE = "hydra.sweeper.n_trials=1"


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [
        ({}, ["-m", "hydra/sweeper=grid"]),
        pytest.param({}, ["-m", "hydra/sweeper=random", ONE], marks=pytest.mark.long),
        pytest.param({}, ["-m", "hydra/sweeper=bayes", ONE], marks=pytest.mark.long),
    ],
)
class TestIntegration(IntegrationTestSuite):
    @pytest.fixture(autouse=True)
    def _anew(self, monkeypatch):  # the suite gives a command twice in one folder, and a sweep repeats no trial
        integration_test = launcher_common_tests.integration_test

        def run(tmpdir, **given):
            shutil.rmtree(tmpdir / "cli_dir", ignore_errors=True)
            return integration_test(tmpdir, **given)

        monkeypatch.setattr(launcher_common_tests, "integration_test", run)
