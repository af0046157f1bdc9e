from __future__ import annotations

import json
import os
import pickle
from types import SimpleNamespace

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages.journal._storage import JournalOperation
from optuna.trial import TrialState

from runner.sweep.cma import ReplayedCmaEs
from runner.sweep.study import Journal

SPACE = {"x": FloatDistribution(-3, 3), "y": FloatDistribution(-3, 3)}
SETTINGS = ["x=interval(-3,3)", "y=interval(-3,3)"]


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.slow
def test_what_a_study_from_somebody_else_holds_is_not_executed(app, tmp_path):
    app("sphere", *SETTINGS, "hydra.sweeper.n_trials=3", sweeper="cmaes")
    journal = app.folder / "study.journal"
    crafted = pickle.dumps(Bomb(tmp_path / "executed")).hex()
    lines, created = [], 0
    for line in journal.read_text().splitlines():
        lines.append(line)
        if json.loads(line)["op_code"] == JournalOperation.CREATE_TRIAL:
            attribute = {"trial_id": created, "system_attr": {"cma:optimizer:0": crafted}}
            lines.append(json.dumps({"op_code": JournalOperation.SET_TRIAL_SYSTEM_ATTR, "worker_id": "x", **attribute}))
            created += 1
    journal.write_text("\n".join([*lines, ""]))
    storage = optuna.storages.JournalStorage(Journal(journal))
    held = [t.system_attrs for t in optuna.load_study(study_name=None, storage=storage).trials]
    assert all("cma:optimizer:0" in attributes for attributes in held)
    app("sphere", *SETTINGS, "hydra.sweeper.n_trials=6", sweeper="cmaes")
    assert app.column("status") == ["completed"] * 6
    assert not (tmp_path / "executed").exists()


@pytest.mark.slow
def test_no_pickle_is_written(app):
    app("sphere", *SETTINGS, "hydra.sweeper.n_trials=16", sweeper="cmaes")
    assert "cma:optimizer" not in (app.folder / "study.journal").read_text()
    assert '"cma:generation":1' in (app.folder / "study.journal").read_text(), "it learned"


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("cuts", [(), (20,), (7, 13, 14)])
def test_points_are_optunas_however_often_the_process_is_a_new_one(direction, cuts):
    sign = 1 if direction == "minimize" else -1

    def points(kind, cuts):
        study = optuna.create_study(direction=direction)
        for index in range(40):
            if index in (0, *cuts):
                study.sampler = kind(seed=0)
                # Optuna adds the trial's number to a number from here, and draws others that change nothing.
                study.sampler._cma_rng = SimpleNamespace(rng=SimpleNamespace(randint=lambda *_: 7))
            trial = study.ask(SPACE)
            study.tell(trial, sign * sum((v - 1) ** 2 for v in trial.params.values()))
        return [t.params for t in study.trials[1:]]  # the first is drawn

    expected = points(optuna.samplers.CmaEsSampler, ())
    got = points(ReplayedCmaEs, cuts)
    assert got == [pytest.approx(p) for p in expected]


def test_stragglers_do_not_change_what_a_generation_was_told():
    def study_of(order):
        sampler = ReplayedCmaEs(seed=0, popsize=4)
        study = optuna.create_study(sampler=sampler)
        for _ in range(1):
            study.tell(study.ask(SPACE), 1.0)
        trials = [study.ask(SPACE) for _ in range(6)]
        for number in order:
            study.tell(trials[number], sum(v**2 for v in trials[number].params.values()))
            study.ask(SPACE)
        return study, sampler

    study, sampler = study_of([5, 4, 3, 2, 1, 0])
    fresh = ReplayedCmaEs(seed=0, popsize=4)
    study.sampler = fresh
    study.ask(SPACE)
    assert fresh._optimizer.generation == sampler._optimizer.generation == 1
    assert fresh._optimizer.mean == pytest.approx(sampler._optimizer.mean)
    assert [t.state for t in study.trials].count(TrialState.COMPLETE) == 7
