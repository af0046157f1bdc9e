"""optuna-dashboard on the journals of sweeps: what its pages ask for is there."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from wsgiref.util import setup_testing_defaults

import pytest

from runner.errors import RunFailed

REASON = "optuna-dashboard is not installed"
SWEEPS = {
    "single": ("curves", "bayes", ["lr=tag(log,interval(0.01,1))", "epochs=interval(3,9)", "hydra.sweeper.n_trials=6"]),
    "several": ("pareto", "grid", ["x=0,1,2", "y=0,1", "hydra.sweeper.directions=[minimize,minimize]"]),
    "pruned": ("curves", "grid", ["lr=1,0.9,0.8,0.01", "hydra.sweeper.pruner={name: median, n_startup_trials: 2}"]),
    "conditional": (
        "curves",
        "grid",
        [
            "optimizer.name=sgd,adam",
            "hydra.sweeper.params={optimizer.momentum: {space: '0.5,0.9', when: 'optimizer.name=sgd'}}",
        ],
    ),
    "repeated": ("curves", "grid", ["lr=0.1,1", "hydra.sweeper.repeats=3"]),
    "nothing": ("curves", "grid", ["misbehave=null,raise", "lr=0.1,1"]),
}


def ask(app, path):
    """What a GET of `path` of the API gives."""
    given = {}
    environ = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body = b"".join(app(environ, lambda status, headers, *_: given.update(status=status)))
    return given["status"], json.loads(io.BytesIO(body).read())


def shown(dashboard, journal):
    """What the pages of the only study of a journal are made of, by what it is."""
    from optuna_dashboard._storage_url import get_storage

    board = dashboard.wsgi(get_storage(str(journal)))  # as its command opens it
    status, found = ask(board, "/api/studies")
    assert (status, len(found["study_summaries"])) == ("200 OK", 1)
    number = found["study_summaries"][0]["study_id"]
    status, study = ask(board, f"/api/studies/{number}")
    assert status == "200 OK"
    status, _shares = ask(board, f"/api/studies/{number}/param_importances")
    assert status == ("200 OK" if len(study["trials"]) > 1 else "400 Bad Request")
    return study


def lasting(trial):
    """A trial without what may differ in a study that is made again."""
    assert trial["datetime_start"] < trial["datetime_complete"], "the timeline has a bar for it"
    attributes = {a["key"]: a["value"] for a in trial["user_attrs"]}
    return {k: trial.get(k) for k in ("number", "state", "params", "values", "intermediate_values")} | attributes


@pytest.mark.parametrize(
    "kind", ["repeated", *(pytest.param(k, marks=pytest.mark.slow) for k in SWEEPS if k != "repeated")]
)
def test_every_page_has_what_it_asks_for(app, kind):
    dashboard = pytest.importorskip("optuna_dashboard", reason=REASON)

    name, sweeper, overrides = SWEEPS[kind]
    overrides = [*overrides, *(["sleep=0.01"] if name == "curves" else [])]
    journal = app.folder / "study.journal"
    with pytest.raises(RunFailed) if kind == "nothing" else contextlib.nullcontext():
        app(name, *overrides, sweeper=sweeper)
    study = shown(dashboard, journal)
    objectives = list(app.result["best"][0]["scores"])[: len(study["directions"])]
    assert study["objective_names"] == objectives
    assert [(a["key"], a["value"]) for a in study["user_attrs"]] == [("folder", str(app.folder))]
    assert len(study["trials"]) == len({row["point"] for row in app.rows})
    assert study["has_intermediate_values"] == (name == "curves")
    causes = {row["folder"]: row["cause"] for row in app.rows}
    for trial in map(lasting, study["trials"]):
        folders = json.loads(trial["folders"])
        assert trial.get("cause", "") == "; ".join(dict.fromkeys(causes[f] for f in folders if causes[f]))
        for folder in folders:
            assert (app.folder / folder / "trial.json").exists()
    journal.unlink()
    with pytest.raises(RunFailed) if kind == "nothing" else contextlib.nullcontext():
        app(name, *overrides, sweeper=sweeper)
    again = shown(dashboard, journal)
    assert list(map(lasting, again["trials"])) == list(map(lasting, study["trials"])), "made again from the folders"
    assert again["user_attrs"] == study["user_attrs"]
