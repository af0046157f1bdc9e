"""A run while it goes on: training, testing, and what is reported of both."""

from __future__ import annotations

import logging
import shlex
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.config.groups import BY_NAME
from runner.engine.limits import limit_reached
from runner.errors import ConfigError, Interrupted, RunFailed, RunnerError
from runner.launched import world

if TYPE_CHECKING:
    from runner.config.recipe import Node, Recipe
    from runner.engine.data import Data
    from runner.engine.fit import Fit
    from runner.engine.progress import Progress
    from runner.engine.ranks import Ranks
    from runner.evaluation.evaluation import Evaluation
    from runner.record.folder import RunFolder
    from runner.record.recorder import Recorder
    from runner.run.unchanged import Unchanged
    from runner.tracking.process.start import Tracking

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Continued:
    """What a run goes on with.

    Attributes:
        saved: the checkpoint; None where it was stopped before there was one.
        data: loaded.
        note: how they differ from those before, where that is allowed; None where they don't.
    """

    saved: dict[str, Any] | None
    data: Data
    note: str | None

    @classmethod
    def on_data_of(
        cls,
        recipe: Recipe,
        saved: dict[str, Any] | None,
        unchanged: Unchanged,
        progress: Progress | None,
        ranks: Ranks,
    ) -> Continued:
        """Load the data and see that they are those of before.

        Raises:
            ConfigError: they are not.
        """
        from runner.engine.progress import Progress
        from runner.engine.spec import Spec
        from runner.run.assembly import load_data, set_up_device

        set_up_device(recipe)
        tell = (progress or Progress()).message
        data, note = ranks.first(lambda: load_data(recipe, tell)), None
        if saved is not None:
            before = saved["data"]
            note = unchanged.check(data, before["fingerprint"], before["sizes"], Spec.from_plain(saved["spec"]))
        unchanged.check_shared(recipe, data)
        return cls(saved, data, note)


def execute(
    recipe: Recipe,
    place: RunFolder,
    progress: Progress | None,
    unchanged: Unchanged,
    ranks: Ranks,
    again: Continued | None = None,
    test: bool = True,
) -> dict[str, Any]:
    """Train in a run folder, anew or from where it was; what stands in ``result.json``.

    Of several processes all call it, and the first writes.
    """
    from runner.engine.interrupt import Interrupt
    from runner.engine.progress import Progress
    from runner.record.recorder import Recorder, Silent
    from runner.run.assembly import load_data, prepare, set_up_device

    begin = time.perf_counter()
    saved, data = (again.saved, again.data) if again else (None, None)
    at = (saved["position"]["step"], saved["position"]["epoch"]) if saved else (0, 0)
    recorder = Recorder(place, at if again else None) if ranks.main else Silent(place)
    result: dict[str, Any] = {"status": "failed", "cause": None}
    progress, tracking = progress or Progress(), None
    for note in place.notes:
        log.warning(note)
        progress.message(note)
    try:
        with Interrupt() as interrupt, ranks.failing_together():
            if data is None:
                set_up_device(recipe)
                data = ranks.first(lambda: load_data(recipe, progress.message))
                unchanged.check_shared(recipe, data)
            fit, data = prepare(recipe, recorder, interrupt, progress, saved, data, ranks)
            trackers = list(recipe.of(BY_NAME["tracking"])) if ranks.main else []
            settings = _settings(recipe, place) if trackers or at == (0, 0) else {}
            if at == (0, 0):
                _describe(fit, recipe, settings)
            tracking = _tracking(trackers, place, settings)
            recorder.news = tracking.news
            _fit_and_test(fit, data, recipe, test, result)
    except KeyboardInterrupt:
        result |= {"status": "interrupted", "cause": "stopped at once"}
        raise
    except Exception as raised:
        error = limit_reached(raised) or raised
        result["cause"] = str(error) if isinstance(error, RunnerError) else f"{type(error).__name__}: {error}"
        log.exception("the run failed")
        if not isinstance(error, ConfigError):  # whose folder is not kept
            progress.message(f"run: {place.path}")
        if error is raised:
            raise
        raise error from raised
    finally:
        result.setdefault("seconds", round(time.perf_counter() - begin, 3))
        _finish(recorder, result)
        for sentence in tracking.end() if tracking else ():
            progress.message(sentence)
    if result["status"] == "interrupted":
        command = resume_command(place, recipe)
        raise Interrupted(
            f"Interrupted ({result['cause']}); the state is saved. Continue with: {command}", result["cause"]
        )
    return result


def _finish(recorder: Recorder, result: dict[str, Any]) -> None:
    """Write the result; where that fails too, what had failed before is told."""
    failed = sys.exception()
    try:
        recorder.finish(result)
    except OSError:
        if failed is None:
            raise
        log.exception("the result could not be written")
    finally:
        recorder.close()


def resume_command(place: RunFolder, recipe: Recipe) -> str:
    """The command that continues a run."""
    more = f" 'trusted_targets=[{','.join(recipe.trusted)}]'" if recipe.trusted else ""
    start = f"torchrun --nproc-per-node={world()}" if world() > 1 else "python"
    return f"{start} -m runner resume {shlex.quote(str(place.path))}{more}"


def _settings(recipe: Recipe, place: RunFolder) -> dict[str, bool | float | str]:
    from runner.config.options import CONF, Options
    from runner.run.hyperparameters import hyperparameters

    own = place.read_json(place.manifest).get("config_dir")
    return hyperparameters(recipe, Options([Path(own), CONF] if own else [CONF]))


def _tracking(trackers: list[Node], place: RunFolder, settings: dict[str, bool | float | str]) -> Tracking:
    from runner.tracking.process.start import Tracking

    nodes = {node.key.rpartition(".")[2]: node for node in trackers}
    chosen = {name: (node.values["_target_"], node.arguments) for name, node in nodes.items()}
    return Tracking(place.path, chosen, settings)


def _describe(fit: Fit, recipe: Recipe, settings: dict[str, bool | float | str]) -> None:
    from runner.engine.technique import Slot, listeners

    fit.recorder.describe(recipe.text or "", settings)
    if fit.settings.images and fit.spec.inputs is not None and fit.spec.inputs.kind == "image":
        batch = next(iter(fit.train.updates(0, kept=True)))[0]
        augments = [t for t in fit.techniques if t.slot < Slot.MIX]
        if listeners(augments, "on_batch"):
            before = batch
            for make in fit.changes(()):
                before = make(before)
            fit.recorder.images("train/images_before", before.inputs[: fit.settings.images])
        for augment in fit.changes(augments):
            batch = augment(batch)
        fit.recorder.images("train/images", batch.inputs[: fit.settings.images])


def _fit_and_test(fit: Fit, data: Data, recipe: Recipe, test: bool, result: dict[str, Any]) -> None:
    from runner.engine.loop import train
    from runner.engine.meter import NonFinite
    from runner.run.classes import on_classes
    from runner.run.merged import write_merged
    from runner.run.observed import observed

    fit.progress.started(fit)
    try:
        outcome = train(fit)
        if not fit.ranks.main and not fit.ranks.sharded:
            result |= {"status": outcome.status, "cause": outcome.cause, "best_value": fit.best.monitor.best}
            return
    except RunFailed as error:
        result |= {"advice": _advice(fit), "observed": observed(fit, learned=False)}
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
        "advice": [*_advice(fit), *on_classes(fit)],
        "observed": observed(fit, learned=not fit.ranks.sharded) if outcome.status != "interrupted" else {},
    }
    if outcome.status == "completed":
        if test:
            _test(fit, data, recipe, use_best, result)
        write_merged(fit, recipe)


def _test(fit: Fit, data: Data, recipe: Recipe, use_best: bool, result: dict[str, Any]) -> None:
    """Look at the test part; where there is none and an evaluation is wanted, at the validation part once more."""
    from runner.engine.evaluate import evaluate_others
    from runner.evaluation.evaluation import remove, scored
    from runner.run.assembly import evaluation_batches

    level = fit.settings.evaluation
    if level == "off":
        remove(fit.recorder.folder)
        if data.test is None:
            return
    if data.test is not None:
        part, batches = "test", evaluation_batches(recipe, data.test, fit.device, fit.train.channels_last)
    else:
        part, batches = "val", fit.val
    best = use_best and fit.best.weights is not None
    if best:
        assert fit.best.weights is not None
        fit.model.load_state_dict(fit.best.weights)
    with nullcontext() if best else fit.evaluating():
        scores, seen = scored(
            fit.network, batches, fit.task, fit.meter.metrics, fit.loss, fit.precision, level, data.transform
        )
    if data.test is not None:
        result["test"] = scores | evaluate_others(fit, "test", batches)
    if level != "off" and not _written(seen, fit, part, "best" if best else "last"):
        fit.progress.message("The evaluation failed, and there are only the scores; run.log has the reason.")


def _written(seen: Evaluation | None, fit: Fit, part: str, checkpoint: str) -> bool:
    """Write an evaluation; where that fails, a whole training is not called failed for it."""
    if seen is None:
        return False
    try:
        seen.write(fit.recorder.folder, part, checkpoint)
    except Exception:
        log.exception("the evaluation could not be written")
        return False
    return True


def _advice(fit: Fit) -> list[str]:
    return [sentence for technique in fit.techniques for sentence in technique.advice()]


def _part(scores: dict[str, Any], split: str) -> dict[str, float]:
    return {name.partition("/")[2]: value for name, value in scores.items() if name.startswith(f"{split}/")}
