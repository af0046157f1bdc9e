"""The training loop: everything that happens between the first update and the last, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runner.engine.device import seeder
from runner.engine.evaluate import evaluate, evaluate_others
from runner.engine.fit import Fit
from runner.engine.pace import Pace
from runner.engine.saver import Saver
from runner.engine.state import seed_for
from runner.engine.step import Step
from runner.engine.technique import listeners

Status = Literal["completed", "pruned", "failed", "interrupted"]


@dataclass(frozen=True)
class Outcome:
    """How training ended; `cause` says why, in words, where it did not simply reach its end."""

    status: Status
    cause: str | None = None


def train(fit: Fit) -> Outcome:
    """Train from the current position to the end, or to a reason to stop earlier.

    What was decided is in the last checkpoint: a run that is killed in its test is over when it is resumed.

    Raises:
        NonFinite: the loss was not finite; the last good checkpoint stays.
    """
    state, plan, settings = fit.state, fit.plan, fit.settings
    step, saver, pace, seed, ranks = Step(fit), Saver(fit), Pace(fit), seeder(fit.device), fit.ranks
    ranks.attend(fit.interrupt, pace)
    on_epoch_start = listeners(fit.techniques, "on_epoch_start")
    epoch_scores = listeners(fit.techniques, "epoch_scores")
    on_epoch_end = listeners(fit.techniques, "on_epoch_end")

    if state.ended and not state.epoch_step:
        return Outcome("completed", state.ended)
    # An epoch that was left between its last update and its end is closed, also where no update is to come.
    while state.epoch < plan.epochs and (state.step < plan.total or state.epoch_step):
        fit.network.train()
        for hear in on_epoch_start:
            hear(state.epoch + 1)
        fit.network = ranks.called(fit)
        log_every = fit.log_every
        over, asked = state.step >= plan.total or state.ended, None
        for update in () if over else fit.train.updates(state.epoch, state.epoch_step, kept=True):
            seed(fit.step_seed())
            step.set_rates()
            results = step.gradients(update)
            if ranks.world > 1:  # what is drawn from here on is the same everywhere, as the weights must be
                seed(seed_for(state.step_seed(), "together"))
            logging = (state.epoch_step + 1) % log_every == 0
            norm = step.apply(want_norm=logging)
            state.advance()
            if not step.left_out:
                fit.meter.add(results, state.step)
            if logging:
                fit.meter.check()
                fit.meter.fold()
                pace.interval(norm)
            if state.step >= plan.total or ranks.interrupted():
                break
            if ranks.is_due():  # about twice a second
                fit.progress.step(fit)
                save, asked, late = ranks.agreed((saver.is_due(), fit.recorder.stop_request(), pace.time_is_up()))
                if save:
                    saver.save()
                if late or (asked and asked.at_once):
                    break

        if interrupted := ranks.interrupted():
            saver.save()
            return Outcome("interrupted", interrupted)
        if asked and asked.at_once:
            saver.save()
            return Outcome(asked.status, asked.reason)
        if state.step < plan.total and ranks.agreed(pace.time_is_up()):
            state.ended = "max_time"
        ends_here = state.step >= plan.total or state.ended is not None
        if ends_here:  # before the epoch is closed: with later limits the run goes on in its middle
            saver.save()

        epoch = state.epoch + 1
        scores = {f"train/{name}": value for name, value in fit.meter.read().items()}
        with fit.evaluating():
            ranks.average_buffers(fit.model)
            if ends_here or epoch % settings.eval_every == 0 or epoch == plan.epochs:
                val = evaluate(fit.network, fit.val, fit.val_meter, fit.loss, fit.precision)
                val |= evaluate_others(fit, "val", fit.val)
                scores |= {f"val/{name}": value for name, value in val.items()}
            for more in epoch_scores:
                scores |= more(scores)
            scores = ranks.agreed(scores)
            fit.best.update(fit.model, scores, state)
            saver.keep_top(scores)
        if fit.learning_rate.schedule.monitors:
            fit.learning_rate.schedule.on_epoch_end(scores)
        reasons = [reason for hear in on_epoch_end if (reason := hear(epoch, scores))]
        pace.epoch(epoch, scores)
        state.samples = fit.samples()
        state.next_epoch()
        fit.meter.reset()

        saver.keep_epoch()
        if ends_here:
            saver.save_best()
            saver.remove_displaced()
            return Outcome("completed", state.ended)
        state.ended = reasons[0] if reasons else None
        asked, save = ranks.agreed((fit.recorder.stop_request(), saver.is_due()))
        if reasons or asked:
            saver.save()
            return Outcome("completed", state.ended) if reasons or not asked else Outcome(asked.status, asked.reason)
        if save:
            saver.save()
    saver.save()
    return Outcome("completed")
