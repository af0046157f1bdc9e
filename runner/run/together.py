"""The processes of a run: whether they can do together what a recipe asks for, and how they meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runner.engine.ranks import Strategy, chosen, joined
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.config.recipe import Recipe
    from runner.engine.data import Data
    from runner.engine.ranks import Ranks


@contextmanager
def processes(recipe: Recipe) -> Iterator[Ranks]:
    """All processes of a run, which end together; this one alone unless several were started.

    Args:
        recipe: checked.

    Raises:
        ConfigError: they can't do what it asks for.
    """
    name = chosen(recipe.trainer)
    _check_choices(recipe, name)
    with joined(name, recipe.trainer) as ranks, ranks.failing_together():
        if ranks.sharded:
            _check_optimizer(recipe, ranks)
        yield ranks


def _check_choices(recipe: Recipe, name: Strategy) -> None:
    for technique in recipe.techniques:
        if reason := technique.not_under.get(name):
            instead = " trainer.strategy=ddp takes it." if name == "fsdp" and "ddp" not in technique.not_under else ""
            raise ConfigError(f"trainer.strategy={name}: not with {technique.name}: {reason}.{instead}")
    if name == "fsdp" and recipe.trainer.histograms is not None:
        raise ConfigError(
            "trainer.strategy=fsdp: not with trainer.histograms, which show whole weights, and every process holds a "
            "part of them."
        )
    if name == "fsdp" and recipe.trainer.precision == "fp16":
        raise ConfigError(
            "trainer.strategy=fsdp: not with trainer.precision=fp16, whose loss scale is set by gradients of which "
            "every process has a part. Take bf16 or fp32."
        )


def _check_optimizer(recipe: Recipe, ranks: Ranks) -> None:
    """Try one update of a small matrix that is held in parts: torch has not every operation for those."""
    import torch
    from torch import nn

    from runner.config.build import build_optimizer

    optimizer = recipe["optimizer"]
    values = {key: value for key, value in optimizer.values.items() if key != "params"}
    model = ranks.placed(nn.Linear(4, 4))
    try:
        made = build_optimizer(optimizer.changed(values), model, "cpu", sharded=True)
        model(torch.ones(2, 4)).sum().backward()
        made.step()
    except (RuntimeError, NotImplementedError) as error:
        raise ConfigError(
            f"trainer.strategy=fsdp: not with optimizer ({optimizer.values['_target_']}), which can't update weights "
            f"of which every process holds a part: {str(error).splitlines()[0]}. Take adamw or momentum, or "
            "trainer.strategy=ddp."
        ) from error


def check_parts(data: Data, ranks: Ranks) -> None:
    """Refuse data whose batches can't be shared.

    Raises:
        ConfigError: with the reason.
    """
    for name, part in data.parts.items():
        if ranks.world > 1 and (part.contiguous or not part.listed):
            what = (
                "go on where the one before ended" if part.contiguous else "come as they come, and can't be taken apart"
            )
            raise ConfigError(
                f"trainer.strategy={ranks.name}: not with these data: batches of {name} {what}. Take one process, "
                "without torchrun."
            )
