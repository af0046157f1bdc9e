"""A run from its configuration to its result: what the command line, sweeps and notebooks call.

from runner.run import compose, run
result = run(compose(["model=cnn", "optimizer.lr=0.01"]))
"""

from __future__ import annotations

import logging
import re
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import DictConfig

from runner.config.check import check, check_inputs, check_task
from runner.config.compose import Command
from runner.config.compose import compose as _compose
from runner.config.frozen import check_resumable, freeze, patch, thaw
from runner.errors import ConfigError, Interrupted, RunFailed, RunnerError, counted
from runner.record.folder import RunFolder, claim
from runner.record.manifest import gather

if TYPE_CHECKING:
    import torch

    from runner.config.build import Config, Objects
    from runner.engine.batches import Batches
    from runner.engine.data import Data
    from runner.engine.fit import Fit
    from runner.engine.interrupt import Interrupt
    from runner.engine.progress import Progress
    from runner.engine.settings import Trainer
    from runner.engine.split import Split
    from runner.record.recorder import Recorder

log = logging.getLogger(__name__)

RUNS = Path("outputs/runs")


def compose(overrides: list[str], config_dir: str | None = None) -> DictConfig:
    """Compose a configuration from overrides, as the command line does."""
    return _compose(Command(overrides, config_dir))


def new_folder(config: DictConfig, parent: Path = RUNS, before: Path | None = None) -> Path:
    """Make a folder for a new run, whose name is free whatever else is started in the same second.

    Args:
        config: as composed, or as a run kept it; then it no longer tells which options were chosen.
        parent: the folder around it.
        before: the run that is repeated, from whose folder the name is taken then.
    """
    name = config.name
    if not name:
        choices = config.hydra.runtime.choices if "hydra" in config else {}
        name = "-".join(str(choices[group]) for group in ("data", "model") if choices.get(group))
    if not name:
        name = re.sub(r"^[\d-]+_[\d-]+_", "", before.resolve().name) if before else "run"
    return claim(parent, f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{name}")


def run(
    config: DictConfig,
    folder: Path | None = None,
    progress: Progress | None = None,
    overrides: list[str] | None = None,
    config_dir: str | None = None,
    test: bool = True,
) -> dict[str, Any]:
    """Check, build, train and test.

    Args:
        config: composed configuration.
        folder: the run folder; None makes a new one in ``outputs/runs``.
        progress: hears of the run's progress.
        overrides: what was typed, for the manifest.
        config_dir: folder of the user's own options, for the manifest.
        test: look at the test split at the end; trials of a sweep don't.

    Returns:
        What stands in ``result.json``.

    Raises:
        ConfigError: the configuration is wrong.
        RunFailed: the run failed; what it had saved stays.
        Interrupted: the run was asked to stop and saved its state.
    """
    plain = check(config)
    text = freeze(config)
    place = RunFolder(folder or new_folder(config))
    place.create(text)
    place.update_manifest(**gather(list(overrides or [])), config_dir=config_dir)
    return _train(plain, text, place, progress, resume=False, test=test)


def resume(
    folder: str | Path,
    overrides: list[str] | None = None,
    progress: Progress | None = None,
    trusted_targets: list[str] | None = None,
    test: bool = True,
) -> dict[str, Any]:
    """Continue a run from its last checkpoint.

    Args:
        folder: the run folder.
        overrides: limits, device, logging and checkpoint keys that differ from now on.
        progress: hears of the run's progress.
        trusted_targets: modules of your own that the run's config names.
        test: look at the test split at the end.

    Returns:
        What stands in ``result.json``.
    """
    place = RunFolder.existing(folder)
    command = Command(list(overrides or []))
    check_resumable(command.parsed)
    config = thaw(place.config)
    config.trusted_targets = trusted_targets or []
    before = int(config.trainer.max_epochs)
    patch(config, command)
    plain = check(config, fresh=False)
    status = place.read_json(place.result).get("status")
    if status == "completed" and not command.parsed:
        raise ConfigError(f"{folder}: this run is complete. To train longer, add trainer.max_epochs=N (now {before}).")
    text = freeze(config)
    place.create_again(text)
    place.update_manifest(status="running", resumed_with=list(overrides or []))
    return _train(plain, text, place, progress, resume=True, test=test)


def rerun_config(folder: str | Path, overrides: list[str]) -> tuple[DictConfig, list[str], str | None]:
    """The configuration that repeats a run, changed by `overrides`.

    Values change the run's own config; the choice of another option composes anew, from the overrides that the run
    recorded and these.

    Returns:
        The configuration, its overrides, and the folder of the user's own options.
    """
    place = RunFolder.existing(folder)
    manifest = place.read_json(place.manifest)
    config_dir = manifest.get("config_dir")
    command = Command(overrides, config_dir)
    groups = command.options.groups()
    recorded = Command(manifest.get("overrides", []), config_dir)
    new = command.typed()
    # A folder from somebody else must not decide by itself which code is trusted.
    left_out = {"trusted_targets", *new}
    merged = [o.input_line or "" for o in recorded.parsed if o.key_or_group not in left_out] + overrides
    if any(o.key_or_group in groups for o in command.parsed):
        return _compose(Command(merged, config_dir)), merged, config_dir
    config = thaw(place.config)
    patch(config, command)
    return config, merged, config_dir


def _train(
    config: Config, text: str, place: RunFolder, progress: Progress | None, resume: bool, test: bool
) -> dict[str, Any]:
    from runner.engine import checkpoint
    from runner.engine.interrupt import Interrupt
    from runner.engine.progress import Progress
    from runner.record.recorder import Recorder

    begin = time.perf_counter()
    checkpoint.remove_temporary(place.checkpoints)
    saved = checkpoint.load_last(place.checkpoints) if resume else None
    at = (saved["position"]["step"], saved["position"]["epoch"]) if saved else (0, 0)
    recorder = Recorder(place, at if resume else None)
    result: dict[str, Any] = {"status": "failed", "cause": None}
    progress = progress or Progress()
    try:
        with Interrupt() as interrupt:
            fit, data = prepare(config, text, recorder, interrupt, progress, saved, described=resume)
            _fit_and_test(fit, data, config, test, result)
    except KeyboardInterrupt:
        result |= {"status": "interrupted", "cause": "stopped at once"}
        raise
    except Exception as error:
        result["cause"] = str(error) if isinstance(error, RunnerError) else f"{type(error).__name__}: {error}"
        log.exception("the run failed")
        if not isinstance(error, ConfigError):  # whose folder is not kept
            progress.message(f"run: {place.path}")
        raise
    finally:
        result.setdefault("seconds", round(time.perf_counter() - begin, 3))
        recorder.finish(result)
        recorder.close()
    if result["status"] == "interrupted":
        command = resume_command(place, config)
        raise Interrupted(f"Interrupted ({result['cause']}); the state is saved. Continue with:\n{command}")
    return result


def resume_command(place: RunFolder, config: Config) -> str:
    """The command that continues a run."""
    trusted = config["trusted_targets"]
    more = f" 'trusted_targets=[{','.join(trusted)}]'" if trusted else ""
    return f"python -m runner resume {shlex.quote(str(place.path))}{more}"


def load_data(config: Config) -> Data:
    """Load the data that a configuration chooses, and check what could not be known before."""
    from runner.config.build import build_techniques, instantiate
    from runner.config.targets import resolve

    trusted = config["trusted_targets"]
    data: Data = instantiate(config["data"], "data", trusted).load()
    loss = resolve(config["loss"]["_target_"], "loss._target_", trusted)
    check_inputs(config, data.spec.inputs)
    check_task(config, data.spec.task, loss, build_techniques(config, trusted))
    return data


def prepare(
    config: Config,
    text: str,
    recorder: Recorder,
    interrupt: Interrupt,
    progress: Progress,
    saved: dict[str, Any] | None,
    described: bool,
) -> tuple[Fit, Data]:
    """Load the data, build everything, and go to where the run was."""
    from runner.config.build import build, build_optimizer, instantiate
    from runner.engine.device import choose_device, set_up
    from runner.engine.dry_run import check_curve, check_shapes
    from runner.engine.fit import Best, Fit
    from runner.engine.loop import restore
    from runner.engine.meter import Meter
    from runner.engine.monitor import Monitor, canonical, resolve_mode
    from runner.engine.precision import Precision
    from runner.engine.schedule import LearningRate, Plan
    from runner.engine.state import TrainState, seed_for

    trainer: Trainer = instantiate(config["trainer"], "trainer")
    device = choose_device(trainer.device)
    set_up(device, trainer.threads, trainer.deterministic)
    data = load_data(config)
    for note in data.notes:
        progress.message(note)
        log.info(note)
    objects = build(config, data, seed_for(config["seed"], "init"), fresh=saved is None)
    for note in objects.notes:
        progress.message(note)
        log.info(note)
    inputs = objects.task.spec.inputs
    channels_last = (
        inputs is not None
        and inputs.kind == "image"
        and (device.type == "cuda" if trainer.channels_last == "auto" else trainer.channels_last)
    )
    model = _placed(objects, device, channels_last)
    optimizer = build_optimizer(config, model, device.type)
    train, val = batches(config, trainer, data, model, device, channels_last)
    total = train.updates_per_epoch * trainer.max_epochs
    total = min(total, trainer.max_steps or total)
    plan = Plan(train.updates_per_epoch, -(-total // train.updates_per_epoch), total)
    directions = {
        f"{split}/{name}": direction
        for split in ("train", "val")
        for name, direction in [("loss", "min"), *((m.name, m.direction) for m in objects.metrics)]
    }
    for technique in objects.techniques:
        directions |= technique.reports
    monitored = canonical(config["monitor"])
    fit = Fit(
        model=model,
        network=_compiled(model) if trainer.compile else model,
        loss=objects.loss,
        optimizer=optimizer,
        learning_rate=LearningRate(objects.schedule, objects.warmup, plan, optimizer.defaults["lr"]),
        techniques=objects.techniques,
        task=objects.task,
        plan=plan,
        settings=trainer,
        precision=Precision(trainer.precision, device),
        device=device,
        state=TrainState(config["seed"]),
        train=train,
        val=val,
        meter=Meter(objects.task, objects.metrics),
        best=Best(Monitor(monitored, resolve_mode(monitored, config["mode"], directions))),
        directions=directions,
        recorder=recorder,
        interrupt=interrupt,
        progress=progress,
        config=yaml.safe_load(text),
    )
    if objects.schedule.monitors:
        objects.schedule.setup(fit)
    base_lr = optimizer.param_groups[0]["initial_lr"]
    if hasattr(optimizer, "evaluating") and fit.learning_rate(plan.total - 1, base_lr) < base_lr:
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
    for technique in objects.techniques:
        technique.setup(fit)
    check_curve(fit.learning_rate, plan.total, base_lr)
    if saved is not None:
        _go_back(fit, saved, restore)
    recorder.folder.update_manifest(
        seed=config["seed"],
        split_seed=config["data"].get("split_seed"),
        data={"fingerprint": data.fingerprint, **{name: len(part) for name, part in data.parts.items()}},
        hardware=_hardware(device),
        precision=fit.precision.name,
        parameters=sum(p.numel() for p in model.parameters()),
    )
    if not described:
        _describe(fit, text)
    return fit, data


def _placed(objects: Objects, device: torch.device, channels_last: bool) -> torch.nn.Module:
    import torch

    model = objects.model.to(device)
    return model.to(memory_format=torch.channels_last) if channels_last else model


def _compiled(model: torch.nn.Module) -> torch.nn.Module:
    import torch

    compiled: torch.nn.Module = torch.compile(model)  # type: ignore[assignment]
    return compiled


def batches(
    config: Config,
    trainer: Trainer,
    data: Data,
    model: torch.nn.Module,
    device: torch.device,
    channels_last: bool,
) -> tuple[Batches, Batches]:
    """Training batches and validation batches of a run."""
    from torch.nn.modules.batchnorm import _BatchNorm

    from runner.engine.batches import Batches

    settings = config["data"]
    train = Batches(
        data.train,
        len(data.train) if settings["batch_size"] == "full" else settings["batch_size"],
        device,
        accumulate=trainer.accumulate,
        drop_last=settings.get("drop_last", False),
        least=2 if any(isinstance(m, _BatchNorm) for m in model.modules()) else 1,
        limit=trainer.limit_batches,
        seed=config["seed"],
        channels_last=channels_last,
        num_workers=settings.get("num_workers", 0),
    )
    return train, evaluation_batches(config, trainer, data.val, device, channels_last)


def evaluation_batches(
    config: Config, trainer: Trainer, split: Split, device: torch.device, channels_last: bool
) -> Batches:
    """Batches for evaluation: larger, as no gradients are kept."""
    from runner.engine.batches import Batches

    data = config["data"]
    return Batches(
        split,
        len(split) if data["batch_size"] == "full" else 4 * data["batch_size"],
        device,
        limit=trainer.limit_batches,
        channels_last=channels_last,
        num_workers=data.get("num_workers", 0),
    )


def _go_back(fit: Fit, saved: dict[str, Any], restore: Any) -> None:
    from runner.engine import checkpoint

    restore(fit, saved)
    path = fit.recorder.folder.checkpoints / "best.pt"
    if path.exists():
        try:
            best = checkpoint.load(path, fit.device)
        except checkpoint.Damaged as error:
            log.warning("%s The best weights so far are lost; later ones will be kept.", error)
        else:
            fit.best.weights = best["model"]
    before = saved["config"]["trainer"]
    changed = [k for k in ("max_epochs", "max_steps") if before[k] != getattr(fit.settings, k)]
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


def _describe(fit: Fit, text: str) -> None:
    from runner.engine.technique import Slot, listeners

    scores = [name for name in fit.directions if name.startswith("val/")]
    fit.recorder.describe(text, flatten(fit.config), scores)
    if fit.settings.images and fit.spec.inputs is not None and fit.spec.inputs.kind == "image":
        batch = next(iter(fit.train.updates(0)))[0]
        for augment in listeners([t for t in fit.techniques if t.slot < Slot.MIX], "on_batch"):
            batch = augment(batch)
        fit.recorder.images("train/images", batch.inputs[: fit.settings.images])


def flatten(config: Config, prefix: str = "") -> dict[str, Any]:
    """Settings as one flat level, without nothings: ``{"optimizer.lr": 0.001}``; targets by their class name."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= flatten(value, f"{name}.")
        elif key == "_target_":
            flat[prefix.rstrip(".")] = value.rpartition(".")[2]
        elif isinstance(value, (bool, int, float, str)):
            flat[name] = value
        elif isinstance(value, (list, tuple)) and value:
            flat[name] = str(list(value))
    return flat


def _fit_and_test(fit: Fit, data: Data, config: Config, test: bool, result: dict[str, Any]) -> None:
    from runner.engine.evaluate import evaluate, evaluate_others
    from runner.engine.loop import train
    from runner.engine.meter import Meter, NonFinite

    fit.progress.started(fit)
    try:
        outcome = train(fit)
    except RunFailed as error:
        result["advice"] = _advice(fit)
        if isinstance(error, NonFinite) and not result["advice"]:
            result["advice"] = [
                "try a lower optimizer.lr, a warm-up or trainer.clip_norm=1; diagnostics=[gradient_norm] tells in "
                "which layer gradients grow"
            ]
        for sentence in result["advice"]:
            fit.progress.message(f"advice: {sentence}")
        raise
    rows = fit.recorder.folder.read_metrics()
    best = fit.best
    use_best = fit.settings.test_weights == "best" and all(
        technique.restore_best_weights for technique in fit.techniques
    )
    scores = best.scores if use_best else (rows[-1] if rows else {})
    seconds = fit.seconds()
    result |= {
        "status": outcome.status,
        "cause": outcome.cause,
        "monitor": best.monitor.name,
        "best_epoch": best.monitor.best_epoch,
        "best_value": best.monitor.best if best.monitor.best_epoch is not None else None,
        "epochs": fit.state.epoch,
        "step": fit.state.step,
        "train": _part(scores, "train"),
        "val": _part(scores, "val"),
        "test": None,
        "seconds": round(seconds, 3),
        "samples_per_second": round(fit.samples() / seconds, 1),
        "parameters": sum(p.numel() for p in fit.model.parameters()),
        "advice": _advice(fit),
    }
    if test and outcome.status == "completed" and data.test is not None:
        held_out = evaluation_batches(config, fit.settings, data.test, fit.device, fit.train.channels_last)
        meter = Meter(fit.task, fit.meter.metrics)
        if use_best and best.weights is not None:
            fit.model.load_state_dict(best.weights)
            result["test"] = evaluate(fit.network, held_out, meter, fit.loss, fit.precision)
        else:
            with fit.evaluating():
                result["test"] = evaluate(fit.network, held_out, meter, fit.loss, fit.precision)
        result["test"] |= evaluate_others(fit, "test", held_out, meter)


def _advice(fit: Fit) -> list[str]:
    return [sentence for technique in fit.techniques for sentence in technique.advice()]


def _part(scores: dict[str, Any], split: str) -> dict[str, float]:
    return {name.partition("/")[2]: value for name, value in scores.items() if name.startswith(f"{split}/")}


def load(
    folder: str | Path, checkpoint: str = "best", device: str = "cpu", trusted_targets: list[str] | None = None
) -> tuple[torch.nn.Module, Data, Config]:
    """The trained network of a run, with its data.

    Args:
        folder: the run folder.
        checkpoint: ``best``, ``last`` or the path of a checkpoint file.
        device: where the network is wanted.
        trusted_targets: modules of your own that the run's config names.

    Returns:
        The network in evaluation mode, the data as the run saw them, and the configuration.

    Raises:
        ConfigError: there is no such checkpoint.
        RunFailed: the checkpoint is damaged or belongs to another network.
    """
    from runner.config.build import build
    from runner.engine import checkpoint as files
    from runner.engine.device import choose_device

    place = RunFolder.existing(folder)
    config = thaw(place.config)
    config.trusted_targets = trusted_targets or []
    plain = check(config, fresh=False)
    path = place.checkpoints / f"{checkpoint}.pt" if checkpoint in ("best", "last") else Path(checkpoint)
    if not path.is_file():
        there = sorted(p.name for p in place.checkpoints.glob("*.pt"))
        raise ConfigError(
            f"--checkpoint {checkpoint}: there is no {path}. Expected best, last or a file; this run has "
            f"{', '.join(there) or 'no checkpoint yet'}."
        )
    data = load_data(plain)
    where = choose_device(device)
    model = build(plain, data, 0, fresh=False).model.to(where)
    weights = files.load(path, where)["model"]
    difference = files.difference(model.state_dict(), weights)
    if difference:
        raise RunFailed(f"{path}: belongs to another network than this run's config describes: {difference}.")
    model.load_state_dict(weights)
    return model.eval(), data, plain


def evaluate_run(
    folder: str | Path,
    split: str = "test",
    checkpoint: str = "best",
    device: str = "auto",
    trusted_targets: list[str] | None = None,
) -> dict[str, float]:
    """Scores of a run's network on one of its splits.

    Args:
        folder: the run folder.
        split: ``train``, ``val`` or ``test``.
        checkpoint: ``best``, ``last`` or the path of a checkpoint file.
        device: where to compute.
        trusted_targets: modules of your own that the run's config names.

    Raises:
        ConfigError: these data have no such split.
    """
    from runner.config.build import build_metrics, build_task, instantiate
    from runner.engine.device import choose_device
    from runner.engine.evaluate import evaluate
    from runner.engine.meter import Meter
    from runner.engine.precision import Precision

    model, data, config = load(folder, checkpoint, device, trusted_targets)
    part = data.parts.get(split)
    if part is None:
        raise ConfigError(f"--split {split}: these data have none. Expected {' or '.join(data.parts)}.")
    trainer = instantiate(config["trainer"], "trainer")
    where = choose_device(device)
    loss = instantiate(config["loss"], "loss", config["trusted_targets"], spec=data.spec)
    task = build_task(config, data.spec, loss)
    meter = Meter(task, build_metrics(config, task, config["trusted_targets"]))
    batches = evaluation_batches(config, trainer, part, where, False)
    return evaluate(model, batches, meter, loss, Precision(trainer.precision, where))
