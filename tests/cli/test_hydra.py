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


SPACE = ("optimizer=adam,momentum", "optimizer.lr=0.3,0.1", "optimizer.dampening=0.1,0.2")


@pytest.mark.slow
@pytest.mark.parametrize("multirun", [("-m", "hydra.mode=RUN"), ("hydra.mode=MULTIRUN",)])
def test_the_config_of_a_sweep_is_that_of_its_first_trial(say, tmp_path, multirun):
    answer = say(*multirun, "--cfg", "job", *SPACE)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == say("--cfg", "job", "optimizer=adam", "optimizer.lr=0.3").out
    answer = say(*multirun, "--cfg", "hydra", "--package", "hydra.mode", *SPACE)
    assert (answer.code, answer.out) == (0, "RunMode.MULTIRUN\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_all_of_a_sweep_s_config(say, tmp_path):
    words = ("--multirun", "hydra/sweeper=bayes", "hydra.sweeper.n_trials=7", *SPACE)
    everything = yaml.safe_load(say("--cfg", "all", *words).out)
    assert everything["hydra"]["sweeper"]["n_trials"] == 7
    assert everything["hydra"]["mode"] == "MULTIRUN"
    assert everything["optimizer"]["lr"] == 0.3
    part = yaml.safe_load(say("--cfg", "job", "--package", "optimizer", "--resolve", *words).out)
    assert part == everything["optimizer"]
    whole = yaml.safe_load(say("--cfg", "job", "--package", "_global_", *words).out)
    assert whole == {key: value for key, value in everything.items() if key != "hydra"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("what", ["defaults-tree", "plugins", "all"])
def test_info_of_a_sweep(start, tmp_path, what):
    out, error = (process := start("--multirun", "--info", what, *SPACE)).communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    assert out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--multirun", "--cfg", "job", "optimizer=sgd,adm"), "optimizer has no option 'adm'"),
        (("--multirun", "--info", "defaults", "optimizer=sgd", "modle=a,b"), "there is no 'modle'"),
        (("--multirun", "--cfg", "job", "--package", "nothing", "optimizer=sgd,adam"), "--package nothing"),
        (("--cfg", "job", "--info", "all"), "--cfg and --info: one of them at a time"),
        (("--run", "--cfg", "job"), "--run and --cfg: one of them at a time"),
        (("--run", "--multirun", "seed=1,2"), "--run and --multirun: one of them at a time"),
        (("--resolve",), "--resolve: goes with --cfg job"),
        (("--package", "optimizer"), "--package optimizer: goes with --cfg job"),
        (("--multirun", "--config-name", "nosuch", "seed=1,2"), "--config-name nosuch: there is no such config"),
    ],
)
def test_flags_that_say_nothing_together(say, tmp_path, words, message):
    answer = say(*words)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert list(tmp_path.iterdir()) == []


def test_hydra_help(start, tmp_path):
    out, error = (process := start("--hydra-help")).communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    assert "hydra/sweeper: basic, bayes, cmaes" in out
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_by_its_mode(say, tmp_path):
    dry = ("hydra.sweeper.dry_run=true", *SPACE)
    shown = say("hydra.mode=MULTIRUN", *dry)
    assert (shown.code, shown.err) == (0, "")
    assert "optimizer.dampening: 0.1,0.2   when optimizer=momentum" in shown.out


@pytest.mark.slow
def test_every_way_to_ask_for_a_sweep(say, tmp_path):
    dry = ("hydra.sweeper.dry_run=true", *SPACE)
    shown = say("--multirun", *dry).out
    assert say("hydra.mode=MULTIRUN", *dry).out == shown
    assert say("check", "hydra.mode=MULTIRUN", *SPACE).out == shown
    mine = tmp_path / "mine/experiment/many.yaml"
    mine.parent.mkdir(parents=True)
    params = {"optimizer": "adam,momentum", "optimizer.lr": "0.3,0.1", "optimizer.dampening": "0.1,0.2"}
    node = {"sweeper": {"params": params, "dry_run": True}}
    mine.write_text("# @package _global_\n" + yaml.safe_dump({"hydra": node}))
    by_file = say("--config-dir", "mine", "--multirun", "experiment=many")
    assert by_file.code == 0, by_file.err
    assert "optimizer.lr: 0.3,0.1" in by_file.out


@pytest.mark.slow
def test_multirun_makes_a_run_of_each_value(say, tmp_path):
    answer = say("--multirun", *QUICK, "optimizer=sgd,adam", "hydra.sweeper.plots=false")
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
