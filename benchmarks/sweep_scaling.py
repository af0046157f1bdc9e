"""What a sweep of many trials on many workers asks of the one machine that drives it.

    python benchmarks/sweep_scaling.py --trials 10000 --workers 500
    python benchmarks/sweep_scaling.py --trials 10000 --workers 500 --sweeper bayes

The driver is the real one: it composes, asks, freezes, writes folders, follows scores by epoch, tells, and writes
tables. Only the workers are simulated: a job takes between one and ten minutes of a clock that jumps to the next end,
reports five epochs and ends with a result. What the simulation itself takes is left out. Printed is, for each stretch
of trials, the driver's CPU time and wall time for each of them (so how many trials a second it could feed), and its
memory. Flat lines mean that the next trial costs what the first did.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from runner.sweep.launcher.base import Launcher, Outcome
from runner.sweep.run_trial import Returned

EPOCHS = 5


class Simulated(Launcher):
    """Workers on a clock of their own."""

    def __init__(self, count: int, trials: int) -> None:
        self.count, self.chance = count, random.Random(0)
        self.now = self.busy = 0.0
        self._ends: list[tuple[float, int]] = []
        self._jobs: dict[int, tuple[Path, float]] = {}
        self._marks = iter(range(trials // 10, trials + 1, trials // 10))
        self._mark, self._ended = next(self._marks), 0
        self._before = (0, 0.0, time.process_time(), time.perf_counter())

    @property
    def jobs(self) -> list[int]:
        return list(self._jobs)

    def elapsed(self, job: int) -> float:
        return self.now - self._jobs[job][1]

    def start(self, job: int, function: Any, folder: Path, *args: Any, timeout: float | None = None) -> None:
        self._jobs[job] = (folder, self.now)
        heapq.heappush(self._ends, (self.now + self.chance.uniform(60, 600), job))

    def wait(self, seconds: float) -> list[Outcome]:
        begin = time.perf_counter()
        self.now, job = heapq.heappop(self._ends)
        folder, since = self._jobs.pop(job)
        score = self.chance.random()
        lines = [json.dumps({"epoch": e, "val/loss": score + 1 / e}) for e in range(1, EPOCHS + 1)]
        (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
        (folder / "output.log").write_text("")
        result = {"status": "completed", "monitor": "val/loss", "best_epoch": EPOCHS, "best_value": score + 1 / EPOCHS}
        (folder / "result.json").write_text(json.dumps(result | {"val": {"loss": score + 1 / EPOCHS}}))
        self._ended += 1
        self.busy += time.perf_counter() - begin
        if self._ended == self._mark:
            self._tell()
            self._mark = next(self._marks, 0)
        return [Outcome(job, "returned", Returned("NoneType", None), "", self.now - since)]

    def _tell(self) -> None:
        ended, busy, cpu, wall = self._before
        self._before = (self._ended, self.busy, time.process_time(), time.perf_counter())
        trials, simulated = self._ended - ended, self.busy - busy
        cpu, wall = (self._before[2] - cpu - simulated) / trials, (self._before[3] - wall - simulated) / trials
        memory = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
        print(
            f"trials {ended:6,} to {self._ended:6,}: CPU {1e3 * cpu:6.2f} ms and {1e3 * wall:6.2f} ms in all for each, "
            f"so {1 / wall:4.0f} trials/s; memory {memory:4.0f} MiB",
            file=sys.__stdout__,
            flush=True,
        )

    def close(self, grace: float = 0.0) -> list[Outcome]:
        self._jobs = {}
        return []


class Protocol:
    """Of trials that are never run."""

    modules: tuple[str, ...] = ()
    commanded: tuple[str, ...] = ()

    def check(self, cfg: Any) -> None:
        pass

    def objectives(self, cfg: Any, names: Any) -> dict[str, str]:
        return {"val/loss": "minimize"}

    def whole_numbers_only(self, cfg: Any, key: str) -> bool:
        return False

    def closing(self, sweep: Path) -> list[str]:
        return []


def trial(cfg: Any) -> None:
    raise NotImplementedError


trial.sweep_protocol = Protocol()  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=500)
    parser.add_argument("--sweeper", default="random")
    args = parser.parse_args()
    import hydra

    from runner.config.options import CONF
    from runner.sweep.launcher import choice

    choice.make_launcher = lambda workers, *rest: Simulated(workers, args.trials)
    search = ["optimizer.lr=tag(log,interval(1e-4,1e-1))", "model.dropout=interval(0,0.5)", "model.norm=none,batch"]
    settings = [f"hydra/sweeper={args.sweeper}", f"hydra.sweeper.n_trials={args.trials}"]
    settings += [f"hydra.sweeper.workers={args.workers}", "hydra.sweeper.plots=false", "hydra.sweeper.test=none"]
    with tempfile.TemporaryDirectory() as folder:
        sys.argv = ["sweep_scaling", "-m", *settings, f"hydra.sweep.dir={folder}/sweep", *search]
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # what a sweep says of each trial
            hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(trial)()
        whole = resource.getrusage(resource.RUSAGE_SELF)
    print(f"in all: CPU {whole.ru_utime + whole.ru_stime:.0f} s, most memory {whole.ru_maxrss / 2**10:.0f} MiB")


if __name__ == "__main__":
    main()
