"""The strategy of a run: from its settings and from how its process was started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.engine.ranks.base import Ranks, Strategy
from runner.errors import ConfigError
from runner.launched import launched, world

if TYPE_CHECKING:
    from runner.engine.ranks.group import Group
    from runner.engine.settings import Trainer

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
            f"trainer.strategy={name}: is of several processes, and this is one alone. Start them with torchrun "
            f"({_TORCHRUN}), or take trainer.strategy=single."
        )
    return "single" if name in ("ddp", "fsdp") and not several else name


@contextmanager
def joined(name: Strategy, trainer: Trainer) -> Iterator[Ranks]:
    """The processes of a run, met; within another such context those of that one.

    Args:
        name: of the strategy, as of `chosen`.
        trainer: how they work together.
    """
    if _joined:
        yield _joined[-1]
        return
    if name == "single":
        yield Ranks()
        return
    if name == "dp":
        from runner.engine.ranks.dp import DP

        yield DP()
        return
    group = _met(name, trainer)
    _joined.append(group)
    try:
        yield group
    except BaseException as error:
        group.failures.leave_last(error)
        raise
    else:
        group.failures.leave_last(None)
    finally:
        _joined.clear()
        _part()


def _met(name: Strategy, trainer: Trainer) -> Group:
    import torch
    import torch.distributed as dist

    from runner.engine.device import choose_device
    from runner.engine.interrupt import Interrupt
    from runner.engine.ranks.connections import Connections
    from runner.engine.ranks.failure import Failures

    Interrupt.second_stops = False  # a terminal and the launcher both signal every process
    backend, device = "cpu:gloo", choose_device(trainer.device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend += ",cuda:nccl"
    connections = Connections(int(os.environ["MASTER_PORT"]))
    dist.init_process_group(backend, timeout=timedelta(seconds=trainer.collective_timeout))
    store = dist.distributed_c10d._get_default_store()
    store = dist.distributed_c10d.PrefixStore("runner", store)
    failures = Failures(store, dist.get_rank(), dist.get_world_size(), connections)
    if name == "fsdp":
        from runner.engine.ranks.fsdp import FSDP

        return FSDP(failures, trainer.sync_batch_norm)
    from runner.engine.ranks.ddp import DDP

    return DDP(failures, trainer.sync_batch_norm)


def _part() -> None:
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()
