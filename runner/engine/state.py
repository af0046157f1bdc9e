"""Where a run is, and the seeds that follow from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def seed_for(*parts: int | str) -> int:
    """A 63-bit seed that is a fixed function of `parts`, with the finalizer of SplitMix64 (Steele et al. 2014).

    Randomness drawn from it depends on nothing else: not on the process, the number of workers, or what ran before.
    """
    value = 0
    for part in parts:
        value = _mix(value + (part if isinstance(part, int) else int.from_bytes(part.encode()[:8], "little")))
    return value >> 1


def _mix(value: int) -> int:
    value = (value + _GOLDEN) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


@dataclass
class TrainState:
    """The position of a run.

    Attributes:
        seed: the run's seed.
        epoch: completed epochs, so the index of the current one.
        step: completed optimizer updates.
        epoch_step: completed updates of the current epoch.
        samples: training examples seen in completed epochs.
        skipped: updates that were left out because gradients were not finite.
        seconds: time spent so far, over all sessions of the run.
        ended: why training is over before its limits; what is left of the run is its test.
    """

    seed: int
    epoch: int = 0
    step: int = 0
    epoch_step: int = 0
    samples: int = 0
    skipped: int = 0
    seconds: float = 0.0
    ended: str | None = None

    def step_seed(self) -> int:
        """The seed of the next update: a function of (seed, step). Asked in every step, so it mixes once only."""
        return _mix(self.seed * _GOLDEN + self.step) >> 1

    def advance(self) -> None:
        """One update is done."""
        self.step += 1
        self.epoch_step += 1

    def next_epoch(self) -> None:
        """The current epoch is done."""
        self.epoch += 1
        self.epoch_step = 0

    def position(self) -> dict[str, Any]:
        """All but the seed and how it ended, in plain containers."""
        position = asdict(self)
        del position["seed"], position["ended"]
        return position
