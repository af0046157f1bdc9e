"""The folder of a run or a sweep from somebody else executes nothing, through every verb that reads one."""

import hashlib
import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from runner.model.exported import Exported

QUICK = ("model.hidden=[4]", "trainer.max_epochs=1", "trainer.limit_batches=1", "trainer.threads=1", "trainer.images=0")
NEW = "../outside/new"


class Call:
    """What a pickle of somebody else's makes Python do."""

    def __reduce__(self):
        return Path.touch, (Path(NEW),)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    import os

    from runner.cli.verbs import answer

    home, before = tmp_path_factory.mktemp("trained"), Path.cwd()
    os.chdir(home)
    try:
        assert answer([*QUICK, "data=iris", "trainer.checkpoint.every_epochs=1", "hydra.run.dir=run"]) == 0
    finally:
        os.chdir(before)
    return home / "run"


@pytest.fixture
def run(trained, place):
    shutil.copytree(trained, place / "run")
    return place / "run"


# Where a run folder names classes, and what it may want of them.
TARGETS = {
    "model": {"_target_": "evil.Evil"},
    "data": {"_target_": "evil.Evil"},
    "optimizer": {"_target_": "logging.FileHandler", "filename": NEW},
    "loss": {"_target_": "torch.hub.load", "repo_or_dir": "."},
    "scheduler": {"_target_": "runner.record.folder.RunFolder", "path": NEW},
    "regularization": {"mixup": {"_target_": "evil.Evil"}},
    "trainer": {"_target_": "torch.save", "obj": 1, "f": NEW},
    "task": {"_target_": "evil.Evil"},
}
VERBS = {
    "resume": ("resume", "run", "trainer.max_epochs=2"),
    "resume_from": ("resume", "run", "--from", "epoch-0001"),
    "rerun": ("rerun", "run", "seed=1"),
    "evaluate": ("evaluate", "run"),
    "predict": ("predict", "run", "rows.csv"),
    "generate": ("generate", "run"),
    "explain": ("explain", "run"),
    "explain_file": ("explain", "run", "rows.csv", "--method", "integrated_gradients"),
    "ensemble": ("ensemble", "run"),
    "baseline": ("baseline", "run"),
}
ROWS = "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5.1,3.5,1.4,0.2\n"


@pytest.mark.parametrize("group", TARGETS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_config_that_names_other_classes(verb, group, run, answer):
    config = yaml.safe_load((run / "config.yaml").read_text())
    config |= {group: TARGETS[group], "trusted_targets": ["evil", "logging", "torch"]}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    for file in run.glob("checkpoints/*.pt"):
        saved = torch.load(file, weights_only=True)
        saved["config"] = config
        torch.save(saved, file)
        file.with_name(f"{file.name}.sha256").unlink(missing_ok=True)
    Path("rows.csv").write_text(ROWS)
    code, _, error = answer(*VERBS[verb])
    assert (code, f"{group}." in error) == (2, True), error


@pytest.mark.parametrize("group", TARGETS)
def test_what_is_advised_builds_nothing_of_the_config(group, run, answer):
    config = yaml.safe_load((run / "config.yaml").read_text()) | {group: TARGETS[group], "trusted_targets": ["evil"]}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    code, out, error = answer("advise", "run")
    assert (code, "python -m runner rerun run" in out) == (0, True), error


@pytest.mark.parametrize("verb", VERBS)
def test_checkpoints_are_no_pickles(verb, run, answer):
    for file in run.glob("checkpoints/*.pt*"):
        file.write_bytes(pickle.dumps(Call()))
    for file in run.glob("checkpoints/*.sha256"):
        file.unlink()
    for name in ("last", "best", "epoch-0001"):
        torch.save({"format": 2, "model": Call()}, run / f"checkpoints/{name}.pt")
    Path("rows.csv").write_text(ROWS)
    code, _, error = answer(*VERBS[verb])
    assert code != 0 or verb in ("rerun", "resume"), error
    for name in ("a.pt", "b.pt"):
        torch.save({"model": Call()}, name) if name == "a.pt" else Path(name).write_bytes(pickle.dumps(Call()))
        assert answer(*QUICK, "data=iris", "init=checkpoint", f"init.path={name}")[0] != 0


def test_exported_files_that_hold_code(run, answer):
    """With a checksum that matches, as whoever sends a folder can write one."""
    file, model = run / "checkpoints/best.pt", run / "model.pt2"
    saved = torch.load(file, weights_only=True)
    file.with_name("best.pt.sha256").unlink()
    torch.save(Call(), model)
    for form in ("program", "aot", "torchscript"):
        sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
        exported = Exported(form, model.name, sha256, ("inputs",)).plain()
        torch.save({**saved, "model": {}, "exported": exported}, file)
        code, _, error = answer("evaluate", "run")
        assert (code, "trusted_targets=[model.pt2]" in error) == (2, True), error
    code, _, error = answer(*QUICK, "data=iris", "loss=distillation", "loss.teacher=run")
    assert (code, "trusted_targets=[model.pt2]" in error) == (2, True), error
    assert answer("evaluate", "run", "trusted_targets=[model.pt2]")[0] == 1  # opened, and found to be none


@pytest.mark.parametrize("group", [*TARGETS, "weights", "members", "member", "shares"])
def test_an_ensemble_of_theirs(group, run, answer):
    assert answer("ensemble", "run")[0] == 0
    (folder,) = Path("outputs/ensembles").iterdir()
    file = folder / "checkpoints/best.pt"
    saved = torch.load(file, weights_only=True)
    wrong = {"weights": [float("nan")], "members": "evil", "member": [{"config": {}}], "shares": [-1.0, 2.0]}
    if group in TARGETS:
        saved["members"][0]["config"] |= {group: TARGETS[group], "trusted_targets": ["evil", "logging", "torch"]}
    else:
        saved["weights" if group in ("weights", "shares") else "members"] = wrong[group]
    torch.save(saved, file)
    file.with_name("best.pt.sha256").unlink()
    Path("rows.csv").write_text(ROWS)
    for words in (("evaluate", str(folder)), ("predict", str(folder), "rows.csv")):
        code, _, error = answer(*words)
        assert (code, f"{group}." in error if group in TARGETS else "damaged" in error) == (
            1 + (group in TARGETS),
            True,
        )


@pytest.mark.parametrize("task", ["evil.Evil", "os.system", "runner.testing.option.Option"])
def test_a_checkpoint_whose_task_is_another_class(task, run, answer):
    for file in run.glob("checkpoints/*.pt"):
        saved = torch.load(file, weights_only=True)
        saved["spec"]["task"] = task
        torch.save(saved, file)
        file.with_name(f"{file.name}.sha256").unlink(missing_ok=True)
    assert answer("evaluate", "run")[0] == 2


RECORDED = {
    "searchpath": "hydra.searchpath=[pkg://evilpkg]",
    "env_set": "+hydra.job.env_set.GIT_EXTERNAL_DIFF=./program",
    "env_sets": "hydra.job.env_set={PATH: .}",
    "callback": "+hydra.callbacks.x._target_=logging.FileHandler",
    "callbacks": "hydra.callbacks={x: {_target_: evil.Evil}}",
    "all": "hydra={callbacks: {x: {_target_: evil.Evil}}}",
    "run_dir": f"hydra.run.dir={NEW}",
    "sweep_dir": f"hydra.sweep.subdir={NEW}",
    "output_subdir": f"hydra.output_subdir={NEW}",
    "chdir": "hydra.job.chdir=true",
    "job_name": "hydra.job.name=../x",
    "launcher": "hydra/launcher=basic",
    "launcher_target": "hydra.launcher._target_=evil.Evil",
    "sampler": "hydra.sweeper.sampler._target_=logging.FileHandler",
    "sampler_whole": "hydra.sweeper.sampler={_target_: evil.Evil}",
    "sampler_argument": "+hydra.sweeper.sampler.seed={_target_: evil.Evil}",
    "sweeper": "hydra.sweeper={_target_: evil.Evil}",
    "recursive": "hydra.sweeper._recursive_=true",
    "pruner": "hydra.sweeper.pruner={_target_: evil.Evil}",
    "storage": f"hydra.sweeper.storage='sqlite:///{NEW}'",
    "params": "hydra.sweeper.params={hydra.job.env_set.PATH: '1,2'}",
    "params_below": "+hydra.sweeper.params.hydra.job.chdir=true",
    "package": "experiment@hydra.callbacks=x",
    "package_below": "+experiment@_global_.hydra.job=x",
    "logging": "hydra/job_logging=default",
    "hydra_logging": "hydra.hydra_logging={version: 1}",
    "verbose": "hydra.verbose=true",
    "deletion": "~hydra.callbacks",
    "flag": "--experimental-rerun=evil.pickle",
    "flag_of_a_folder": "--config-path=evil",
    "word": "evil",
}


@pytest.mark.parametrize("name", RECORDED)
def test_what_a_run_recorded(name, run, answer):
    manifest = json.loads((run / "manifest.json").read_text())
    for entry in ("overrides", "resumed_with"):
        changed = {**manifest, entry: [*manifest.get(entry, []), RECORDED[name]]}
        (run / "manifest.json").write_text(json.dumps(changed))
        for words in (("rerun", "run", "optimizer=sgd"), ("rerun", "run", "seed=1")):
            code, _, error = answer(*words)
            assert code == 2, error


SWEEP = {
    "name": "sweep",
    "study": "sweep-123",
    "created": "2026-01-01 00:00:00",
    "sampler": "grid",
    "pruner": "nopruner",
    "seed": 0,
    "n_trials": None,
    "repeats": 1,
    "repeat_key": "seed",
    "objectives": ["val/loss"],
    "directions": ["minimize"],
    "fixed": list(QUICK),
    "space": {"seed": {"space": "choice(1,2)", "kind": "choice", "log": False}},
    "application": "runner",
    "config_name": "config",
    "config_dir": None,
    "arguments": ["seed=1,2", *QUICK],
    "hydra_arguments": [],
}


@pytest.mark.parametrize("entry", ["arguments", "hydra_arguments"])
@pytest.mark.parametrize("name", RECORDED)
def test_what_a_sweep_recorded(name, entry, answer):
    Path("sweep/trials").mkdir(parents=True)
    changed = {**SWEEP, entry: [*SWEEP[entry], RECORDED[name]]}
    Path("sweep/sweep.yaml").write_text(yaml.safe_dump(changed))
    code, _, error = answer("resume", "sweep", "hydra.sweeper.dry_run=true")
    assert code == 2, error
    assert "sweep" in error
    assert answer("sweeps", "sweep")[0] in (0, 2)
    assert [path.name for path in Path("sweep").iterdir() if path.name not in ("sweep.yaml", "trials")] == []


@pytest.mark.parametrize("line", ["hydra.sweeper.n_trials=3", "hydra/sweeper=random", "hydra.job.name=fast"])
def test_how_to_search_may_be_recorded(line):
    from runner.config.hydra_node import check_recorded

    check_recorded([line, "optimizer.lr=0.1,0.2"], "sweep")


def test_a_sweep_of_options_of_theirs(answer):
    Path("theirs/model").mkdir(parents=True)
    Path("theirs/model/mine.yaml").write_text("_target_: evil.Evil\n")
    Path("theirs/config.yaml").write_text("defaults: [_self_]\nhydra: {searchpath: ['pkg://evilpkg']}\n")
    Path("theirs/mine.yaml").write_text("defaults: [config, _self_]\nhydra: {searchpath: ['pkg://evilpkg']}\n")
    Path("sweep/trials").mkdir(parents=True)
    for more in ({"arguments": ["model=mlp,mine", *QUICK]}, {"config_name": "mine"}, {"config_name": "--cfg"}):
        Path("sweep/sweep.yaml").write_text(yaml.safe_dump({**SWEEP, "config_dir": "theirs", **more}))
        code, _, error = answer("resume", "sweep", "hydra.sweeper.dry_run=true")
        assert code == 2, error


@pytest.mark.parametrize("name", [name for name in RECORDED if not name.startswith(("flag", "word"))])
def test_what_a_trial_recorded_is_not_composed(name):
    from types import SimpleNamespace

    from runner.sweep.configs import Configs

    plan = SimpleNamespace(space=SimpleNamespace(fixed=("optimizer=sgd",)))
    kept = Configs(plan, None)._of_task(["optimizer=sgd", RECORDED[name], "seed=1"])  # type: ignore[arg-type]
    assert kept == ["optimizer=sgd", "seed=1"]


@pytest.mark.parametrize("name", ["rows.npz", "rows.npy", "rows.pkl", "rows.pt", "rows.joblib", "rows.h5", "rows.csv"])
def test_data_files_are_no_pickles(name, answer, run):
    Path(name).write_bytes(pickle.dumps(Call()))
    for words in (("data=csv", f"data.path={name}", "data.target=y"), ("data=image_folder", f"data.root={name}")):
        code, _, error = answer(*QUICK, *words)
        assert code != 0, error
    code, _, error = answer("predict", "run", name)
    assert code != 0, error
    shutil.rmtree("outputs", ignore_errors=True)
