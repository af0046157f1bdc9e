from __future__ import annotations

import csv
import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra

from runner.sweep import sweep as sweep_module
from runner.sweep.launcher import local

APPS = Path(__file__).parents[1] / "apps"


class App:
    """Runs one of the applications in ``tests/apps`` in this process, with real workers."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch

    def __call__(self, name: str, *overrides: str, sweeper: str = "grid") -> App:
        module = importlib.import_module(name)
        task = getattr(module, {"pareto": "binh_and_korn"}.get(name, name))
        argv = [name, "-m", f"hydra/sweeper={sweeper}", f"hydra.sweep.dir={self.folder}", *overrides]
        self.monkeypatch.setattr(sys, "argv", argv)
        GlobalHydra.instance().clear()
        hydra.main(version_base=None, config_path=str(APPS), config_name=name)(inspect.unwrap(task))()
        return self

    @property
    def rows(self) -> list[dict[str, str]]:
        with open(self.folder / "trials.csv", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def result(self) -> dict[str, Any]:
        return json.loads((self.folder / "result.json").read_text())

    def column(self, name: str) -> list[str]:
        return [row[name] for row in self.rows]

    def records(self) -> list[dict[str, Any]]:
        return [json.loads((self.folder / row["folder"] / "trial.json").read_text()) for row in self.rows]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    """Pictures have a test of their own; here they would only cost seconds.

    What other tests have imported or started in this process is none of the application's affair.
    """
    monkeypatch.syspath_prepend(str(APPS))
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sweep_module.Painter, "start", lambda self: None)
    monkeypatch.setattr(local, "cautions", list)
    return App(tmp_path / "sweep", monkeypatch)
