"""The strategy of a run: from its settings and from how its process was started."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.engine.ranks.base import Ranks, Strategy
from runner.errors import ConfigError
from runner.launched import launched, local_rank, world

if TYPE_CHECKING:
    from runner.engine.settings import Trainer

log = logging.getLogger(__name__)

_TORCHRUN = "torchrun --nproc-per-node=N -m runner ..."
_joined: list[Ranks] = []


def chosen(trainer: Trainer) -> Strategy:
    """The strategy of a run.

    Raises:
        ConfigError: it does not go with how this process was started.
    """
    name = trainer.strategy
    several = launched() and world() > 1
    if name == "auto":
        return "ddp" if several else "single"
    if name in ("single", "dp") and several:
        raise ConfigError(
            f"trainer.strategy={name}: is of one process, and {world()} were started. Leave torchrun out, or take "
            "trainer.strategy=ddp."
        )
    if name in ("ddp", "fsdp") and not launched():
        raise ConfigError(
            f"trainer.strategy={name}: is of several processes, and this is one alone. Start them with torchrun: "
            f"{_TORCHRUN}"
        )
    return "single" if name in ("ddp", "fsdp") and not several else name


@contextmanager
def joined(trainer: Trainer) -> Iterator[Ranks]:
    """The processes of a run, met; within another such context those of that one.

    Raises:
        ConfigError: see `chosen`.
    """
    if _joined:
        yield _joined[-1]
        return
    name = chosen(trainer)
    if name == "single":
        yield Ranks()
        return
    _joined.append(_met(name, trainer.collective_timeout))
    try:
        yield _joined[-1]
    finally:
        _joined.clear()
        _part()


def _met(name: Strategy, timeout: float) -> Ranks:
    import torch
    import torch.distributed as dist

    from runner.engine.ranks.failure import Failures

    backend = "cpu:gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank())
        backend += ",cuda:nccl"
    log.info("rank %s of %s", os.environ["RANK"], os.environ["WORLD_SIZE"])
    dist.init_process_group(backend, timeout=timedelta(seconds=timeout))
    store = dist.distributed_c10d._get_default_store()
    failures = Failures(dist.distributed_c10d.PrefixStore("runner", store), dist.get_rank(), dist.get_world_size())
    from runner.engine.ranks.ddp import DDP

    return DDP(failures)


def _part() -> None:
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()
