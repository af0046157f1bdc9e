"""Sweeps on other launchers: workers, drivers and nodes that are killed. SLURM is submitit's local executor."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from runner.record.lock import Lock
from tests.faults import sweeps
from tests.faults.fault import Fault, Seen, manners, said
from tests.faults.process import Started

RUNS = [word.replace("max_epochs=3", "max_epochs=300") for word in sweeps.RUNS]
RUNS = [word.replace("every_epochs=2", "every_seconds=0.2") for word in RUNS]
CHOSEN = {
    "ray": ["hydra/launcher=ray"],
    "slurm": ["hydra/launcher=slurm", "hydra.launcher.executor=local"],
}


class LauncherFault(Fault):
    """Something dies at a random moment, once a trial is at work."""

    quick = 0  # tests/sweep/launcher/test_clusters.py kills each of them
    launchers: ClassVar[Sequence[str]] = ("ray", "slurm")

    def missing(self) -> str | None:
        """Both libraries are extras."""
        lacking = [name for name in ("ray", "submitit") if importlib.util.find_spec(name) is None]
        return f"{' and '.join(lacking)} not installed" if lacking else None

    def ways(self) -> Sequence[str]:
        """Launchers and seeds."""
        return [f"{launcher} {seed}" for seed in range(10) for launcher in self.launchers]

    def begin(self, way: str, folder: Path, *more: str) -> Started:
        """A sweep of which a trial has been at work for a random time."""
        launcher, _, seed = way.partition(" ")
        sweep = sweeps.start([*RUNS, *CHOSEN[launcher], *more], folder)
        sweep.until(lambda: bool(holders(folder)))
        time.sleep(random.Random(seed).uniform(0, 5))
        return sweep


def holders(folder: Path) -> list[int]:
    """The processes in which trials are at work."""
    said = [Lock(path).holder for path in (folder / "sweep").glob("trials/*/job.lock")]
    return [int(holder.split()[1]) for holder in said if holder]


class LaunchedWorkerKilled(LauncherFault):
    """SIGKILL of a worker."""

    name = "SIGKILL of a trial's worker on `hydra/launcher=ray` and `slurm`, at random moments"
    holds = "the trial is asked again, goes on from its checkpoint and ends with the same bits"

    def inject(self, way: str, folder: Path) -> Seen:
        """Kill one; the sweep goes on by itself."""
        sweep = self.begin(way, folder)
        killed = 0
        for pid in holders(folder)[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        ended = sweep.end(300)
        told = f"asked again, {said(ended)}" if killed else "all trials had ended"
        return sweeps.judged(folder, told, {}, RUNS, [ended])


class LaunchedDriverKilled(LauncherFault):
    """SIGKILL of the driver."""

    name = "SIGKILL of the driver on `hydra/launcher=ray` and `slurm`, at random moments"
    holds = "every point once, with the same bits; what was completed is not run again"

    def inject(self, way: str, folder: Path) -> Seen:
        """Kill it, then give the same command again."""
        launcher = way.partition(" ")[0]
        sweep = self.begin(way, folder)
        os.kill(sweep.pid, signal.SIGKILL)
        sweep.process.join()
        before = sweeps.records(folder / "sweep")
        again = sweeps.start([*RUNS, *CHOSEN[launcher]], folder).end(300)
        return sweeps.judged(folder, "killed by signal 9, then the same command", before, RUNS, [again])


class NodeKilled(LauncherFault):
    """A node of a Ray cluster goes."""

    name = "a node of a Ray cluster of two is killed, at random moments"
    holds = LaunchedWorkerKilled.holds
    launchers: ClassVar[Sequence[str]] = ("ray",)

    def inject(self, way: str, folder: Path) -> Seen:
        """Kill it; another one comes in its place."""
        with _cluster() as (cluster, small):
            sweep = self.begin(way, folder, f"hydra.launcher.address={cluster.address}")
            cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
            cluster.add_node(**small)
            ended = sweep.end(300)
        return sweeps.judged(folder, said(ended), {}, RUNS, [ended], manners(ended))


@contextmanager
def _cluster() -> Iterator[tuple[Any, dict[str, int]]]:
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    cluster.add_node(**small)
    try:
        yield cluster, small
    finally:
        cluster.shutdown()


FAULTS = (LaunchedWorkerKilled(), LaunchedDriverKilled(), NodeKilled())
