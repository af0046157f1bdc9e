"""From a recipe to everything that a training run consists of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from runner.config.check import carries_nothing, check_data, check_inputs, check_preparation
from runner.config.groups import BY_NAME
from runner.errors import ConfigError, counted
from runner.run.together import check_parts

if TYPE_CHECKING:
    import torch

    from runner.config.recipe import Recipe
    from runner.engine.batches import Batches
    from runner.engine.data import Data
    from runner.engine.fit import Fit
    from runner.engine.interrupt import Interrupt
    from runner.engine.progress import Progress
    from runner.engine.ranks import Ranks
    from runner.engine.spec import Spec
    from runner.engine.split import Split
    from runner.features.base import Features
    from runner.model.changes import Change
    from runner.record.recorder import Recorder

log = logging.getLogger(__name__)

MANY = 5_000  # examples of which a cleaning that compares them may take seconds


def load_data(recipe: Recipe, tell: Callable[[str], None] = lambda text: None) -> Data:
    """Load the data that a recipe chooses, cleaned and with the features it makes; check what was not known before.

    Args:
        recipe: checked.
        tell: hears of what takes long.
    """
    data = clean_data(recipe, tell)
    if steps := features(recipe):
        from runner.features.base import with_features

        data = with_features(data, steps)
    check_data(recipe, data.spec)
    return data


def clean_data(recipe: Recipe, tell: Callable[[str], None] = lambda text: None) -> Data:
    """The data that a recipe chooses, without what its cleaning leaves out, and before features are made of them."""
    data: Data = recipe.data.load()
    check_inputs(recipe, data.spec.inputs, data.spec.task)  # before they are changed
    check_preparation(recipe, data.spec.task)
    for node in recipe.of(BY_NAME["cleaning"]):
        if (examples := sum(data.sizes.values())) > MANY:
            tell(f"{node.key}: looking at {examples:,} examples")
        data = node.make()(data, cleaning_seed(recipe))
    return data


def cleaning_seed(recipe: Recipe) -> int:
    """What cleaning draws with: of the split, so that all runs of a sweep leave out the same."""
    from runner.engine.state import seed_for

    return seed_for(recipe.data.split_seed, "cleaning")


def features(recipe: Recipe) -> dict[str, Features]:
    """What makes features, by name, in the order in which it acts; not fitted."""
    nodes = sorted(recipe.of(BY_NAME["features"]), key=lambda node: node.target.order)
    return {node.key.rpartition(".")[2]: node.make() for node in nodes}


def balanced(recipe: Recipe, data: Data) -> Data:
    """The data with classes of the training part as often as a recipe asks for."""
    from runner.engine.state import seed_for

    for node in recipe.of(BY_NAME["balance"]):
        data = node.make()(data, seed_for(recipe.seed, "balance"))
    return data


def set_up_device(recipe: Recipe) -> torch.device:
    """The device that a recipe chooses, ready to be used."""
    from runner.engine.device import choose_device, set_up

    trainer = recipe.trainer
    device = choose_device(trainer.device)
    set_up(device, trainer.threads, trainer.deterministic)
    return device


def prepare(
    recipe: Recipe,
    recorder: Recorder,
    interrupt: Interrupt,
    progress: Progress,
    saved: dict[str, Any] | None = None,
    data: Data | None = None,
    ranks: Ranks | None = None,
) -> tuple[Fit, Data]:
    """Load the data, build everything, and go to where the run was, if it was anywhere.

    Args:
        recipe: checked.
        recorder: writes what happens.
        interrupt: says whether the run was asked to stop.
        progress: hears of what there is to say.
        saved: the checkpoint to go on from; None starts anew.
        data: where they are loaded already.
        ranks: the processes of the run; None: this one alone.
    """
    from runner.config.build import build, build_optimizer
    from runner.config.check import scores_of
    from runner.engine.carried import Carrying
    from runner.engine.dry_run import check_curve, check_shapes
    from runner.engine.fit import Best, Fit
    from runner.engine.meter import Meter
    from runner.engine.monitor import Monitor, canonical, resolve_mode
    from runner.engine.optimizer import Averaging
    from runner.engine.precision import Precision
    from runner.engine.ranks import Ranks
    from runner.engine.schedule import LearningRate, Plan
    from runner.engine.state import TrainState, seed_for
    from runner.engine.technique import listeners
    from runner.model.base import declared

    trainer, ranks = recipe.trainer, ranks or Ranks()
    device = set_up_device(recipe)
    loaded = data or load_data(recipe, progress.message)
    data = balanced(recipe, loaded)
    _tell(progress, data.notes)
    for change in listeners(recipe.techniques, "on_data"):
        data = change(data, device, progress, interrupt)
    check_parts(data, ranks)
    objects = build(recipe, data, seed_for(recipe.seed, "init"), saved)
    _tell(progress, objects.notes)
    spec = objects.task.spec
    images = spec.inputs is not None and spec.inputs.kind == "image"
    channels_last = images and (device.type == "cuda" if trainer.channels_last == "auto" else trainer.channels_last)
    model = ranks.placed(_placed(objects.model, device, channels_last))
    optimizer = build_optimizer(recipe["optimizer"], model, device.type, ranks.sharded)
    if data.train.contiguous and not isinstance(model, Carrying):
        raise carries_nothing(recipe)
    train = training_batches(recipe, data, model, device, channels_last, ranks)
    total = train.updates_per_epoch * trainer.max_epochs
    total = min(total, trainer.max_steps or total)
    plan = Plan(train.updates_per_epoch, -(-total // train.updates_per_epoch), total)
    directions = scores_of(recipe, spec.task)
    monitored = canonical(recipe.values["monitor"])
    fit = Fit(
        model=model,
        network=_compiled(model) if trainer.compile else model,
        loss=objects.loss,
        optimizer=optimizer,
        learning_rate=LearningRate(objects.schedule, objects.warmup, plan, optimizer.defaults["lr"]),
        techniques=recipe.techniques,
        task=objects.task,
        plan=plan,
        settings=trainer,
        precision=Precision(trainer.precision, device),
        device=device,
        state=TrainState(recipe.seed),
        train=train,
        val=evaluation_batches(recipe, data.val, device, channels_last, ranks),
        meter=Meter(objects.task, objects.metrics, ranks=ranks),
        best=Best(Monitor(monitored, resolve_mode(monitored, recipe.values["mode"], directions))),
        directions=directions,
        recorder=recorder,
        interrupt=interrupt,
        progress=progress,
        about=about(recipe, loaded, spec, objects.changes),
        load_teacher=objects.load_teacher,
        shows_targets=declared(model).takes_targets,
        ranks=ranks,
    )
    if objects.schedule.monitors:
        objects.schedule.setup(fit)
    base_lr = optimizer.param_groups[0]["initial_lr"]
    if isinstance(optimizer, Averaging) and fit.learning_rate(plan.total - 1, base_lr) < base_lr:
        progress.message(
            "This optimizer averages weights in place of a falling rate, and here the rate falls as well; "
            "scheduler=constant is what it is made for."
        )
    if objects.warmup is not None and (length := objects.warmup.length(plan)) > plan.total:
        progress.message(
            f"The warm-up of {counted(length, 'update')} is longer than the run and cut to its "
            f"{counted(plan.total, 'update')}: the schedule never begins."
        )
    check_shapes(fit, data.train)
    for technique in fit.techniques:
        technique.setup(fit)
    check_curve(fit.learning_rate, plan.total, base_lr)
    if saved is not None:
        _go_back(fit, saved)
    if ranks.main:
        recorder.folder.update_manifest(
            task=spec.task,
            seed=recipe.seed,
            split_seed=recipe.data.split_seed,
            data={"fingerprint": data.fingerprint, **data.sizes},
            hardware=_hardware(device),
            strategy={"name": ranks.name, "processes": ranks.world},
            precision=fit.precision.name,
            parameters=sum(p.numel() for p in model.parameters()),
        )
    return fit, data


def about(recipe: Recipe, data: Data, spec: Spec, changes: Sequence[Change] = ()) -> dict[str, Any]:
    """What a checkpoint says of a network besides its weights: enough to use it where there are no data.

    Args:
        recipe: that of the run.
        data: before they were balanced, as they are compared with those that are loaded again.
        spec: with the width of the last layer.
        changes: that were done to the network that the recipe builds.
    """
    return {
        "config": recipe.recorded,
        "spec": spec.plain(),
        "transform": data.transform.state_dict() if data.transform else None,
        "data": {"fingerprint": data.fingerprint, "sizes": data.sizes},
        "changes": [change.plain() for change in changes],
    }


def _tell(progress: Progress, notes: Iterable[str]) -> None:
    for note in notes:
        progress.message(note)
        log.info(note)


def _placed(model: torch.nn.Module, device: torch.device, channels_last: bool) -> torch.nn.Module:
    import torch

    model = model.to(device)
    return model.to(memory_format=torch.channels_last) if channels_last else model


def _compiled(model: torch.nn.Module) -> torch.nn.Module:
    import torch

    compiled: torch.nn.Module = torch.compile(model)  # type: ignore[assignment]
    return compiled


def training_batches(
    recipe: Recipe,
    data: Data,
    model: torch.nn.Module,
    device: torch.device,
    channels_last: bool,
    ranks: Ranks | None = None,
) -> Batches:
    """Batches to learn from."""
    from torch.nn.modules.batchnorm import _BatchNorm

    from runner.engine.batches import Batches
    from runner.engine.technique import acts_early

    option, trainer = recipe.data, recipe.trainer
    split, inputs = data.train.for_learning(), data.spec.inputs
    least = 2 if any(isinstance(m, _BatchNorm) for m in model.modules()) else 1
    if ranks is not None and not trainer.sync_batch_norm and least == 2:
        least = 2 * ranks.world  # each takes the statistics of its own
        if ranks.world > 1 and option.batch_size != "full" and option.batch_size < least:
            raise ConfigError(
                f"data.batch_size={option.batch_size}: {ranks.world} processes share it, and batch normalization needs "
                f"two examples in each. Give at least {least}, or trainer.sync_batch_norm=true."
            )
    return Batches(
        split,
        len(split) if option.batch_size == "full" else option.batch_size,
        device,
        accumulate=trainer.accumulate,
        drop_last=option.drop_last or split.contiguous,
        least=least,
        limit=trainer.limit_batches,
        reshuffle=trainer.reshuffle,
        seed=recipe.seed,
        channels_last=channels_last,
        num_workers=option.num_workers,
        early=any(acts_early(technique, inputs) for technique in recipe.techniques),
        ranks=ranks,
    )


def evaluation_batches(
    recipe: Recipe, split: Split, device: torch.device, channels_last: bool, ranks: Ranks | None = None
) -> Batches:
    """Batches for evaluation: larger, as no gradients are kept; where limited, of the same examples for every seed."""
    from runner.engine.batches import Batches

    option = recipe.data
    return Batches(
        split,
        len(split) if option.batch_size == "full" else 4 * option.batch_size,
        device,
        limit=recipe.trainer.limit_batches,
        seed=option.split_seed,
        channels_last=channels_last,
        num_workers=option.num_workers,
        ranks=ranks,
    )


def _go_back(fit: Fit, saved: dict[str, Any]) -> None:
    from runner.engine.saver import restore

    restore(fit, saved)
    before = saved["config"].get("trainer") or {}
    changed = [k for k in ("max_epochs", "max_steps") if before.get(k) != getattr(fit.settings, k)]
    rate, group, done = fit.learning_rate, fit.optimizer.param_groups[0], fit.position()
    pure = not (rate.schedule.monitors or (rate.warmup is not None and rate.warmup.hears_norms))
    if changed and pure and done and rate(done - 1, group["initial_lr"]) != group["lr"]:
        fit.progress.message(
            f"{' and '.join(f'trainer.{k}' for k in changed)} changed: the learning-rate schedule is computed for the "
            f"new length ({counted(fit.plan.total, 'update')}) and jumps here."
        )


def _hardware(device: torch.device) -> dict[str, Any]:
    import os

    import torch

    hardware: dict[str, Any] = {"device": str(device), "cpus": os.cpu_count(), "threads": torch.get_num_threads()}
    if device.type == "cuda":
        hardware |= {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
    return hardware
