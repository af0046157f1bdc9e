"""Every option with those it must go with, and every option interrupted. New files are covered too."""

import math
import shutil
from copy import deepcopy
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from PIL import Image

from runner.config.check import resolved
from runner.config.compose import without_hydra
from runner.data.base import DataOption
from runner.engine.optimizer import Averaging
from runner.errors import ConfigError, Interrupted
from runner.model.base import declared
from runner.run import compose, resume, run
from tests.config.test_options import (
    DOWNLOADED,
    LISTS,
    MODELS,
    NEEDS,
    OPTIONS,
    RECIPES,
    SPACES,
    content,
    for_its_task,
    read,
    resolve,
    save_weights,
    target,
    write_sequences,
)
from tests.data.annotated import write_coco, write_voc
from tests.faults.kill_resume import content as left_by
from tests.faults.kill_resume import same
from tests.regularization.test_all import SHORT, train_one_epoch
from tests.test_run import StopAt

OPTIMIZERS, WRAPPERS = OPTIONS.names("optimizer"), OPTIONS.names("optimizer/wrapper")
SCHEDULERS, WARMUPS = OPTIONS.names("scheduler"), OPTIONS.names("warmup")
VALUES = {"multistep": {"milestones": [1]}}  # what has no default
TINY = ["model.hidden=[4]", *SHORT, "trainer.max_epochs=1"]


def node(group, name):
    """An option as Hydra composes it, with the options inside it."""
    return with_inner(group, content(group, name))


def with_inner(group, made):
    for entry in made.pop("defaults", ()):
        for inner, chosen in entry.items() if isinstance(entry, dict) else ():
            made[inner] = node(f"{group}/{inner}", chosen)
    return made


@pytest.fixture(scope="module")
def base():
    """What `config` starts from, composed once."""
    return without_hydra(compose(TINY))


@pytest.fixture
def config(base):
    def make(**groups):
        changed = OmegaConf.merge(base)
        OmegaConf.set_struct(changed, False)
        for group, chosen in groups.items():
            changed[group] = chosen
        return resolved(changed)

    return make


def changed(base, overrides):
    """`base` with other options and values, as Hydra composes it, which would take ten times as long."""
    config = OmegaConf.merge(base)
    choices = dict(word.split("=", 1) for word in overrides)
    groups = sorted(choices.keys() & OPTIONS.groups(), key=lambda group: group.count("/"))
    OmegaConf.set_struct(config, False)
    for group in groups:
        names = choices[group].strip("[]").split(",")
        parts = [with_inner(group, deepcopy(read(group, name))) for name in names]
        OmegaConf.update(config, group.replace("/", "."), OmegaConf.merge(*parts), merge=False)
    OmegaConf.set_struct(config, True)
    values = [word for word in overrides if word.partition("=")[0] not in groups]
    return OmegaConf.merge(config, OmegaConf.from_dotlist(values))


def trains(config, folder):
    scores = train_one_epoch(config, folder)
    assert all(math.isfinite(value) for value in scores.values())


@pytest.mark.long
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_optimizer_and_wrapper_with_every_schedule(config, scheduler, tmp_path):
    schedule = node("scheduler", scheduler) | VALUES.get(scheduler, {})
    for name in OPTIMIZERS:
        trains(config(optimizer=node("optimizer", name), scheduler=schedule), tmp_path / name)
    for name in WRAPPERS:
        wrapped = {**node("optimizer", "adam"), "wrapper": node("optimizer/wrapper", name)}
        trains(config(optimizer=wrapped, scheduler=schedule), tmp_path / f"wrapper-{name}")


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_every_optimizer_in_every_wrapper(config, wrapper, tmp_path):
    """An optimizer that averages the weights itself refuses a wrapper that moves them; all others train."""
    for name in OPTIMIZERS:
        wrapped = {**node("optimizer", name), "wrapper": node("optimizer/wrapper", wrapper)}
        if wrapper == "lookahead" and issubclass(target("optimizer", name), Averaging):
            with pytest.raises(ConfigError, match="can't be combined with a schedule-free optimizer"):
                trains(config(optimizer=wrapped), tmp_path / name)
        else:
            trains(config(optimizer=wrapped), tmp_path / name)


@pytest.mark.parametrize("warmup", WARMUPS)
def test_every_schedule_behind_every_warm_up(config, warmup, tmp_path):
    for name in SCHEDULERS:
        schedule = node("scheduler", name) | VALUES.get(name, {})
        trains(config(scheduler=schedule, warmup=node("warmup", warmup)), tmp_path / name)


# Every option that may have state, with values that give it some before the run is cut after its second epoch.
# Regularization and diagnostics, which have options of their own to go with, are cut in their own tests.
CUT = [
    (group, name)
    for group in OPTIONS.groups()
    for name in OPTIONS.names(group)
    if group not in (*RECIPES, *SPACES, "regularization", "diagnostics", "data", "model", "trainer", "optimizer/params")
]
STATEFUL = {
    "scheduler=plateau": ("scheduler.patience=1", "scheduler.min_delta=1"),
    "scheduler=onecycle": ("optimizer=momentum",),
    "scheduler=cyclic": ("optimizer=momentum",),
    "batch_growth=plateau": ("batch_growth.patience=1", "batch_growth.min_delta=1"),
    "batch_growth=step": ("batch_growth.step_size=1",),
    "warmup=gradient": ("warmup.bound=0.05", "warmup.window=3", "warmup.steps=9"),
    "optimizer=lookahead": ("optimizer.wrapper.k=4",),
    "optimizer/wrapper=lookahead": ("optimizer.wrapper.k=4",),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A trained network, for those that need one."""
    folder = tmp_path_factory.mktemp("root")
    run(compose([*TINY, "model.hidden=[6]"]), folder / "run")
    save_weights(folder)
    return folder


@pytest.fixture(scope="module")
def plain():
    """What every run that is cut starts from, composed once."""
    return without_hydra(compose(["trainer.threads=1"]))


@pytest.fixture
def cut(plain, tmp_path, monkeypatch):
    """Run in `tmp_path`, once as it is and once interrupted after an epoch and resumed; gives what both leave."""
    monkeypatch.chdir(tmp_path)

    def leave(epoch, overrides, place="."):
        config = changed(plain, overrides)
        whole, stopped = (Path(place) / name for name in ("whole", "cut"))
        result = run(config, whole)
        assert result["status"] == "completed"
        assert all(math.isfinite(value) for part in ("val", "test") for value in (result[part] or {}).values())
        with pytest.raises(Interrupted):
            run(config, stopped, StopAt(epoch))
        resume(stopped)
        return left_by(whole), left_by(stopped)

    return leave


# What is done before the first update, or only looks on, has nothing to take back.
WITHOUT_STATE = ("adapter", "balance", "cleaning", "features", "init", "loss", "metric")
# A server of its own, and a large network: tests/tracking and tests/model see how runs with them go on.
COSTLY = (("tracking", "mlflow"), ("task", "instance_segmentation"))


def when(group, name):
    """Which of them the suite tries; the others are tried with all that takes long."""
    return pytest.mark.long if group in WITHOUT_STATE or (group, name) in COSTLY else ()


@pytest.mark.parametrize(
    ("group", "name"),
    [pytest.param(*one, marks=when(*one), id="-".join(one)) for one in CUT],
)
def test_interrupted_and_resumed_equals_uninterrupted(group, name, root, cut):
    choice = f"{group}={name}"
    overrides = [need.format(root=root) for need in NEEDS.get(choice, ())] + list(STATEFUL.get(choice, ()))
    overrides += [f"{group}=[{name}]" if group in LISTS else choice, "model.hidden=[6]", *SHORT, "trainer.max_epochs=4"]
    if group in ("loss", "metric", "cleaning", "features", "balance"):
        overrides += for_its_task(group, name)
    if any(word.startswith("model=") and word != "model=mlp" for word in overrides):
        overrides.remove("model.hidden=[6]")
    overrides += ["trainer.accumulate=2"] if group in ("loss", "augmentation") else []
    whole, resumed = cut(2, overrides)
    assert same(whole, resumed) == []
    others = group in ("batch_growth", "features", "balance") or any(word.startswith("data=") for word in overrides)
    assert whole["last"]["position"]["step"] == 12 or others


@pytest.fixture(scope="module")
def files(root):
    """Data of the user's own, beside the trained network."""
    rows = "".join(f"{i},{'xy'[i % 2]},{i * 2.5}\n" for i in range(80))
    (root / "table.csv").write_text(f"a,b,price\n{rows}")
    write_sequences(root)
    for label in ("cat", "dog"):
        (root / "images" / label).mkdir(parents=True)
        for i in range(24):
            Image.new("RGB", (10, 10), (i * 9, 80 * (label == "dog"), 50)).save(root / "images" / label / f"{i}.png")
    for part in ("train", "val"):
        shutil.copytree(root / "images", root / "imagenet" / part)
    write_voc(root / "voc")
    write_coco(root / "coco")
    return root


# Data that are on every machine.
DATA = [name for name in OPTIONS.names("data") if f"data={name}" not in DOWNLOADED]


def form(data):
    """What examples of data are: of those alike, one stands for the others, which are tried with one network."""
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in content("data", data).items() if v != "???"}
    option = resolve(values.pop("_target_"), "data")
    try:
        spec = option(**values).probe()
    except (TypeError, ConfigError):  # it is told where its files are
        return [cls.__name__ for cls in option.__mro__ if issubclass(cls, DataOption)][-2]
    return spec.task, spec.inputs.kind, len(spec.inputs.shape or ()), tuple(spec.more)


FORMS = sorted({form(name): name for name in reversed(DATA)}.values())
SMALL = {**MODELS, "resnet": ("model.width=0.25",)}
SMALL |= dict.fromkeys(("fcn", "deeplab", "fcos", "retinanet", "faster_rcnn", "mask_rcnn"), ("model.width=0.25",))
SHORTER = {
    "python_functions": ("data.packages=[json,urllib,http]", "data.longest=20"),
    "python_source": ("data.packages=[json,http]", "data.length=16"),
}
# Published networks for images take what cnn and resnet take, which are tried with all data.
PUBLISHED = [name for name in OPTIONS.names("model") if declared(target("model", name)).published]


def test_options_are_changed_as_hydra_changes_them(plain, files):
    tried = [[f"data={name}", *NEEDS.get(f"data={name}", ()), "data.batch_size=8"] for name in FORMS[::2]]
    tried += [
        ["optimizer=lookahead", "optimizer.wrapper.k=4", "scheduler=multistep", "scheduler.milestones=[1]"],
        ["optimizer/wrapper=sam", "optimizer.lr=1e-2", "optimizer=momentum", "optimizer.momentum=5e-1"],
        ["regularization=[dropout,ema]", "regularization.ema.decay=0.5", "metric=[accuracy]", "tracking=none"],
        ["metric=pinball", *NEEDS["metric=pinball"], "trainer.checkpoint.every_seconds=1e9", "model.hidden=[]"],
    ]
    for overrides in tried:
        typed = [word.format(root=files) for word in overrides]
        assert changed(plain, typed) == without_hydra(compose(["trainer.threads=1", *typed])), typed


@pytest.mark.long
@pytest.mark.parametrize("model", [name for name in PUBLISHED if name != "inception_v3"])  # googlenet stands for it
def test_every_published_network_is_resumed_exactly(model, root, cut):
    needs = [need.format(root=root) for need in NEEDS.get(f"model={model}", ())]
    overrides = [f"model={model}", *SMALL.get(model, ()), *needs, *SHORT]
    overrides += ["trainer.max_epochs=2", "trainer.limit_batches=2", "data.batch_size=8"]
    assert same(*cut(1, overrides)) == []


@pytest.mark.long
@pytest.mark.parametrize("data", FORMS)
@pytest.mark.parametrize("model", [name for name in OPTIONS.names("model") if name not in PUBLISHED])
def test_every_model_with_data_it_takes_is_resumed_exactly(model, data, files, cut):
    needs = [need.format(root=files) for need in NEEDS.get(f"data={data}", ()) if not need.startswith("model")]
    needs += SHORTER.get(data, ())
    refused = []
    for sequence in (False, True) if "as_sequence" in content("data", data) else (False,):
        overrides = [f"model={model}", *SMALL.get(model, ()), f"data={data}", *needs, *SHORT, "trainer.max_epochs=2"]
        overrides += ["data.as_sequence=true"] if sequence else []
        try:
            assert same(*cut(1, overrides, str(sequence))) == []
        except ConfigError as error:
            assert not Path(str(sequence), "cut").exists()  # it was refused at once
            refused.append(str(error))
    assert all("takes" in message or "as_sequence" in message for message in refused)


@pytest.mark.slow
@pytest.mark.parametrize("data", [name for name in DATA if name not in FORMS])
def test_all_other_data_are_resumed_exactly(data, files, cut):
    needs = [need.format(root=files) for need in NEEDS.get(f"data={data}", ())]
    assert same(*cut(1, [f"data={data}", *needs, *SHORT, "trainer.max_epochs=2"])) == []


@pytest.mark.long
@pytest.mark.parametrize("choice", [*(f"optimizer={n}" for n in OPTIMIZERS), *(f"scheduler={n}" for n in SCHEDULERS)])
def test_every_optimizer_and_schedule_through_the_command_line(choice, tmp_path, monkeypatch, capfd):
    from runner.cli.verbs import answer

    monkeypatch.chdir(tmp_path)
    more = [*NEEDS.get(choice, ()), *(STATEFUL.get(choice, ()) if choice.startswith("scheduler") else ())]
    assert answer([choice, *more, *TINY, "hydra.run.dir=run"]) == 0
    said = capfd.readouterr()
    assert "val/loss" in said.out and "Traceback" not in said.err
    assert left_by(Path("run"))["last"]["position"]["step"] == 3
