"""A run from its configuration to its result: what the command line, sweeps and notebooks call.

from runner.run import compose, load, run
result = run(compose(["model=cnn", "optimizer.lr=0.01"]))
network = load("outputs/runs/...")
"""

from runner.run.commands import RUNS, compose, evaluate_run, new_folder, rerun_config, resume, run
from runner.run.trained import TrainedNetwork, load

__all__ = ["RUNS", "TrainedNetwork", "compose", "evaluate_run", "load", "new_folder", "rerun_config", "resume", "run"]
