"""The batch-size finder: how fast training goes at each size, up to what memory or time allows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from runner.config.recipe import Recipe
from runner.engine.limits import out_of_memory
from runner.engine.memory import available_memory
from runner.errors import ConfigError
from runner.find.trial import Trial, kept, trial
from runner.run.assembly import training_batches

if TYPE_CHECKING:
    from runner.engine.progress import Progress

ENOUGH = 0.9  # of the best throughput: what the suggested size must reach
AT_LEAST = 0.3  # seconds that a size is timed


@dataclass(frozen=True)
class Speed:
    """How training goes at one batch size.

    Attributes:
        batch_size: examples per micro-batch.
        samples_per_second: training samples per second.
        seconds: of one optimizer update.
        memory: largest number of bytes in use on the device; None where it does not tell.
    """

    batch_size: int
    samples_per_second: float
    seconds: float
    memory: int | None


@dataclass
class Search:
    """What was measured, and why the search ended.

    Attributes:
        speeds: one per size, rising.
        end: why there is no larger one, in words.
    """

    speeds: list[Speed] = field(default_factory=list)
    end: str = ""

    def suggestion(self) -> int | None:
        """The smallest size with nine tenths of the best throughput: larger ones only mean fewer updates."""
        best = max((speed.samples_per_second for speed in self.speeds), default=0.0)
        fast = [s.batch_size for s in self.speeds if s.samples_per_second >= ENOUGH * best]
        return fast[0] if fast else None


def find_batch_size(
    config: DictConfig, start: int = 8, seconds: float = 60.0, progress: Progress | None = None
) -> Search:
    """Time the training step at batch sizes that double, with the data, network and techniques of a configuration.

    Args:
        config: composed configuration; its own batch size plays no part.
        start: first size, at least 1.
        seconds: time that the search may take, above 0.
        progress: hears what there is to say about the data.

    Raises:
        ConfigError: the configuration or a bound is wrong.
        Interrupted: the user asked to stop.
    """
    if start < 1 or seconds <= 0:
        raise ConfigError(f"--start {start} --seconds {seconds:g}: expected a size of at least 1 and a time above 0.")
    with trial(config, progress) as tried, kept(tried.fit):
        return search(tried, start, seconds)


def search(tried: Trial, start: int, seconds: float) -> Search:
    """Time sizes ``start, 2 start, 4 start, ...``; see `find_batch_size`."""
    found, deadline = Search(), time.perf_counter() + seconds
    for size in _doubled(start, len(tried.data.train)):
        begin = time.perf_counter()
        if tried.fit.device.type == "cpu" and not _fits(found.speeds):
            found.end = f"{size} would not fit into memory"
            return found
        try:
            found.speeds.append(_measure(tried, size))
        except Exception as error:
            if not out_of_memory(error):
                raise
            found.end = f"{size} does not fit into memory"
            return found
        now = time.perf_counter()
        if now + 2 * (now - begin) > deadline:  # the next size takes up to twice as long
            found.end = f"the time is up ({seconds:g} s)"
            return found
    found.end = f"there are {len(tried.data.train)} training examples"
    return found


def _doubled(start: int, most: int) -> Iterator[int]:
    size = min(start, most)
    while size <= most:
        yield size
        size *= 2


def _measure(tried: Trial, size: int) -> Speed:
    import torch

    from runner.engine.device import synchronize
    from runner.engine.step import Step

    fit = tried.fit
    values = tried.recipe.values
    full = Recipe({**values, "data": {**values["data"], "batch_size": size, "drop_last": True}})  # full batches only
    fit.train = training_batches(full, tried.data, fit.model, fit.device, fit.train.channels_last)
    on_cuda = fit.device.type == "cuda"
    if on_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(fit.device)
    fit.network.train()
    step, samples, timed, begin, passed = Step(fit), 0, 0, 0.0, 0.0
    for number, update in enumerate(tried.updates()):
        if number == 2:  # the first ones allocate memory, choose kernels and compile
            synchronize(fit.device)
            begin = time.perf_counter()
        step.set_rates()
        step.gradients(update)
        step.apply(want_norm=False)
        if number >= 2:
            samples += sum(batch.examples for batch in update)
            timed += 1
            if timed.bit_count() == 1:  # 1, 2, 4, ...: seldom enough to cost nothing
                synchronize(fit.device)
                passed = time.perf_counter() - begin
                if passed >= AT_LEAST:
                    break
    memory = torch.cuda.max_memory_allocated(fit.device) if on_cuda else _peak()
    return Speed(size, samples / passed, passed / timed, memory)


def _peak() -> int | None:
    """The most memory that this process has had, in bytes, where the system tells."""
    try:
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) * 1024


def _fits(speeds: list[Speed]) -> bool:
    """Whether the host has room for the next size, should it need twice what the last one added.

    A device refuses what does not fit. A host gives it and ends the process later, so it is not asked that far.
    """
    if len(speeds) < 2 or speeds[-1].memory is None or speeds[-2].memory is None:
        return True
    return 2 * (speeds[-1].memory - speeds[-2].memory) < 0.8 * available_memory()
