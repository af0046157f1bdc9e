"""A recipe or a folder of options from somebody else executes nothing, and writes nowhere but into the run's folder."""

from pathlib import Path

import pytest
import yaml

QUICK = ("model.hidden=[4]", "trainer.max_epochs=1", "trainer.limit_batches=1", "trainer.threads=1", "trainer.images=0")
PRECIOUS = "../outside/precious"
NEW = "../outside/new"

EMPTIES = {"_target_": "logging.FileHandler", "filename": PRECIOUS, "mode": "w"}
HANDLER = {
    "version": 1,
    "handlers": {"x": {"class": "logging.FileHandler", "filename": NEW}},
    "root": {"handlers": ["x"]},
}

# What a recipe says of Hydra's part.
OF_HYDRA = {
    "env_set": {"job": {"env_set": {"GIT_EXTERNAL_DIFF": "./program", "PATH": "."}}},
    "env_copy": {"job": {"env_copy": ["CANARY_SECRET"]}},
    "run_dir": {"run": {"dir": NEW}},
    "sweep_dir": {"sweep": {"dir": NEW}},
    "sweep_subdir": {"sweep": {"subdir": "../../" + NEW}},
    "output_subdir": {"output_subdir": "../../../" + NEW},
    "chdir": {"job": {"chdir": True}},
    "job_name_is_a_path": {"job": {"name": "../../" + NEW}},
    "mode": {"mode": "MULTIRUN"},
    "callback": {"callbacks": {"x": {"_target_": "evil.Evil"}}},
    "callback_of_logging": {"callbacks": {"x": EMPTIES}},
    "callback_of_hydra": {"callbacks": {"x": {"_target_": "hydra.experimental.callbacks.PickleJobInfoCallback"}}},
    "callback_imports": {"callbacks": {"x": {"_target_": "runner.sweep.workers.Workers", "modules": ["evil"]}}},
    "callback_partial": {"callbacks": {"x": {"_target_": "hydra.utils.get_method", "path": "evil.Evil"}}},
    "callback_reference": {"callbacks": "${model}"},
    "launcher": {"launcher": {"_target_": "evil.Evil"}},
    "launcher_of_logging": {"launcher": EMPTIES},
    "sweeper": {"sweeper": {"_target_": "evil.Evil"}},
    "sampler": {"sweeper": {"sampler": {"_target_": "evil.Evil"}}},
    "sampler_of_logging": {"sweeper": {"sampler": EMPTIES}},
    "sampler_of_sweep": {"sweeper": {"sampler": {"_target_": "runner.sweep.launcher.local.LocalLauncher", "count": 1}}},
    "sampler_argument": {"sweeper": {"sampler": {"seed": {"_target_": "evil.Evil"}}}},
    "recursive": {"sweeper": {"_recursive_": True, "pruner": {"_target_": "evil.Evil"}}},
    "pruner": {"sweeper": {"pruner": {"_target_": "evil.Evil", "name": "none"}}},
    "storage": {"sweeper": {"storage": f"sqlite:///{NEW}"}},
    "study_name": {"sweeper": {"study_name": "../../" + NEW}},
    "params": {"sweeper": {"params": {"hydra.job.env_set.PATH": "a,b"}}},
    "params_of_a_package": {"sweeper": {"params": {"+experiment@hydra.callbacks": "a,b"}}},
    "params_of_a_group": {"sweeper": {"params": {"/hydra/job_logging": "default,none"}}},
    "repeat_key": {"sweeper": {"repeats": 2, "repeat_key": "hydra.job.num"}},
    "job_logging": {"job_logging": HANDLER},
    "job_logging_calls": {"job_logging": {"version": 1, "handlers": {"x": {"()": "ext://evil.Evil"}}}},
    "hydra_logging": {"hydra_logging": HANDLER},
    "formatter": {"job_logging": {"version": 1, "formatters": {"x": {"()": "evil.Evil"}}}},
    "queue": {"job_logging": {"version": 1, "handlers": {"x": {"class": "logging.handlers.QueueHandler"}}}},
    "stream": {
        "job_logging": {"version": 1, "handlers": {"x": {"class": "logging.StreamHandler", "stream": "ext://evil.x"}}}
    },
    "searchpath": {"searchpath": ["pkg://evilpkg"]},
    "verbose": {"verbose": "evil"},
    "help": {"help": {"template": "$CONFIG"}},
    "runtime": {"runtime": {"output_dir": NEW}},
    "overrides": {"overrides": {"task": ["model=mlp"]}},
    "overrides_of_hydra": {"overrides": {"hydra": ["hydra.run.dir=x"]}, "run": {"dir": NEW}},
}
OVERRIDES = (
    "hydra/job_logging: default",
    "hydra/hydra_logging: default",
    "hydra/launcher: theirs",
    "hydra/sweeper: theirs",
)

# Every verb that composes, and the words behind it.
VERBS = {
    "run": (),
    "check": ("check",),
    "check_multirun": ("check", "--multirun", "seed=1,2"),
    "cfg": ("--cfg", "job"),
    "cfg_hydra": ("--cfg", "hydra", "--resolve"),
    "info": ("--info", "all"),
    "help": ("--hydra-help",),
    "find_batch_size": ("find-batch-size",),
    "plot": ("show", "scheduler/cosine", "--plot"),
}


def experiment(name, values, defaults=()):
    folder = Path("theirs/experiment")
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump({"defaults": list(defaults), **values} if defaults else values)
    (folder / f"{name}.yaml").write_text(f"# @package _global_\n# Best ever.\n{text}")


@pytest.mark.parametrize("name", OF_HYDRA)
def test_what_a_recipe_says_of_hydra(name, answer):
    experiment("mine", {"hydra": OF_HYDRA[name]})
    multirun = name == "study_name"  # of which a single run knows nothing
    code, _, error = answer("check", "--config-dir", "theirs", "experiment=mine")
    assert code == 0 if multirun else code == 2, error
    if multirun or name in ("env_set", "callback_of_logging", "sampler_of_logging", "job_logging"):
        code, _, error = answer("check", "--multirun", "--config-dir", "theirs", "experiment=mine", "seed=1,2", *QUICK)
        assert code == 2, error


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "plot"])
def test_every_verb_refuses_it(verb, answer):
    experiment("mine", {"hydra": OF_HYDRA["callback_of_logging"]})
    code, _, error = answer(*VERBS[verb], "--config-dir", "theirs", "experiment=mine", *QUICK)
    assert (code, "hydra.callbacks.x" in error) == (2, True), error
    assert not Path("outputs").exists()


@pytest.mark.parametrize("choice", OVERRIDES)
def test_a_recipe_chooses_no_part_of_hydra(choice, answer):
    group, _, name = choice.partition(": ")
    Path("theirs", group).mkdir(parents=True)
    if name == "theirs":
        Path("theirs", group, "theirs.yaml").write_text("_target_: evil.Evil\n")
    experiment("mine", {"seed": 1}, [{f"override /{group}": name}])
    code, _, error = answer("check", "--config-dir", "theirs", "experiment=mine")
    first = group != "hydra/launcher"  # the program's own choice comes first
    assert (code, "hydra." in error) == (0 if first else 2, not first), error


@pytest.mark.parametrize("verb", VERBS)
def test_a_primary_config_adds_no_packages(verb, answer):
    Path("theirs").mkdir()
    for text in ("hydra: {searchpath: ['pkg://evilpkg']}\n", "hydra: ${more}\nmore: {searchpath: ['pkg://evilpkg']}\n"):
        Path("theirs/mine.yaml").write_text(f"defaults: [config, _self_]\n{text}")
        code, _, error = answer(*VERBS[verb], "--config-dir", "theirs", "--config-name", "mine")
        assert code == 2 or verb == "plot", error


def test_a_group_that_is_put_into_hydra(answer):
    Path("theirs/more").mkdir(parents=True)
    Path("theirs/more/x.yaml").write_text("x: {_target_: evil.Evil}\n")
    experiment("mine", {"seed": 1}, ["/more@hydra.callbacks: x"])
    experiment("mine", {"seed": 1}, [{"/more@hydra.callbacks": "x"}])
    code, _, error = answer("check", "--config-dir", "theirs", "experiment=mine")
    assert (code, "hydra.callbacks.x" in error) == (2, True), error
    Path("theirs/experiment/mine.yaml").write_text("# @package hydra.callbacks\nx: {_target_: evil.Evil}\n")
    code, _, error = answer("check", "--config-dir", "theirs", "experiment=mine")
    assert (code, "hydra.callbacks.x" in error) == (2, True), error


def test_an_option_of_any_other_group_says_nothing_of_hydra(answer):
    Path("theirs/model").mkdir(parents=True)
    text = "_target_: runner.model.mlp.MLP\nhidden: [4]\n"
    Path("theirs/model/tiny.yaml").write_text(text)
    assert answer("check", "--config-dir", "theirs", "model=tiny")[0] == 0
    said = yaml.safe_dump({"model": yaml.safe_load(text), "hydra": OF_HYDRA["run_dir"]})
    Path("theirs/model/tiny.yaml").write_text(f"# @package _global_\n{said}")
    code, _, error = answer("check", "--config-dir", "theirs", "model=tiny")
    assert (code, "hydra.run.dir" in error) == (2, True), error


@pytest.mark.slow
def test_an_option_of_a_sweep_is_looked_at_whichever_comes_first(answer):
    experiment("fine", {"seed": 1})
    experiment("mine", {"hydra": OF_HYDRA["env_set"]})
    words = ("--multirun", "--config-dir", "theirs", *QUICK)
    code, _, error = answer("check", *words, "experiment=fine,mine")
    assert (code, "hydra.job.env_set" in error) == (2, True), error
    typed = [f"+hydra.job.env_set.{name}={value}" for name, value in OF_HYDRA["env_set"]["job"]["env_set"].items()]
    experiment("mine", {"hydra": {**OF_HYDRA["env_set"], "overrides": {"hydra": typed}}})
    code, _, error = answer("check", *words, "experiment=fine,mine")
    assert (code, "hydra.job.env_set" in error) == (2, True), error


def test_what_a_recipe_may_say(answer):
    said = {"job": {"name": "fast"}, "sweeper": {"n_trials": 3, "params": {"optimizer.lr": "interval(0.1,1)"}}}
    said["sweeper"] |= {"sampler": {"n_startup_trials": 2}, "pruner": {"name": "median"}, "study_name": "mine"}
    experiment("mine", {"hydra": said})
    words = ("--config-dir", "theirs", "experiment=mine", "hydra/sweeper=bayes")
    code, out, error = answer("check", "--multirun", *words)
    assert (code, "points: 3" in out) == (0, True), error


def test_what_the_command_may_say(answer):
    experiment("mine", {"seed": 3})
    words = ("+hydra.job.env_set.SOMETHING=1", "hydra.run.dir=here", "hydra.verbose=false", "hydra.job.chdir=false")
    words += (
        "+hydra.callbacks.x._target_=hydra.experimental.callbacks.LogJobReturnCallback",
        "hydra/job_logging=default",
    )
    code, _, error = answer("check", "--config-dir", "theirs", "experiment=mine", *words)
    assert code == 0, error
    Path("theirs/mine.yaml").write_text("defaults: [config, _self_]\n")
    code, _, error = answer(
        "check", "--config-dir", "theirs", "--config-name", "mine", "hydra.searchpath=[pkg://runner]"
    )
    assert code == 0, error


@pytest.mark.parametrize(
    "target", ["logging.FileHandler", "runner.sweep.samplers.Grid", "evil.Evil", "hydra.utils.call"]
)
def test_callbacks_are_callbacks_even_where_they_are_typed(target, answer):
    code, _, error = answer("check", f"+hydra.callbacks.x._target_={target}", f"+hydra.callbacks.x.filename={PRECIOUS}")
    assert (code, f"hydra.callbacks.x._target_={target}" in error) == (2, True), error
