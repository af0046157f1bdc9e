"""Runs made wrong on purpose are named by their fault, and nothing of the kind is said of healthy ones."""

import shlex

import pytest

from runner.analysis.advice import Record
from runner.cli.advise import commands
from runner.cli.verbs import answer
from runner.config.check import check_run
from runner.run import rerun_config
from tests.analysis.advice.conftest import faults

DIGITS = ("data=digits", "model.hidden=[32]")
TABLE = ("data=csv", "data.target=kind")
# What is wrong, the command, and the check that must name it.
WRONG = {
    "rate 100 times too high": ("learning rate", "data=digits", "optimizer.lr=0.1", "trainer.max_epochs=8"),
    "rate too low": ("learning rate", *DIGITS, "optimizer.lr=1e-5", "trainer.max_epochs=12"),
    "loss overflows": ("learning rate", "data=diabetes", "optimizer=sgd", "optimizer.lr=10", "trainer.max_epochs=5"),
    "no scaling": ("inputs", "data=breast_cancer", "data.scaling=none", "trainer.max_epochs=5"),
    "targets not scaled": ("targets", "data=diabetes", "data.target_scaling=none", "trainer.max_epochs=3"),
    "unbalanced": ("classes", *TABLE, "data.path=rare.csv", "optimizer.lr=0.01", "trainer.max_epochs=4"),
    "a class never told": (
        "classes told",
        *TABLE,
        "data.path=rare.csv",
        "model.hidden=[16]",
        "seed=1",
        "trainer.max_epochs=4",
    ),
    "overfits": (
        "generalization",
        "data=diabetes",
        "model.hidden=[64,64]",
        "optimizer.lr=0.01",
        "trainer.max_epochs=80",
    ),
    "noise learnt by heart": (
        "generalization",
        *TABLE,
        "data.path=noise.csv",
        "optimizer.lr=0.01",
        "trainer.max_epochs=60",
    ),
    "training fit": ("training fit", "data=digits", "model.hidden=[1]", "trainer.max_epochs=3"),
    "dead units": ("units", "experiment=dead_relu", "diagnostics=none", "trainer.max_epochs=5"),
    "saturated": ("units", *DIGITS, "model.activation=tanh", "init=normal", "init.std=2", "trainer.max_epochs=3"),
    "too short": ("length", *DIGITS, "trainer.max_epochs=4"),
    "surer than right": (
        "calibration",
        *TABLE,
        "data.path=noise.csv",
        "optimizer.lr=0.02",
        "trainer.max_epochs=40",
        "trainer.test_weights=last",
    ),
    "schedule cut": ("schedule", *DIGITS, "scheduler.T_max=5000", "trainer.max_epochs=4"),
    "vanishing": (
        "gradients",
        "data=digits",
        f"model.hidden={[16] * 12}",
        "model.activation=sigmoid",
        "trainer.max_epochs=3",
    ),
    "clipped always": ("clipping", *DIGITS, "trainer.clip_norm=0.001", "trainer.log_every=5", "trainer.max_epochs=3"),
    "batch of all": ("batch size", "data=iris", "data.batch_size=100", "trainer.max_epochs=20"),
    "never evaluated": ("validation", *DIGITS, "trainer.eval_every=100", "trainer.max_epochs=4"),
}
# Different data, tasks and networks, trained as they should be.
HEALTHY = {
    "as it comes": ("trainer.max_epochs=20",),
    "digits by convolution": (
        "data=digits",
        "model=cnn",
        "model.channels=[8,16]",
        "optimizer.lr=0.003",
        "trainer.max_epochs=6",
    ),
    "iris": ("data=iris", "model.hidden=[16]", "optimizer.lr=0.03", "trainer.max_epochs=50"),
    "wine": ("data=wine", "model.hidden=[16]", "optimizer.lr=0.01", "trainer.max_epochs=25"),
    "breast cancer": ("data=breast_cancer", "model.hidden=[16]", "optimizer.lr=0.01", "trainer.max_epochs=15"),
    "diabetes": ("data=diabetes", "model.hidden=[8]", "optimizer.lr=0.01", "trainer.max_epochs=20"),
    "plane": ("data=csv", "data.path=plane.csv", "data.target=t", "optimizer.lr=0.003", "trainer.max_epochs=20"),
    "labels": (
        "data=csv",
        "data.path=labels.csv",
        "data.target=[left,up]",
        "data.task=multilabel",
        "optimizer.lr=0.01",
        "trainer.max_epochs=20",
    ),
    "waves": (
        "data=csv_series",
        "data.path=waves.csv",
        "data.columns=[value]",
        "model=rnn",
        "model.hidden=16",
        "optimizer.lr=0.02",
        "trainer.max_epochs=20",
    ),
    "sgd with early stopping": (
        *DIGITS,
        "optimizer=momentum",
        "optimizer.lr=0.05",
        "regularization=[early_stopping]",
        "trainer.max_epochs=15",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    # "noise learnt by heart" is of the same check
    [pytest.param(name, marks=pytest.mark.long if name == "overfits" else ()) for name in WRONG],
)
def test_the_fault_is_named(name, judge):
    check, *overrides = WRONG[name]
    folder, findings = judge(*overrides)
    found = findings[check]
    assert check in faults(findings), {n: f.says for n, f in findings.items()}
    assert found.evidence
    assert found.page
    for finding in findings.values():
        for words in finding.tries:  # every command that is offered can be given
            config, _, _ = rerun_config(folder, list(words))
            check_run(config)
        for command in commands(Record.read(folder), finding):
            if (words := shlex.split(command)[3:])[0] == "ablate":
                assert answer([*words, "--dry-run"]) == 0, command


@pytest.mark.slow
@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_of_the_kind_is_said_of_a_healthy_run(name, judge):
    _, findings = judge(*HEALTHY[name])
    assert faults(findings) == [], {n: f.says for n, f in findings.items() if f.verdict == "fault"}
