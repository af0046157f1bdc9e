"""Speed and memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Gt, Le
from torch import Tensor

from runner.engine.device import synchronize
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.fit import Fit

_WORTH_A_WORD = 10.0  # seconds of a run


def resident_bytes() -> int:
    """Most memory that this process has held so far, in bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # no such module on Windows
        return 0
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Throughput(Technique):
    """Milliseconds per step and memory at every log interval, and the share of the time that evaluation takes.

    Steps are timed from the end of one log interval to the end of the next, evaluation left out; samples per second are
    always reported. Times are those of this session of a run, and evaluation includes other diagnostics at its end.

    Scores: ``throughput/step_ms``, ``throughput/evaluation_share`` and ``throughput/memory_gib`` (most memory held so
    far: of the device on CUDA, else of the process) in TensorBoard.

    Args:
        evaluation: share of the time from which on to say so, in (0, 1].
        memory: share of the device's memory from which on to say so, in (0, 1].
    """

    slot: ClassVar[Slot] = Slot.EPOCH
    not_saved: ClassVar[tuple[str, ...]] = ("since", "step", "evaluating", "evaluating_since")  # clocks of a session

    def __init__(
        self, evaluation: Annotated[float, Gt(0), Le(1)] = 0.5, memory: Annotated[float, Gt(0), Le(1)] = 0.95
    ) -> None:
        self.evaluation, self.memory = evaluation, memory

    def setup(self, fit: Fit) -> None:
        """Start the clocks."""
        self.fit = fit
        self.begin = self.since = time.perf_counter()
        self.step = fit.state.step
        self.evaluating = self.evaluating_since = 0.0

    @contextmanager
    def around_evaluation(self) -> Iterator[None]:
        """Time an evaluation."""
        begin = time.perf_counter()
        yield
        synchronize(self.fit.device)
        self.evaluating += time.perf_counter() - begin

    def on_interval(self, step: int) -> dict[str, Tensor | float]:
        """Times since the last interval, and memory."""
        now = time.perf_counter()
        seconds = now - self.since - (self.evaluating - self.evaluating_since)
        steps = max(1, step - self.step)
        self.since, self.step, self.evaluating_since = now, step, self.evaluating
        return {
            "throughput/step_ms": 1e3 * seconds / steps,
            "throughput/evaluation_share": self.evaluating / (now - self.begin),
            "throughput/memory_gib": self._bytes() / 2**30,
        }

    def _bytes(self) -> int:
        device = self.fit.device
        return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else resident_bytes()

    def advice(self) -> list[str]:
        """What to do about time spent on evaluation, and about memory that is nearly full."""
        sentences = []
        seconds = time.perf_counter() - self.begin
        share = self.evaluating / seconds
        if share >= self.evaluation and seconds > _WORTH_A_WORD:
            sentences.append(f"{share:.0%} of the time went into evaluation; try trainer.eval_every=5")
        if self.fit.device.type == "cuda":
            used = self._bytes() / torch.cuda.get_device_properties(self.fit.device).total_memory
            if used >= self.memory:
                sentences.append(
                    f"{used:.0%} of the device's memory was in use; try half of data.batch_size with twice the "
                    "trainer.accumulate before it is too little"
                )
        return sentences
