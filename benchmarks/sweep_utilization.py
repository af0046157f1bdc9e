"""How busy eight workers are kept by trials whose durations spread 1:10: ours, and hydra-optuna-sweeper's batches.

    python -m venv /tmp/peer && /tmp/peer/bin/pip install hydra-core hydra-optuna-sweeper hydra-joblib-launcher
    python benchmarks/sweep_utilization.py --peer /tmp/peer/bin/python

Trials sleep: trial i takes the i-th of a fixed list of durations, the same for both. The peer pins optuna<3, hence its
own environment; it starts trials in batches as large as the number of workers. Utilization is time slept by all
workers over workers times time from the first start to the last end; `until the last start` leaves out the end, when
there is nothing left to hand out.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WORKERS = 8


def durations(trials: int, shortest: float) -> list[float]:
    """Evenly spread between `shortest` and ten times that, in random order."""
    values = [shortest * (1 + 9 * i / (trials - 1)) for i in range(trials)]
    random.Random(0).shuffle(values)
    return values


def application() -> None:
    """The Hydra application that both sweepers run."""
    import hydra
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    ConfigStore.instance().store(name="nap", node=OmegaConf.create({"x": 0, "log": "", "trials": 0, "shortest": 0.0}))
    hydra.main(version_base=None, config_name="nap")(nap)()


def nap(cfg: Any) -> float:
    from hydra.core.hydra_config import HydraConfig

    number = int(HydraConfig.get().job.num)
    start = time.time()
    time.sleep(durations(cfg.trials, cfg.shortest)[number])
    with open(cfg.log, "a") as file:
        file.write(f"{start} {time.time()}\n")
    return float(cfg.x)


def measure(python: str, trials: int, shortest: float, *settings: str) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        common = [f"log={log}", f"trials={trials}", f"shortest={shortest}", f"hydra.sweep.dir={folder}/sweep"]
        command = [python, __file__, "--application", "-m", *common, *settings]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env, cwd=folder)
        spans = [tuple(map(float, line.split())) for line in log.read_text().splitlines()]
    assert len(spans) == trials
    first, last, end = min(s for s, _ in spans), max(s for s, _ in spans), max(e for _, e in spans)
    busy = sum(e - s for s, e in spans)
    steady = sum(min(e, last) - s for s, e in spans)
    return busy / (WORKERS * (end - first)), steady / (WORKERS * (last - first))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=160)
    parser.add_argument("--shortest", type=float, default=0.5, help="seconds")
    parser.add_argument("--peer", help="python of an environment with hydra-optuna-sweeper and hydra-joblib-launcher")
    args = parser.parse_args()
    n = args.trials
    runs = {"ours": (sys.executable, ["hydra/sweeper=grid", f"x=range({n})", f"hydra.sweeper.workers={WORKERS}"])}
    if args.peer:
        peer = ["hydra/sweeper=optuna", "hydra/launcher=joblib", "x=interval(0,1)", f"hydra.sweeper.n_trials={n}"]
        peer += [f"hydra.sweeper.n_jobs={WORKERS}", f"hydra.launcher.n_jobs={WORKERS}"]
        runs["hydra-optuna-sweeper"] = (args.peer, peer)
    for name, (python, settings) in runs.items():
        whole, steady = measure(python, n, args.shortest, *settings)
        print(f"{name:22} utilization {whole:.3f}; until the last start {steady:.3f}", flush=True)


if __name__ == "__main__":
    if "--application" in sys.argv:
        sys.argv.remove("--application")
        application()
    else:
        main()
