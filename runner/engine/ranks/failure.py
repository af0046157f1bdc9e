"""Why a run of several processes ends: the cause of the rank that failed, told by all of them."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import torch.distributed as dist

from runner.errors import RunFailed, RunnerError

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

    from runner.engine.ranks.connections import Connections

log = logging.getLogger(__name__)

_LAST_WORDS = 20.0  # seconds that rank 0 has for them; torchrun gives it 30
_PATIENCE = 3.0  # seconds in which the ranks that are left say that they are


class RankFailed(RunFailed):
    """Another rank ended the run.

    Attributes:
        teller: the lowest rank that is left, which tells of it.
    """

    def __init__(self, message: str, teller: int) -> None:
        super().__init__(message)
        self.teller = teller


class Failures:
    """What ranks leave in the store that the launcher keeps, where it outlives each of them.

    Args:
        store: keys and values that all ranks see.
        rank: number of this process.
        world: number of processes.
        connections: to the other ranks.
    """

    def __init__(self, store: Store, rank: int, world: int, connections: Connections) -> None:
        self.store, self.rank, self.world, self.connections = store, rank, world, connections
        self.turns = 0

    def turn(self) -> int:
        """Number of something that rank 0 does first."""
        self.turns += 1
        return self.turns

    def tell(self, number: int) -> None:
        """Say that it is done."""
        self.store.set(f"done/{number}", "1")

    def wait_for(self, number: int) -> None:
        """Wait until rank 0 says that it is done. In short looks: between them signals are heard."""
        while not self.store.check([f"done/{number}"]):
            time.sleep(0.02)

    def explained(self, error: Exception) -> Exception:
        """What ended this rank, in the words of the rank where it began; leaves the cause where that is this one.

        Cuts the connections to the others: those who wait for this rank's messages are to notice.
        """
        broken = not isinstance(error, RunnerError) and isinstance(error, RuntimeError) and _is_of_group(error)
        if isinstance(error, RankFailed):
            return error
        if not broken:
            self._leave(str(error) if isinstance(error, RunnerError) else f"{type(error).__name__}: {error}")
            self.connections.cut()
            return error
        log.info("rank %d: %s", self.rank, error)
        try:
            self.store.set(f"left/{self.rank}", "1")
            self.connections.cut()
            return self._cause(error)
        except RuntimeError:  # the store went with rank 0, which had kept it
            return RankFailed("rank 0 is gone (killed?); what was saved before stays.", 1)

    def leave_last(self, error: BaseException | None) -> None:
        """Let rank 0 write how the run ended before any other rank ends with an error: a launcher then ends them all.

        Args:
            error: what ends this rank; None: it came to its end.
        """
        try:
            if self.rank == 0:
                self.store.set("over", "1")
            elif error is not None and getattr(error, "teller", 0) == 0:
                end = time.monotonic() + _LAST_WORDS
                while time.monotonic() < end and not self.store.check(["over"]):
                    time.sleep(0.02)
        except RuntimeError as gone:  # rank 0 had kept it
            log.info("the store of the run is gone: %s", gone)

    def _leave(self, cause: str) -> None:
        try:
            if not self.store.check(["cause"]):
                self.store.set("cause", f"{self.rank} {cause}")
        except RuntimeError as gone:
            log.warning("the store of the run is gone: %s", gone)

    def _cause(self, error: Exception) -> RankFailed:
        """The cause that a rank left; else which ranks do not answer."""
        end = time.monotonic() + _PATIENCE
        missing = list(range(self.world))
        while time.monotonic() < end and missing:
            if self.store.check(["cause"]):
                rank, _, cause = self.store.get("cause").decode().partition(" ")
                return RankFailed(f"rank {rank} failed: {cause}", 0)
            missing = [rank for rank in missing if not self.store.check([f"left/{rank}"])]
            time.sleep(0.02)
        if not missing:
            return RankFailed(f"the ranks lost each other: {error}", 0)
        who = f"rank {missing[0]} is" if len(missing) == 1 else f"ranks {', '.join(map(str, missing))} are"
        left = min(set(range(self.world)) - set(missing))
        why = "no answer in time" if "imed out" in str(error) else "killed?"
        return RankFailed(f"{who} gone ({why}); what was saved before stays.", left)


def _is_of_group(error: RuntimeError) -> bool:
    """Whether a message between ranks failed; torch raises plain RuntimeErrors for gloo."""
    words = ("gloo", "NCCL", "Connection closed by peer", "Connection reset", "imed out waiting", "Broken pipe")
    return isinstance(error, dist.DistError) or any(word in str(error) for word in words)
