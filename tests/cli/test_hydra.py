"""Hydra's own command line keeps working."""

import json
import os

import pytest
import yaml

from tests.cli.conftest import QUICK


def test_cfg_job_prints_the_composed_config(say, tmp_path):
    answer = say("optimizer=adamw", "--cfg", "job", "seed=7")  # flags may stand anywhere
    assert (answer.code, answer.err) == (0, "")
    config = yaml.safe_load(answer.out)
    assert (config["seed"], config["optimizer"]["_target_"]) == (7, "torch.optim.AdamW")
    assert "hydra" not in config
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["defaults", "searchpath"])
def test_info(start, tmp_path, what):  # changes how the whole process logs
    out, error = (process := start("--info", what)).communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    assert "optimizer/adam" in out or "provider" in out.lower()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("runner optimizer=", {"optimizer=adam", "optimizer=sgd"}),
        ("runner model=resnet model.", {"model.depth=", "model.width="}),
        ("runner sched", {"scheduler="}),
    ],
)
def test_shell_completion(say, monkeypatch, line, offered):
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    answer = say("--shell-completion", "query=bash")
    assert answer.code == 0
    assert offered <= set(answer.out.split())


@pytest.mark.slow
def test_multirun_makes_a_run_of_each_value(say, tmp_path):
    answer = say("--multirun", *QUICK, "optimizer=sgd,adam")
    assert answer.code == 0, answer.err
    found = {}
    for path in (tmp_path / "outputs/sweeps").rglob("config.yaml"):
        config = yaml.safe_load(path.read_text())
        found[config["optimizer"]["_target_"]] = json.loads((path.parent / "result.json").read_text())["status"]
    assert found == {"torch.optim.SGD": "completed", "torch.optim.Adam": "completed"}


@pytest.mark.slow
def test_two_runs_of_the_same_second_have_folders_of_their_own(start, tmp_path):
    processes = [start(*QUICK, f"seed={seed}") for seed in (1, 2)]
    lines = []
    for process in processes:
        out, error = process.communicate(timeout=120)
        assert (process.returncode, error) == (0, "")
        lines.append(out.splitlines()[-1].removeprefix("run: "))
    assert len(set(lines)) == 2
    seeds = {yaml.safe_load((tmp_path / line / "config.yaml").read_text())["seed"] for line in lines}
    assert seeds == {1, 2}


def test_folders_are_claimed_by_one_process_each(tmp_path):
    """The same name, asked for by many at once."""
    from multiprocessing import get_context

    with get_context("fork").Pool(8) as pool:
        folders = pool.starmap(_claim, [(tmp_path, 25)] * 8)
    names = [name for part in folders for name in part]
    assert len(set(names)) == 200


def _claim(parent, count):
    from runner.record.folder import claim

    return [str(claim(parent, "same")) for _ in range(count)]


def test_full_errors_when_asked_for(start):
    _, error = (process := start("optimizer.lrr=1", HYDRA_FULL_ERROR="1")).communicate(timeout=60)
    assert process.returncode == 2
    assert "Traceback" in error
    assert error.splitlines()[-1].startswith("error: optimizer.lrr=1")


def test_output_may_be_closed_early(start):
    process = start("list")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr.read() == ""


def test_a_broken_file_that_is_not_chosen_does_no_harm(say, tmp_path):
    (tmp_path / "mine/optimizer").mkdir(parents=True)
    (tmp_path / "mine/optimizer/broken.yaml").write_text("lr: [1\n")
    assert say("check", "--config-dir", "mine").code == 0
    assert os.listdir(tmp_path) == ["mine"]
