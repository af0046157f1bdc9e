"""Where the time of a step goes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from torch.profiler import profile

    from runner.engine.fit import Fit


class Profile(Technique):
    """Trace some updates with `torch.profiler` into ``profile.json`` in the run folder.

    The file opens in Perfetto or ``chrome://tracing``. While the trace is taken, steps are several times slower.
    Updates are counted from the start of each session of a run.

    Args:
        wait: updates before the trace begins, at least 1: the first ones are never typical.
        active: updates in the trace.
    """

    slot = Slot.WEIGHTS
    not_saved = ("profiler", "left", "costly")  # each session of a run has a trace of its own

    def __init__(self, wait: Annotated[int, Ge(1)] = 10, active: Annotated[int, Ge(1)] = 10) -> None:
        self.wait, self.active = wait, active
        self.profiler: profile | None = None
        self.costly = ""

    def setup(self, fit: Fit) -> None:
        """Prepare the profiler; of several processes the first one's."""
        from torch import profiler

        self.left, self.path = self.wait + self.active, fit.recorder.folder.path / "profile.json"
        if not fit.ranks.main:
            return
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else it writes of its own doings, and of a missing GPU
        self.profiler = profiler.profile(
            schedule=profiler.schedule(wait=self.wait - 1, warmup=1, active=self.active, repeat=1),
            on_trace_ready=self._keep,
        )
        self.profiler.start()

    def after_step(self) -> None:
        """Count the update."""
        if self.profiler is not None:
            self.profiler.step()
            self.left -= 1
            if self.left == 0:
                self._stop()

    def advice(self) -> list[str]:
        """The costliest operations."""
        self._stop()
        if not self.costly:
            first, last = self.wait + 1, self.wait + self.active
            return [
                f"profile: the run ended before its trace of updates {first} to {last}. Give it as many with "
                "trainer.max_steps and trainer.max_epochs, or lower diagnostics.profile.wait."
            ]
        return [f"profile: {self.costly}; the trace is in {self.path}."]

    def _stop(self) -> None:
        if self.profiler is not None:
            profiler, self.profiler = self.profiler, None
            profiler.stop()

    def _keep(self, profiler: profile) -> None:
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        profiler.export_chrome_trace(str(temporary))
        os.replace(temporary, self.path)
        events = profiler.key_averages()
        times = {e.key: e.self_device_time_total + e.self_cpu_time_total for e in events}
        self.costly = costliest({key: time for key, time in times.items() if not key.startswith("ProfilerStep")})


def costliest(times: dict[str, float]) -> str:
    """The three operations that take most time, their shares, and how much of the whole that is, in words.

    Args:
        times: time in each operation itself, by its name.
    """
    total = sum(times.values()) or 1.0
    ranked = sorted(times, key=times.__getitem__, reverse=True)[:3]
    together = sum(times[name] for name in ranked) / total
    named = ", ".join(f"{name} ({times[name] / total:.0%})" for name in ranked)
    if together < 0.5:
        return f"no operation stands out; the costliest are {named}, together {together:.0%} of the time"
    return f"{together:.0%} of the time goes into {named}"
