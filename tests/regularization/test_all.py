"""Every option of ``conf/regularization``, alone, in pairs and interrupted. New files are covered too."""

import itertools
import math
from pathlib import Path

import pytest
import torch

from runner.config.check import check_recipe, resolved
from runner.config.options import Options
from runner.config.recipe import Recipe
from runner.engine.interrupt import Interrupt
from runner.engine.loop import train
from runner.engine.progress import Progress
from runner.engine.technique import in_order
from runner.errors import ConfigError, Interrupted
from runner.record.folder import RunFolder
from runner.record.recorder import Recorder
from runner.run import compose, resume
from runner.run.assembly import prepare
from tests.faults.kill_resume import content, same
from tests.test_run import StopAt

NAMES = [name for name in Options().names("regularization") if name != "none"]
PAIRS = list(itertools.combinations(NAMES, 2))

CNN = ["model=cnn", "model.channels=[4]", "model.head=[8]"]
MODELS = {"stochastic_depth": ["model=resnet", "model.width=0.25"]}
SHORT = ["trainer.threads=1", "trainer.images=0", "trainer.limit_batches=3", "data.batch_size=16"]


def model_for(*names):
    return next((MODELS[name] for name in names if name in MODELS), CNN)


@pytest.fixture(scope="module")
def config_of():
    """The configuration with some of the options, composed once for each network."""
    made = {}

    def make(*names):
        model = model_for(*names)
        if model[0] not in made:
            chosen = f"regularization=[{','.join(NAMES)}]"
            made[model[0]] = resolved(compose([*model, *SHORT, chosen, "trainer.max_epochs=1"]))
        config = made[model[0]]
        return {**config, "regularization": {name: config["regularization"][name] for name in names}}

    return make


def train_one_epoch(config, folder):
    """Scores of the epoch, without what only the command line needs."""
    recipe = Recipe(config)
    check_recipe(recipe)
    place = RunFolder(folder)
    place.create("{}\n")
    recorder = Recorder(place, None)
    try:
        with Interrupt() as interrupt:
            fit, _ = prepare(recipe, recorder, interrupt, Progress())
            assert train(fit).status == "completed"
    finally:
        recorder.close()
    assert fit.state.step == 3
    return place.read_metrics()[-1]


def finite(scores):
    return all(math.isfinite(value) for value in scores.values())


@pytest.mark.slow
def test_each_alone_trains(config_of, tmp_path):
    assert len(NAMES) >= 18
    for name in NAMES:
        assert finite(train_one_epoch(config_of(name), tmp_path / name)), name


# Pairs that are refused, and what must be said: everything else trains. A new option that excludes another adds it.
REFUSED = {
    ("early_stopping", "snapshot"): "scores get worse at the start of every cycle",
    ("elastic_net", "l1"): "contains it already",
    ("elastic_net", "l2"): "contains it already",
    ("ema", "swa"): "in the place of the weights",
    ("snapshot", "swa"): "holds the learning rate",
    ("spatial_dropout", "stochastic_depth"): "which this model does not have",
}


@pytest.mark.slow
def test_all_pairs_train_or_are_refused_with_a_reason(config_of, tmp_path):
    refused = {}
    for pair in PAIRS:
        try:
            scores = train_one_epoch(config_of(*pair), tmp_path / "+".join(pair))
        except ConfigError as error:
            refused[pair] = str(error)
        else:
            assert finite(scores), pair
    assert refused.keys() == REFUSED.keys()
    for pair, message in refused.items():
        assert REFUSED[pair] in message
        assert any(name in message for name in pair)


def test_the_order_typed_does_not_matter(config_of):
    compatible = [n for n in NAMES if n not in ("early_stopping", "l1", "l2", "swa", "stochastic_depth")]
    one, other = config_of(*compatible), config_of(*reversed(compatible))
    techniques = Recipe(one).techniques
    names = [technique.name for technique in techniques]
    assert names == [technique.name for technique in Recipe(other).techniques]
    assert [technique.name for technique in in_order(reversed(techniques))] == names
    place = names.index
    assert place("cutmix") < place("mixup") < place("label_smoothing") < place("rdrop") < place("gradient_noise")
    assert place("max_norm") < place("ema") < place("snapshot")


# Values with which there is state when the run is cut, after the first of three updates of its third epoch of seven.
VALUES = {
    "ema": ["regularization.ema.decay=0.9"],
    "swa": ["regularization.swa.start=1"],
    "snapshot": ["regularization.snapshot.cycles=3"],
    "freeze": ["regularization.freeze.layers=[conv1]", "regularization.freeze.unfreeze_epoch=4"],
    "early_stopping": ["regularization.early_stopping.patience=2", "optimizer.lr=0.3"],
}


def snapshots(folder):
    return {path.name: torch.load(path, weights_only=True) for path in Path(folder).rglob("snapshot-*.pt")}


def assert_exact(go, overrides):
    go(*overrides, folder="whole")
    with pytest.raises(Interrupted):
        go(*overrides, folder="cut", progress=StopAt(2))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []
    assert same(snapshots("whole"), snapshots("cut")) == []


@pytest.mark.parametrize("name", NAMES)
def test_interrupted_and_resumed_equals_uninterrupted(go, name):
    overrides = [*model_for(name), *SHORT, f"regularization=[{name}]", *VALUES.get(name, ())]
    assert_exact(go, [*overrides, "trainer.max_epochs=7"])


TOGETHER = "cutmix,mixup,label_smoothing,confidence_penalty,rdrop,dropout,gradient_noise,max_norm,elastic_net,freeze"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize("average", ["ema", "swa", "snapshot"])
def test_many_together_with_accumulation_clipping_and_half_precision(go, precision, average):
    overrides = [*CNN, *SHORT, f"regularization=[{TOGETHER},{average}]", *VALUES["freeze"], *VALUES[average]]
    overrides += [
        f"trainer.precision={precision}",
        "trainer.accumulate=2",
        "trainer.clip_norm=1",
        "trainer.max_epochs=7",
    ]
    assert_exact(go, overrides)
