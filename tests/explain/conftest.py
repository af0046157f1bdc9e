"""Runs that all tests of explanations share, each trained once, in seconds."""

import os
import shutil

import pytest

from runner.cli.verbs import answer
from runner.run import load
from tests.cli.conftest import say

__all__ = ["say"]

QUICK = ("trainer.threads=1", "trainer.images=0", "trainer.precision=fp32")
# One handwritten digit of 8 x 8 pixels somewhere on 24 x 24: where it is, is known.
COMPOSITES = ("data=digit_composites", "data.digits=[1,1]", "data.size=24", "data.images=2000")
CNN = (
    *QUICK,
    *COMPOSITES,
    "data.task=multilabel",
    "model=cnn",
    "model.channels=[16,32]",
    "model.head=[]",
    "model.pool_size=3",
    "trainer.max_epochs=12",
    "optimizer.lr=0.003",
)
TABLE = (*QUICK, "data=wine", "model.hidden=[16]", "trainer.max_epochs=30", "optimizer.lr=0.01")
TEXT = (
    *QUICK,
    "data=python_functions",
    "data.packages=[email,unittest]",
    "data.longest=24",
    "model=gru",
    "model.hidden=16",
    "model.embedding=8",
    "trainer.max_epochs=2",
    "optimizer.lr=0.01",
)


def trained(tmp_path_factory, name, *words):
    folder = tmp_path_factory.mktemp(name)
    before = os.getcwd()
    os.chdir(folder)
    try:
        assert answer([*words, "hydra.run.dir=run"]) == 0
    finally:
        os.chdir(before)
    return folder / "run"


@pytest.fixture(scope="session")
def cnn_run(tmp_path_factory):
    return trained(tmp_path_factory, "cnn", *CNN)


@pytest.fixture(scope="session")
def table_run(tmp_path_factory):
    return trained(tmp_path_factory, "table", *TABLE)


@pytest.fixture(scope="session")
def text_run(tmp_path_factory):
    return trained(tmp_path_factory, "text", *TEXT)


@pytest.fixture
def cnn(cnn_run):
    return load(cnn_run)


@pytest.fixture
def wine(table_run):
    return load(table_run)


@pytest.fixture
def texts(text_run):
    return load(text_run)


@pytest.fixture
def copied(tmp_path):
    """A run folder of the test's own."""

    def copy(run):
        shutil.copytree(run, tmp_path / "run")
        return tmp_path / "run"

    return copy
