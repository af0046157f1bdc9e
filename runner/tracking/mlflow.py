"""MLflow."""

from __future__ import annotations

import os
import re
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from runner.tracking.base import Status, TrackedRun, Tracker, files_of, final_scores, numbers, plain_names, require
from runner.tracking.process.lock import alone, once

_STATUS = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
_PARENT = "mlflow.parentRunId"
_PARAMETERS, _METRICS = 100, 1000  # in one request; MLflow takes no more
_LONGEST = 500  # letters of a value


class MLflow(Tracker):
    """Sends runs to an MLflow server; the trials of a sweep hang below one run that stands for the sweep.

    Where the server or store is, MLflow's environment variables say (MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME):
    a recipe or a folder from somebody else must not.

    Args:
        experiment: name of the experiment; made where there is none.
        files: names of files of the run folder that are sent along at the end.
    """

    def __init__(self, experiment: str = "runner", files: tuple[str, ...] = ()) -> None:
        require("mlflow")
        self.experiment, self.files = experiment, plain_names(files)
        self.id: str | None = None

    def begin(self, run: TrackedRun) -> str:
        """Make the run, or set the one that is there to running."""
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        self.run = run
        with alone(_shared(run.sweep)) if run.sweep else nullcontext():  # it makes the tables of a new database
            self.client = MlflowClient()
        if run.id is not None:
            self.id = run.id
            self.client.update_run(self.id, status="RUNNING")
            return self.id
        self.id = self.id or self._made()  # it is there where only its parameters could not be sent
        settings = [Param(_key(name), str(value)[:_LONGEST]) for name, value in run.settings.items()]
        for start in range(0, len(settings), _PARAMETERS):
            self.client.log_batch(self.id, params=settings[start : start + _PARAMETERS])
        return self.id

    def _made(self) -> str:
        run, experiment = self.run, self._experiment()
        tags = {**run.tags, "mlflow.source.name": "runner"}
        if run.sweep is not None:
            tags[_PARENT] = once(_shared(run.sweep), lambda: self._parent(experiment, run))
        return str(self.client.create_run(experiment, int(run.began * 1000), tags, run.name).info.run_id)

    def _experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                return str(self.client.create_experiment(self.experiment))
            except MlflowException:  # another trial was faster
                found = self.client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _parent(self, experiment: str, run: TrackedRun) -> str:
        assert run.sweep is not None
        tags = {"folder": str(run.sweep), "sweep": run.sweep.name, "mlflow.source.name": "runner"}
        parent = self.client.create_run(experiment, int(run.began * 1000), tags, run.sweep.name)
        self.client.set_terminated(parent.info.run_id)  # it only holds the trials together
        return str(parent.info.run_id)

    def scores(self, rows: list[dict[str, Any]]) -> None:
        """Send scores by step."""
        from mlflow.entities import Metric

        metrics = [
            Metric(_key(name), value, int((self.run.began + row["time"]) * 1000), row["step"])
            for row in rows
            for name, value in numbers(row).items()
        ]
        for start in range(0, len(metrics), _METRICS):
            self.client.log_batch(self.id, metrics=metrics[start : start + _METRICS])

    def end(self, status: Status, result: dict[str, Any]) -> None:
        """Send the test scores and the files, and set the status."""
        self.scores([{"step": result.get("step", 0), "time": time.time() - self.run.began, **final_scores(result)}])
        for path in files_of(self.run.folder, self.files):
            self.client.log_artifact(self.id, str(path))
        if cause := result.get("cause"):
            self.client.set_tag(self.id, "cause", str(cause)[:_LONGEST])
        self.client.set_terminated(self.id, _STATUS[status])


# How long a request may take and how often it is tried: what fails is sent again later anyhow.
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def _shared(sweep: Path) -> Path:
    """What the trials of a sweep share: the id of the run that they hang below."""
    return sweep / "tracking.mlflow"


def _key(name: str) -> str:
    """A name with the characters that MLflow takes."""
    return re.sub(r"[^\w\-. :/]", "", name)
