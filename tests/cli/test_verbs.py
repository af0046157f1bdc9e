"""What each verb does and prints."""

import errno
import json
import re
from pathlib import Path

import pytest
import yaml

import runner
from tests.cli.conftest import QUICK


def folder_of(answer):
    """The run folder, which the last line names."""
    last = answer.out.splitlines()[-1]
    assert last.startswith("run: ")
    return Path(last.removeprefix("run: "))


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


def test_a_run_prints_lines_scores_and_its_folder(say):
    answer = say(*QUICK)
    assert (answer.code, answer.err) == (0, "")
    folder = folder_of(answer)
    assert folder.parent == Path("outputs/runs")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_digits-mlp", folder.name)
    result = result_of(folder)
    lines = answer.out.splitlines()
    assert lines[1].startswith("epoch 1/1  train/loss ")
    columns = lines[-5].split()
    for line, split in zip(lines[-4:-1], ("train", "val", "test")):
        assert line.split()[0] == split
        shown = dict(zip(columns, map(float, line.split()[1:])))
        assert shown == pytest.approx(result[split], abs=1e-4)


def test_the_name_becomes_part_of_the_folder(say):
    assert folder_of(say(*QUICK, "name=first try")).name.endswith("_first try")


def test_a_failed_run_exits_with_1(say):
    answer = say(*QUICK, "data=diabetes", "optimizer=sgd", "optimizer.lr=1e30", "trainer.log_every=1")
    assert answer.code == 1
    assert answer.err.startswith("error: non-finite loss at step ")
    assert answer.err.count("\n") == 1
    (folder,) = Path("outputs/runs").iterdir()
    assert result_of(folder)["status"] == "failed"


def test_hydra_run_dir_is_kept_and_never_written_twice(say):
    assert folder_of(say(*QUICK, "hydra.run.dir=here/it is")) == Path("here/it is")
    before = (Path("here/it is") / "result.json").read_bytes()
    answer = say(*QUICK, "hydra.run.dir=here/it is", "seed=1")
    assert answer.code == 2
    assert "holds a run already" in answer.err
    assert (Path("here/it is") / "result.json").read_bytes() == before


def test_a_command_refused_late_leaves_a_folder_of_the_users_as_it_was(say, tmp_path):
    assert say("model=cnn", "data=wine", "hydra.run.dir=new").code == 2
    assert not (tmp_path / "new").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep")
    assert say("model=cnn", "data=wine", "hydra.run.dir=mine").code == 2
    assert (tmp_path / "mine/notes.txt").read_text() == "keep"


def test_check_says_ok_and_runs_nothing(say, tmp_path):
    answer = say("check", "model=resnet", "scheduler=onecycle", "warmup=linear")
    assert answer == (0, "ok\n", "")
    assert say("check", "--multirun", "optimizer=sgd,adam", "optimizer.lr=0.1,0.01").code == 0
    assert list(tmp_path.iterdir()) == []


def test_rerun_with_values_patches_and_with_a_choice_composes_anew(say):
    first = folder_of(say(*QUICK, "optimizer=sgd", "optimizer.lr=0.05", "seed=3"))
    again = folder_of(say("rerun", str(first)))
    assert again != first
    assert (again / "config.yaml").read_text() == (first / "config.yaml").read_text()
    assert result_of(again)["test"] == result_of(first)["test"]

    text = (first / "config.yaml").read_text()
    (first / "config.yaml").write_text(text.replace("lr: 0.05", "lr: 0.07"))  # a value is patched into this very file
    changed = yaml.safe_load((folder_of(say("rerun", str(first), "seed=4")) / "config.yaml").read_text())
    assert (changed["seed"], changed["optimizer"]["lr"]) == (4, 0.07)

    answer = say("rerun", str(first), "optimizer=adam")  # and a choice starts again from what was typed
    composed = yaml.safe_load((folder_of(answer) / "config.yaml").read_text())
    assert composed["optimizer"]["_target_"] == "torch.optim.Adam"
    assert (composed["seed"], composed["optimizer"]["lr"], composed["model"]["hidden"]) == (3, 0.05, [8])

    refused = say("rerun", str(first), "optimizer.lrr=1")
    assert refused.code == 2
    assert "Did you mean 'lr'" in refused.err
    assert say("rerun", str(first), "optimizer.lr=-1").code == 2
    assert say("rerun", str(first), "optimizer.lr=1,2").code == 2
    assert len(list(Path("outputs/runs").iterdir())) == 4


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lr=0.1", "optimizer.lr"),
        ("batch_size=8", "data.batch_size"),
        ("epochs=5", "trainer.max_epochs"),
        ("modell=cnn", "model"),
    ],
)
def test_a_key_typed_without_its_group_is_found(say, typed, meant):
    answer = say(typed)
    assert answer.code == 2
    assert f"Did you mean '{meant}'?" in answer.err


@pytest.mark.parametrize(("typed", "meant"), [("adam", "optimizer/adam"), ("activation", "activation/relu")])
def test_show_finds_an_option_typed_without_its_group(say, typed, meant):
    assert f"Did you mean '{meant}'?" in say("show", typed).err


@pytest.mark.parametrize(("typed", "meant"), [("init=kaiming", "he"), ("init=Glorot", "xavier")])
def test_an_option_is_found_by_its_other_name(say, typed, meant):
    assert f"Did you mean '{meant}'?" in say(typed).err


def test_a_warm_up_longer_than_the_run_is_told_of(say):
    said = "warm-up of 9 updates is longer than the run and cut to its 3 updates"
    assert said in say(*QUICK, "warmup=linear", "warmup.steps=9").out
    assert "longer than the run" not in say(*QUICK, "warmup=linear", "warmup.steps=3").out


def test_a_technique_file_without_the_techniques_name_is_explained(say, tmp_path):
    (tmp_path / "mine/regularization").mkdir(parents=True)
    (tmp_path / "mine/regularization/own.yaml").write_text("# Mine.\n_target_: own.Own\n")
    answer = say("--config-dir", "mine", "regularization=own", "trusted_targets=[own]")
    assert answer.code == 2
    assert "NAME: {_target_: ...} in regularization/NAME.yaml" in answer.err


def test_a_failed_run_names_its_folder(say):
    answer = say(*QUICK, "optimizer=sgd", "optimizer.lr=1e30")
    assert answer.code == 1
    assert result_of(folder_of(answer))["cause"] in answer.err


def test_what_a_recipe_holds_for_another_network_is_said_to_be_its(say):
    answer = say("experiment=mlp_all_tricks", "model=cnn")
    assert answer.code == 2
    assert "model.hidden" in answer.err
    assert "experiment=mlp_all_tricks" in answer.err
    assert "experiment=" not in say("experiment=cnn_baseline", "+model.hidden=[8]").err


@pytest.mark.slow
def test_a_rerun_is_recorded_so_that_it_can_be_rerun(say):
    first = folder_of(say(*QUICK, "optimizer=sgd"))
    second = folder_of(say("rerun", str(first), "optimizer.lr=0.5"))
    assert "_digits-mlp" in second.name
    third = folder_of(say("rerun", str(second), "scheduler=constant"))
    config = yaml.safe_load((third / "config.yaml").read_text())
    assert config["optimizer"]["_target_"] == "torch.optim.SGD"
    assert config["optimizer"]["lr"] == 0.5
    assert config["scheduler"]["_target_"].endswith("Constant")


def test_evaluate_gives_what_the_run_gave(say):
    folder = folder_of(say(*QUICK))
    for split, more in (("test", ()), ("val", (f"--checkpoint={folder / 'checkpoints/best.pt'}",))):
        answer = say("evaluate", str(folder), "--split", split, *more)
        assert answer.code == 0
        head, row = answer.out.splitlines()
        shown = dict(zip(head.split(), map(float, row.split()[1:])))
        assert row.split()[0] == split
        assert shown == pytest.approx(result_of(folder)[split], abs=1e-4)
    assert say("evaluate", str(folder), "--checkpoint=last").code == 0
    missing = say("evaluate", str(folder), "--checkpoint", "epoch-0003")
    assert missing.code == 2
    assert "this run's: best, last." in missing.err
    misspelt = say("evaluate", str(folder), "--split", "tset")
    assert misspelt.code == 2
    assert "--split tset: these data have none. Did you mean 'test'? Expected train or val or test." in misspelt.err


def test_resume(say):
    folder = folder_of(say(*QUICK))
    assert say("resume", str(folder)).code == 2
    more = say("resume", str(folder), "trainer.max_epochs=2")
    assert (more.code, folder_of(more)) == (0, folder)
    assert " 0 samples/s" not in more.out  # an epoch that had only its evaluation left is told without a pace
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2


def test_doctor(say):
    answer = say("doctor")
    assert answer.code == 0
    for word in ("versions", "torch", "devices", "threads", "free disk", "data", "digits", "fashion_mnist"):
        assert word in answer.out


def test_help_and_version(say):
    answer = say("--help")
    assert answer.code == 0
    assert len(answer.out.splitlines()) <= 50, "more than a screen"
    assert max(map(len, answer.out.splitlines())) <= 100
    for verb in ("list", "show", "check", "resume", "rerun", "evaluate", "doctor", "--multirun", "--config-dir"):
        assert verb in answer.out
    assert say("help").out == say("optimizer=adam", "-h").out == answer.out
    assert say("--version").out == f"runner {runner.__version__}\n"


@pytest.mark.slow
def test_every_example_of_the_help_is_a_right_command(say, tmp_path):
    import shlex

    (tmp_path / "table.csv").write_text("a,price\n" + "".join(f"{i},{i}\n" for i in range(40)))
    examples = re.findall(
        r"^  python -m runner (.*?)(?:\s+#.*)?$", say("--help").out.split("Examples")[1], re.MULTILINE
    )
    assert len(examples) >= 5
    for example in examples:
        if not example.startswith("resume"):
            assert say("check", *shlex.split(example)).code == 0, example


def test_what_sweeps_choose_from_is_listed_too(say):
    assert "hydra/launcher=ray " in say("list", "hydra/launcher").out
    assert {"hydra/sweeper=bayes", "hydra/launcher=slurm"} <= set(say("list").out.split())
    assert "object_store: 100  # MiB" in say("show", "hydra/launcher/ray").out
    assert "Did you mean 'hydra/launcher/slurm'?" in say("show", "hydra/launcher/slrum").err


def test_options_of_ones_own(say, tmp_path):
    (tmp_path / "mine/optimizer").mkdir(parents=True)
    (tmp_path / "mine/optimizer/slow.yaml").write_text("# A slow one.\n_target_: torch.optim.SGD\nlr: 1e-4\n")
    assert "optimizer=slow" in say("list", "optimizer", "--config-dir", "mine").out
    assert "A slow one." in say("show", "optimizer/slow", "--config-dir", "mine").out
    answer = say("--config-dir", "mine", *QUICK, "optimizer=slow")
    assert answer.code == 0
    again = say("rerun", str(folder_of(answer)), "scheduler=constant")  # knows where the options were
    assert yaml.safe_load((folder_of(again) / "config.yaml").read_text())["optimizer"]["lr"] == 1e-4


def test_a_rerun_knows_what_continuations_were_given(say):
    folder = folder_of(say(*QUICK, "optimizer=adam"))
    assert say("resume", str(folder), "trainer.max_epochs=2").code == 0
    assert say("resume", str(folder), "trainer.max_epochs=3", "trainer.log_every=7").code == 0
    again = folder_of(say("rerun", str(folder), "optimizer=sgd"))
    trainer = yaml.safe_load((again / "config.yaml").read_text())["trainer"]
    assert (trainer["max_epochs"], trainer["log_every"]) == (3, 7)
    overrides = json.loads((again / "manifest.json").read_text())["overrides"]
    assert [line for line in overrides if "max_epochs" in line] == ["trainer.max_epochs=3"]


def test_a_rerun_goes_where_it_is_told(say):
    folder = folder_of(say(*QUICK))
    assert folder_of(say("rerun", str(folder), "hydra.run.dir=again", "seed=4")) == Path("again")
    assert yaml.safe_load(Path("again/config.yaml").read_text())["seed"] == 4
    assert folder_of(say("rerun", "again", "hydra.run.dir=other/${now:%Y}", "optimizer=sgd")).parent == Path("other")
    for words, said in {
        ("hydra.run.dir=again",): "again: holds a run already",
        ("hydra.run.dir=",): "expected a folder",
        ("hydra.run.dir=null",): "expected a folder",
        ("hydra.job.chdir=true",): "hydra.run.dir only",
        ("hydra.run.dir=third", "optimizer.lr=-1"): "optimizer.lr=-1",
    }.items():
        answer = say("rerun", str(folder), *words)
        assert answer.code == 2 and said in answer.err
    assert not Path("third").exists()


@pytest.mark.parametrize("verb", ["", "rerun"])
@pytest.mark.parametrize("folder", ["/proc/x", "/proc/self", "file", "file/below", "x" * 300])
def test_a_folder_that_nothing_can_be_written_to_is_refused(say, tmp_path, verb, folder):
    command = [verb, str(folder_of(say(*QUICK)))] if verb else QUICK
    Path("file").write_text("keep")
    answer = say(*command, f"hydra.run.dir={folder}")
    assert answer.code == 2
    assert answer.err.startswith(f"error: {folder}: can't be written to (") and answer.err.count("\n") == 1
    assert Path("file").read_text() == "keep"


@pytest.mark.parametrize(
    "command",
    [
        QUICK,
        ("find-lr", *QUICK, "--steps", "10"),
        ("show", "scheduler/cosine", "--plot"),
        ("-m", *QUICK, "seed=1,2"),
        ("-m", *QUICK, "seed=1,2", "hydra/sweeper=random", "hydra.sweeper.n_trials=2"),
    ],
    ids=["run", "find-lr", "plot", "grid", "random"],
)
def test_a_file_where_the_outputs_go(say, command):
    Path("outputs").write_text("keep")
    answer = say(*command)
    assert answer.code == 2, answer
    assert answer.err.startswith("error: ") and "outputs/" in answer.err and answer.err.count("\n") == 1
    assert Path("outputs").read_text() == "keep"


def test_a_disk_that_fills_up_is_told_of_in_one_line(say, monkeypatch):
    from runner.record import recorder

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "metrics.jsonl")

    monkeypatch.setattr(recorder.RunFolder, "append_metrics", full)
    answer = say(*QUICK)
    assert (answer.code, answer.err) == (1, "error: metrics.jsonl: No space left on device.\n")


@pytest.mark.slow
def test_flags_may_stand_before_a_verb(say, tmp_path):
    (tmp_path / "mine/optimizer").mkdir(parents=True)
    (tmp_path / "mine/optimizer/slow.yaml").write_text("# A slow one.\n_target_: torch.optim.SGD\nlr: 1e-4\n")
    assert "optimizer=slow" in say("--config-dir", "mine", "list", "optimizer").out
    assert "A slow one." in say("--config-dir=mine", "show", "optimizer/slow").out
    assert say("-cd", "mine", "check", "optimizer=slow").out == "ok\n"
    assert say("-m", "check", "optimizer=sgd,adam").code == 0
    assert say("--cfg", "job", "optimizer=adam").code == 0
    for words, said in {
        ("--config-dir", "mine", "lst"): "Did you mean 'list'",
        ("--config-dir", "mine", "resume", "x"): "--config-dir: not known here",
        ("optimizer=adam", "check"): "'check': a verb comes first: python -m runner check",
        ("--config-dir", "list"): "no such folder",
    }.items():
        answer = say(*words)
        assert answer.code == 2 and said in answer.err, answer


@pytest.mark.parametrize("name", ["manifest.json", "result.json"])
@pytest.mark.parametrize("content", ['{"a":', "[]", "\x00"])
def test_a_damaged_file_of_a_run_is_named_and_kept(say, name, content):
    folder = folder_of(say(*QUICK))
    (folder / name).write_text(content)
    answer = say("resume", str(folder), "trainer.max_epochs=2")
    assert answer.code == 0
    assert answer.out.startswith(f"{folder / name}: damaged")
    assert (folder / f"{name}.damaged").read_text() == content


def test_a_rerun_takes_no_key_that_there_is_not(say):
    folder = folder_of(say(*QUICK))
    answer = say("rerun", str(folder), "+new=3")
    assert answer.code == 2 and "no 'new'" in answer.err


def test_a_rerun_is_told_where_the_options_went(say, tmp_path):
    (tmp_path / "mine/optimizer").mkdir(parents=True)
    (tmp_path / "mine/optimizer/slow.yaml").write_text("# A slow one.\n_target_: torch.optim.SGD\nlr: 1e-4\n")
    folder = folder_of(say("--config-dir", "mine", *QUICK, "optimizer=slow"))
    (tmp_path / "mine").rename(tmp_path / "moved")
    assert "mine: there is no such folder" in say("rerun", str(folder), "scheduler=constant").err
    assert say("rerun", str(folder), "scheduler=constant", "--config-dir", "moved").code == 0
    assert say("--config-dir", "moved", "rerun", str(folder)).code == 0
