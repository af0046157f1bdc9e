"""optuna-dashboard on the journals of sweeps: what its pages ask for is there."""

from __future__ import annotations

import io
import json
import warnings
from wsgiref.util import setup_testing_defaults

import pytest

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
    """What a GET of `path` gives."""
    given = {}
    environ = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body = b"".join(app(environ, lambda status, headers, *_: given.update(status=status)))
    return given["status"], json.loads(io.BytesIO(body).read())


@pytest.mark.parametrize(
    "kind", ["repeated", *(pytest.param(k, marks=pytest.mark.slow) for k in SWEEPS if k != "repeated")]
)
def test_every_page_has_what_it_asks_for(app, kind):
    dashboard = pytest.importorskip("optuna_dashboard", reason=REASON)
    from optuna_dashboard._storage_url import get_storage

    from runner.errors import RunFailed

    name, sweeper, overrides = SWEEPS[kind]
    try:
        app(name, *overrides, *(["sleep=0.01"] if name == "curves" else []), sweeper=sweeper)
    except RunFailed:
        assert kind == "nothing"
    board = dashboard.wsgi(get_storage(str(app.folder / "study.journal")))  # as its command opens it
    status, found = ask(board, "/api/studies")
    assert (status, len(found["study_summaries"])) == ("200 OK", 1)
    status, study = ask(board, f"/api/studies/{found['study_summaries'][0]['study_id']}")
    assert status == "200 OK"
    objectives = list(app.result["best"][0]["scores"])[: len(study["directions"])]
    assert study["objective_names"] == objectives
    assert len(study["trials"]) == len({row["point"] for row in app.rows})
    for trial in study["trials"]:
        attributes = {a["key"]: a["value"] for a in trial["user_attrs"]}
        for folder in json.loads(attributes["folders"].replace("'", '"')):
            assert (app.folder / folder / "trial.json").exists()
    number = study["study_id"] if "study_id" in study else found["study_summaries"][0]["study_id"]
    status, _shares = ask(board, f"/api/studies/{number}/param_importances")
    assert status == ("200 OK" if len(study["trials"]) > 1 else "400 Bad Request")
