"""Every data set that needs no file: trained, cut in mid-epoch and resumed. New options are covered too."""

from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from runner.engine.progress import Progress
from runner.errors import ConfigError, Interrupted
from runner.metric import metrics_for
from runner.model.base import declared
from runner.run import resume
from runner.task import all_tasks, task_named
from tests.config.test_options import DOWNLOADED, GRAPH, OPTIONS, content, resolve
from tests.faults.kill_resume import content as left_by
from tests.faults.kill_resume import same
from tests.test_run import StopAtStep

EMBEDDED = [
    name
    for name in OPTIONS.names("data")
    if f"data={name}" not in DOWNLOADED
    and "???" not in content("data", name).values()
    and name != "locale_catalogues"  # which not every machine has
]


def published(name):
    return declared(resolve(content("model", name)["_target_"], name)).published


# The plainest network that takes these inputs: the one with the fewest settings, published ones last.
MODELS = sorted(OPTIONS.names("model"), key=lambda name: (published(name), len(content("model", name)), name))
SHORT = ("trainer.max_epochs=2", "trainer.log_every=1", "trainer.images=0", "trainer.checkpoint.every_seconds=1e9")
# As much of the large ones as has eight batches; what is known of all of them is held above.
PART = {
    "debian_packages": (f"data.path={GRAPH}/packages.txt", "data.batch_size=4"),
    "digit_composites": ("data.images=240",),
    "python_functions": ("data.packages=[json,urllib,http]", "data.longest=20"),
    "python_source": ("data.packages=[json,http]", "data.length=16"),
}


def of(group, name):
    return resolve(content(group, name)["_target_"], f"{group}={name}")


def probed(name):
    """What is known of a data set before it is loaded."""
    return of("data", name)().probe()


def fits(model, spec):
    return spec.inputs.kind in (getattr(of("model", model), "takes", None) or ())


class Middle(Progress):
    """Hears how many updates an epoch has."""

    def __init__(self):
        self.updates = 0

    def epoch(self, fit, row):
        self.updates = fit.plan.updates_per_epoch


def test_every_task_has_a_data_set_a_loss_and_metrics():
    of_data = {probed(name).task for name in EMBEDDED} | {"node_regression"}  # of a graph of one's own, data=edge_list
    for name in (*EMBEDDED, "brown"):  # some are for several tasks
        of_data |= set(get_args(get_type_hints(of("data", name)).get("task")))
        of_data |= {"masked"} if "masked" in content("data", name) else set()
    for name in all_tasks():
        assert name in of_data, f"no data set is for {name}"
        assert metrics_for(name), f"no metric is for {name}"
        loss = resolve(task_named(name).loss, name)
        assert loss.tasks is None or name in loss.tasks


@pytest.mark.parametrize("name", EMBEDDED)
def test_what_is_known_before_agrees_with_what_is_loaded(name):
    option = of("data", name)()
    before, data = option.probe(), option.load()
    for told, found in ((before.inputs, data.spec.inputs), (before.targets, data.spec.targets)):
        assert found.kind == told.kind
        assert told.size in (None, found.size)
        assert told.shape in (None, found.shape)
    assert data.spec.task == before.task
    assert data.spec.from_plain(data.spec.plain()) == data.spec
    assert len(data.fingerprint) == 64
    assert {"train", "val"} <= set(data.parts)
    fitted, fresh = data.transform, option.transform()
    if fitted is not None and fresh is not None:
        fresh.load_state_dict(fitted.state_dict())
        assert repr(fresh.state_dict()) == repr(fitted.state_dict())


def trained(name, go, *more):
    """Train with the first network that takes the inputs and gives what the task wants; it and the result."""
    spec = probed(name)
    refused = []
    for model in (model for model in MODELS if fits(model, spec)):
        try:
            return model, go(f"model={model}", *more, folder=f"whole_{model}")
        except ConfigError as error:
            refused.append(f"{model}: {error}")
    raise AssertionError(f"no network takes {spec.inputs.kind} for {spec.task}. {refused}")


@pytest.mark.slow
@pytest.mark.parametrize("name", EMBEDDED)
def test_trained_cut_in_mid_epoch_and_resumed(name, go):
    more = (f"data={name}", "data.batch_size=16", "trainer.limit_batches=8", *SHORT)
    more += ("trainer.accumulate=2", "optimizer=momentum", "optimizer.lr=0.001", *PART.get(name, ()))
    middle = Middle()
    model, result = trained(name, lambda *all_of_it, folder: go(*all_of_it, folder=folder, progress=middle), *more)
    assert result["status"] == "completed"
    assert middle.updates > 2, "too few updates for a middle"
    at = middle.updates + middle.updates // 2
    with pytest.raises(Interrupted):
        go(f"model={model}", *more, folder="cut", progress=StopAtStep(at))
    stopped = left_by(Path("cut"))["last"]["position"]
    assert 1 < stopped["step"] < result["step"]
    assert stopped["step"] % middle.updates, "that was the end of an epoch"
    resume("cut")
    assert same(left_by(Path(f"whole_{model}")), left_by(Path("cut"))) == []
