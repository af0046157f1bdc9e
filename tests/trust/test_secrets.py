"""What comes from the environment is written nowhere, by whatever way it gets into the configuration."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from runner.config.run_config import freeze
from runner.errors import ConfigError
from runner.sweep.settings import check_storage

SECRET = "s3cr3t-canary"
TOKEN = "${oc.env:CANARY_SECRET}"

COPIES = {  # what is written beside `token`, and what stays as it is
    "itself": TOKEN,
    "copy": "${model.token}",
    "relative": "${.token}",
    "copy_of_a_copy": "${model.copy}",
    "in_a_text": "https://me:${model.token}@host/",
    "of_two": "${model.plain}-${model.token}",
    "in_a_list": ["${model.token}", 3],
    "in_a_map": {"inside": {"deep": "${model.token}"}},
    "whole": "${model.within}",
    "a_list": "${model.in_a_list}",
    "entry": "${model.in_a_list[0]}",
    "bracket": "${model[token]}",
    "decoded": "${oc.decode:'${oc.env:CANARY_SECRET}'}",
    "selected": "${oc.select:model.token}",
    "selected_else": "${oc.select:nowhere,${model.token}}",
    "created": "${oc.create:{a:'${oc.env:CANARY_SECRET}'}}",
    "values": "${oc.dict.values:model.within}",
    "with_default": "${oc.env:CANARY_SECRET,other}",
    "default_is_one": "${oc.env:CANARY_NOT_THERE,${model.token}}",
    "chosen_by_it": "${model.${model.token}}",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("CANARY_SECRET", SECRET)


def config(**more):
    model = {"token": TOKEN, "plain": "x", SECRET: "y", "within": {"token": TOKEN}, "copy": "${.token}"}
    model["in_a_list"] = ["${model.token}", 3]
    return OmegaConf.create({"model": {**model, **more}, "seed": 3, "lr": "${seed}"})


@pytest.mark.parametrize("name", COPIES)
def test_copies_stay_references(name):
    made = config(**{name: COPIES[name]})
    frozen = yaml.safe_load(freeze(made))
    assert frozen["model"][name] == COPIES[name]
    assert SECRET not in str({key: value for key, value in frozen["model"].items() if key != SECRET})
    assert frozen["lr"] == 3
    again = OmegaConf.to_container(OmegaConf.create(frozen), resolve=True)
    assert again == OmegaConf.to_container(made, resolve=True)


def test_what_is_no_secret_is_resolved():
    made = config(number="${seed}", text="${model.plain}-${seed}", entry="${model.in_a_list[1]}")
    frozen = yaml.safe_load(freeze(made))["model"]
    assert (frozen["number"], frozen["text"], frozen["entry"]) == (3, "x-3", 3)
    assert made.model.token == SECRET


def test_another_environment_is_left_again():
    freeze(config())
    assert OmegaConf.create({"a": TOKEN}).a == SECRET


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@host/db",
        "postgresql://me:pa/ss@host/db",
        "postgresql://me:pa$s@host/db",
        "postgresql://me:p:a@host/db",
        "postgresql+psycopg://me:pa%2Fss@host/db",
        "postgresql://:secret@host/db",
        "postgresql://host/db?user=me&password=secret",
        "postgresql://host/db?sslpassword=secret",
        "mysql://host/db?passwd=secret",
        "mysql://host/db?a=1;pwd=secret",
        "redis://host/0?token=secret",
        "${oc.env:STUDY_URL,postgresql://me:secret@host/db}",
        "postgresql://me:secret${oc.env:MORE}@host/db",
    ],
)
def test_passwords_in_addresses(url):
    with pytest.raises(ConfigError, match="holds a password"):
        check_storage(url)


@pytest.mark.parametrize(
    "url",
    [
        None,
        "sqlite:///study.db",
        "sqlite:////tmp/me@home/study.db",
        "postgresql://me@host/db",
        "postgresql://me@host:5432/db?sslmode=require",
        "postgresql://me:${oc.env:PGPASSWORD}@host/db",
        "postgresql://host/db?password=${oc.env:PGPASSWORD}",
        "${oc.env:STUDY_URL}",
    ],
)
def test_addresses_without(url):
    check_storage(url)


def written(folder):
    return [path for path in Path(folder).rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


WORDS = ("data=csv", "data.path=${oc.env:CANARY_SECRET}.csv", "data.target=y", "data.na_values=['${data.path}']")
WORDS += ("model.hidden=[4]", "trainer.max_epochs=1", "trainer.threads=1", "data.task=classification")


@pytest.fixture
def table(place):
    rows = "".join(f"{i % 7},{i % 5},{'ab'[i % 2]}\n" for i in range(60))
    (place / f"{SECRET}.csv").write_text(f"u,v,y\n{rows}")


@pytest.mark.slow
def test_a_run_writes_none(answer, table):
    code, _, error = answer(*WORDS, "hydra.run.dir=run")
    assert code == 0, error
    assert written("run") == []
    assert yaml.safe_load(Path("run/config.yaml").read_text())["data"]["na_values"] == ["${data.path}"]
    for words in (("resume", "run", "trainer.max_epochs=2"), ("rerun", "run", "seed=1"), ("evaluate", "run")):
        code, _, error = answer(*words)
        assert code == 0, error
    assert written("outputs") == []
    assert written("run") == []


@pytest.mark.slow
def test_a_sweep_writes_none(place, table):
    command = [sys.executable, "-m", "runner", "--multirun", "seed=1,2", *WORDS, "hydra.sweep.dir=sweep"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert written("sweep") == []
