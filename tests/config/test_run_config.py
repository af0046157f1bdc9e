"""The config file of a run folder: what it says, what it keeps to itself, and what a later command may change."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from runner.config.compose import Command, compose_run
from runner.config.run_config import check_resumable, check_same_run, freeze, patch, thaw
from runner.errors import ConfigError
from runner.run import resume
from tests.cli.conftest import QUICK


def test_references_are_resolved_but_not_those_to_the_environment(monkeypatch):
    monkeypatch.setenv("PASSWORD", "hidden value")
    config = compose_run(
        Command(["name=${oc.env:PASSWORD}", "optimizer.lr=${seed}", "seed=3", "regularization=[early_stopping]"])
    )
    frozen = yaml.safe_load(freeze(config))
    assert frozen["name"] == "${oc.env:PASSWORD}"
    assert frozen["optimizer"]["lr"] == 3
    assert frozen["regularization"]["early_stopping"]["monitor"] == "val/loss"
    assert "hydra" not in frozen


def test_a_secret_stands_in_no_file_of_the_run(tmp_path, monkeypatch, capfd):
    from runner.cli.verbs import answer

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PASSWORD", "hidden_value")
    assert answer([*QUICK, "name=${oc.env:PASSWORD}", "hydra.run.dir=run"]) == 0
    files = [path for path in Path("run").rglob("*") if path.is_file()]
    assert len(files) > 6
    assert [path for path in files if b"hidden_value" in path.read_bytes()] == []
    assert b"oc.env:PASSWORD" in Path("run/config.yaml").read_bytes()
    assert "hidden_value" not in capfd.readouterr().out
    assert answer(["rerun", "run", "seed=1"]) == 0  # and is found again


NUMBERS = st.floats(1e-12, 1e12, allow_nan=False) | st.integers(1, 10**9)
NAMES = st.text(min_size=1, max_size=20) | st.sampled_from(
    ["1e5", "1e-3", "-.5E2", "1", "true", "null", "~", "\x85", "a: b"]
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(lr=NUMBERS, hidden=st.lists(st.integers(1, 4096), max_size=4), name=NAMES)
def test_what_is_thawed_is_what_was_frozen(lr, hidden, name, tmp_path_factory):
    config = BASE.copy()
    config.optimizer.lr, config.model.hidden, config.name = lr, hidden, name.replace("$", "S")
    path = tmp_path_factory.mktemp("frozen") / "config.yaml"
    path.write_text(freeze(config), encoding="utf-8")
    thawed = thaw(path)
    assert OmegaConf.to_container(thawed) == {k: v for k, v in OmegaConf.to_container(config).items() if k != "hydra"}


BASE = compose_run(Command([]))


def test_a_folder_from_somebody_else_trusts_nothing_by_itself(tmp_path):
    config = compose_run(Command(["trusted_targets=[os]"]))
    (tmp_path / "config.yaml").write_text(freeze(config))
    assert thaw(tmp_path / "config.yaml").trusted_targets == []


@pytest.mark.parametrize("content", ["", "a: 1\n", "- 1\n", "data: {\n", "just text", "\x00"])
def test_what_is_no_config_is_refused(tmp_path, content):
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        thaw(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    "override",
    ["trainer.max_epochs=9", "trainer.max_steps=9", "trainer.max_time=9", "trainer.device=cpu", "trainer.log_every=9",
     "trainer.checkpoint.every_seconds=1", "trainer.threads=1", "data.num_workers=1"],
)  # fmt: skip
def test_limits_device_and_logging_may_change(override):
    command = Command([override])
    check_resumable(command.parsed)
    config = BASE.copy()
    patch(config, command)
    key, value = override.split("=")
    assert str(OmegaConf.select(config, key)) == value


@pytest.mark.parametrize(
    "override",
    ["seed=1", "optimizer=sgd", "optimizer.lr=1", "data.batch_size=9", "trainer.accumulate=2", "trainer.precision=bf16",
     "+model.x=1", "~model", "monitor=val/accuracy", "regularization=[l2]", "trainer.clip_norm=1"],
)  # fmt: skip
def test_what_would_make_it_another_run_may_not(override):
    with pytest.raises(ConfigError, match="another run"):
        check_resumable(Command([override]).parsed)


def test_a_wrong_value_is_refused_before_anything_is_changed(go, tmp_path):
    go(*QUICK)
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    for override in ("trainer.max_epochs=0", "trainer.device=nowhere", "trainer.max_epochs=1,2"):
        with pytest.raises(ConfigError):
            resume("run", [override])
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == before


def test_a_state_is_of_another_run_where_a_key_differs_that_may_not_change():
    ours = OmegaConf.create({"seed": 0, "data": {"path": "here.csv", "paths": [1]}, "newer": True})
    saved = {"seed": 0, "data": {"path": "there.csv", "paths": [1]}, "older": True}
    check_same_run(ours, saved, "last.pt")
    saved["data"]["paths"] = [2]
    with pytest.raises(
        ConfigError, match=r"^last\.pt: is of another run, with data\.paths=\[2\], where .* says \[1\]\."
    ):
        check_same_run(ours, saved, "last.pt")
