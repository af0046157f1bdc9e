"""An evaluation of outputs that a test gives, without a run; and one run that several tests look at."""

import os
from pathlib import Path

import pytest
import torch

from runner.engine.batch import Batch
from runner.engine.meter import Meter, Result
from runner.engine.spec import Field, Spec
from runner.evaluation.section import sections_of
from runner.evaluation.section.base import Findings
from runner.task import task_named


def spec_of(task, **targets):
    kinds = {"classification": "class", "multilabel": "labels", "segmentation": "mask", "detection": "boxes"}
    return Spec(task, Field("table", (3,)), Field(kinds.get(task, "values"), **targets))


def found_of(spec, outputs, targets, size=None, full=True):
    """What the sections of a task find in the network's outputs, given in batches of `size`."""
    task = task_named(spec.task)(spec)
    sections = sections_of(task, full)
    meter = Meter(task, [], [make for section in sections for make in section.statistics()])
    size = size or len(outputs)
    for some, true in zip(outputs.split(size), targets.split(size), strict=True):
        meter.add([Result(torch.tensor(0.0), some, Batch(torch.zeros(len(some), 3), true), len(some))])
        meter.fold()
    found = Findings()
    totals = {make: statistic.total for make, statistic in meter.statistics.items()}
    for section in sections:
        section.find(totals, found)
    return found


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """A run on digits, evaluated in full by the command line: the folder."""
    from runner.cli.verbs import answer

    home, before = tmp_path_factory.mktemp("digits"), Path.cwd()
    os.chdir(home)
    try:
        quick = ("trainer.threads=1", "trainer.images=0", "trainer.max_epochs=2", "model.hidden=[16]")
        assert answer([*quick, "data=digits", "hydra.run.dir=run"]) == 0
        (home / "summary.json").write_bytes((home / "run/evaluation/evaluation.json").read_bytes())
        assert sorted(os.listdir(home / "run/evaluation")) == ["evaluation.json"]
        assert answer(["evaluate", "run", "--device", "cpu"]) == 0
    finally:
        os.chdir(before)
    return home
