"""One optimizer update: gradients of one or more micro-batches, clipping, the step."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from runner.engine.batch import Batch
from runner.engine.clip import clip_by_weights_, without_last_layer
from runner.engine.dry_run import impossible
from runner.engine.fit import Fit
from runner.engine.meter import Result
from runner.engine.technique import listeners
from runner.engine.torch_overhead import bare_step
from runner.errors import RunFailed

Gradients = Callable[[list[Batch]], list[Result]]


def _wrapped(around: Callable[[Callable[[], list[Result]]], list[Result]], inner: Gradients) -> Gradients:
    return lambda update: around(lambda: inner(update))


class Step:
    """What happens in every update. Built once; the loop calls its methods in order.

    Events without listeners are empty lists here, so a technique that is off costs nothing.
    """

    def __init__(self, fit: Fit) -> None:
        self.fit, self.ranks = fit, fit.ranks
        self.loss, self.precision = fit.loss, fit.precision
        self.groups = fit.optimizer.param_groups
        self.parameters: list[Tensor] = [p for group in self.groups for p in group["params"]]
        inside = {id(p) for p in fit.model.parameters()}
        self.beside = [p for p in self.parameters if id(p) not in inside]  # techniques' own
        self.on_batch = fit.changes(fit.techniques)
        self.output_penalties = listeners(fit.techniques, "output_penalty")
        self.penalties = listeners(fit.techniques, "penalty")
        self.before_step = listeners(fit.techniques, "before_step")
        self.after_step = listeners(fit.techniques, "after_step")
        self.gradients: Gradients = self._gradients
        for around in listeners(fit.techniques, "around_gradients"):
            self.gradients = _wrapped(around, self.gradients)
        settings = fit.settings
        self.skipping = settings.on_nonfinite == "skip"
        self.left_out = False  # whether the last update was, by `on_nonfinite=skip`
        if self.skipping:
            self.gradients = _wrapped(self._remembering, self.gradients)
        self.touching = bool(
            settings.clip_norm is not None
            or settings.clip_value is not None
            or settings.clip_adaptive is not None
            or self.skipping
            or self.before_step
            or self.precision.scaler is not None
        )
        if settings.clip_adaptive is not None:
            self.adaptively = without_last_layer(fit.model, self.parameters)
        self.update_weights = bare_step(fit.optimizer)
        self.cycling = fit.learning_rate.schedule.cycle_momentum
        warmup = fit.learning_rate.warmup
        self.warmup = warmup if warmup is not None and warmup.hears_norms else None

    def set_rates(self) -> None:
        """Write the learning rate (and momentum, where it cycles) of this position into the optimizer.

        Raises:
            RunFailed: a schedule that hears scores gave a rate with which no update can be made.
        """
        rate, step = self.fit.learning_rate, self.fit.position()
        for group in self.groups:
            group["lr"] = lr = rate(step, group["initial_lr"])
            if not 0.0 <= lr < math.inf:
                raise RunFailed(impossible(rate, step, self.fit.plan.total, lr))
            if self.cycling and "betas" in group:
                group["betas"] = (rate.momentum(step), *group["betas"][1:])
            elif self.cycling and "momentum" in group:
                group["momentum"] = rate.momentum(step)

    def _gradients(self, update: list[Batch]) -> list[Result]:
        for parameter in self.parameters:  # what zero_grad does, without its 20 µs of profiler hooks
            parameter.grad = None
        parts = len(update)
        changed = [self._changed(hard) for hard in update] if self.loss.weighs else update
        units = [self.loss.units(batch) for batch in changed]
        together = parts > 1 or self.ranks.world > 1
        repeated = [hard.repeated for hard in update]
        total = self.ranks.total(units, repeated) if together else 0
        results = []
        for number, hard in enumerate(update):
            batch = changed[number] if self.loss.weighs else self._changed(hard)
            if parts > 1:
                self.ranks.reduce_with(self.fit.network, number == parts - 1)
            more = {**batch.more, "targets": batch.targets} if self.fit.shows_targets else batch.more
            if self.precision.dtype is None:
                outputs = self.fit.network(batch.inputs, **more)
                loss = self.loss(outputs, batch)
            else:
                with self.precision.autocast():
                    outputs = self.fit.network(batch.inputs, **more)
                    loss = self.loss(outputs, batch)
            results.append(Result(loss.detach(), outputs.detach(), hard, units[number]))
            for output_penalty in self.output_penalties:
                loss = loss + output_penalty(outputs, batch)
            if together:  # the update equals one large batch, also when its parts differ in size
                loss = loss * self.ranks.share(units[number], total, repeated[number])
            if number == 0:
                for penalty in self.penalties:
                    loss = loss + penalty()
            self.precision.scaled(loss).backward()
        if self.beside:
            self.ranks.reduce_beside(self.beside)
        return results

    def _changed(self, batch: Batch) -> Batch:
        for change in self.on_batch:
            batch = change(batch)
        return batch

    def _remembering(self, gradients: Callable[[], list[Result]]) -> list[Result]:
        """What decides whether an update is left out, and the buffers (batch norm's) that it must not change then."""
        self.buffers = [(buffer, buffer.clone()) for buffer in self.fit.model.buffers()]
        results = gradients()
        self.losses = [result.loss for result in results]
        return results

    def apply(self, want_norm: bool) -> Tensor | None:
        """Unscale, clip, and update the weights.

        Args:
            want_norm: compute the norm of the gradients even if nothing else needs it.

        Returns:
            Global norm of the gradients before clipping (not read from the device), where it was computed.
        """
        norm = None
        want_norm = want_norm or self.warmup is not None
        if self.touching or want_norm:
            norm = self._touch(want_norm)
            if self.warmup is not None:
                self._tell_warmup(norm)
        self.left_out = self.skipping and not self._is_finite(norm)
        if self.left_out:
            self.precision.leave_out()
            for buffer, old in self.buffers:
                buffer.copy_(old)
            self.fit.state.skipped += 1
        elif self.precision.scaler is None:
            self.update_weights()
        elif not self.precision.scaled_step(self.fit.optimizer):
            self.fit.state.skipped += 1
        for hear in self.after_step:
            hear()
        return norm

    def _is_finite(self, norm: Tensor | None) -> bool:
        """Whether gradients and losses are numbers: a loss can overflow where its slope does not. Waits for both."""
        assert norm is not None
        return self.ranks.all(bool(torch.stack([value.isfinite() for value in (norm, *self.losses)]).all()))

    def _tell_warmup(self, norm: Tensor | None) -> None:
        assert self.warmup is not None and norm is not None
        self.warmup.on_gradient_norm(norm)
        if not self.warmup.hears_norms:  # it is over
            self.warmup = None

    def _touch(self, want_norm: bool) -> Tensor | None:
        """Everything that looks at gradients before the step: unscaling first, then clipping, then techniques."""
        settings = self.fit.settings
        self.precision.unscale(self.fit.optimizer)
        norm = None
        if want_norm or self.skipping or settings.clip_norm is not None:
            norm = nn.utils.get_total_norm([p.grad for p in self.parameters if p.grad is not None])
            if self.ranks.sharded:
                norm = self.ranks.full(norm)
            if settings.clip_norm is not None:
                nn.utils.clip_grads_with_norm_(self.parameters, settings.clip_norm, norm)
        if settings.clip_value is not None:
            nn.utils.clip_grad_value_(self.parameters, settings.clip_value)
        if settings.clip_adaptive is not None:
            clip_by_weights_(self.adaptively, settings.clip_adaptive)
        for hear in self.before_step:
            hear()
        return norm
