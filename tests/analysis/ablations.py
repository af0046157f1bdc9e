"""Ablations that nobody conducted."""

from runner.analysis.ablation import Ablation
from runner.analysis.statistics.procedure import Job, Procedure
from runner.analysis.statistics.sequential import Plan


def ablation_of(folder, arms, fixed, varied, score, direction, alpha=0.05, margin=None, plan=None, test_to_train=0.0):
    """An ablation of untuned arms: of each its runs by seed, the baseline first."""
    plan = plan or Plan((max(map(len, arms.values())),), alpha, margin)
    procedure = Procedure(tuple(arms), direction, plan, test_to_train=test_to_train)
    runs = {Job(arm, seed): run for arm, found in arms.items() for seed, run in found.items()}
    return Ablation(folder, procedure, runs, fixed, varied, score)
