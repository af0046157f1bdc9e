"""A network of which a share of all channels is removed."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from runner.deploy.benchmark.counts import flops
from runner.deploy.structured.cut import Kept, cut, kept_of, muted
from runner.deploy.structured.groups import Group, groups_of, importance, removed
from runner.deploy.structured.network import channels_of
from runner.deploy.variant import Variant, write
from runner.errors import ConfigError, counted
from runner.model.changes.resized import Resized
from runner.record.files import write_json
from runner.record.folder import RunFolder

if TYPE_CHECKING:
    from runner.deploy.parent import Parent
    from runner.engine.batch import Batch


@dataclass(frozen=True)
class Pruned:
    """A smaller network.

    Attributes:
        model: in evaluation mode.
        change: what makes it of one that its recipe builds.
        groups: of channels, of each of which some were removed.
        kept: by name and dimension, which indices of parameters and buffers it has.
        mixed: how channels are mixed other than by weights; empty: it gives what the network gave whose removed
            channels are zero.
    """

    model: nn.Module
    change: Resized
    groups: list[Group]
    kept: Kept
    mixed: set[str]


def structured(parent: Parent, amount: float, tell: Callable[[str], None]) -> tuple[Path, dict[str, Any]]:
    """Remove a share of all channels, heads and hidden units of a network, so that its layers become smaller.

    Args:
        parent: what is pruned.
        amount: share that is removed of each group of channels which stand in the same places, in (0, 1); at least one
            is left.
        tell: hears how much was removed.

    Returns:
        See `runner.deploy.variant.write`; with ``flops``, floating-point operations for one example, of both.

    Raises:
        ConfigError: the amount is none; there is nothing to remove, or this network can't be pruned, with the reason.

    Source: Li et al. 2017, "Pruning Filters for Efficient ConvNets"; Fang et al. 2023, "DepGraph: Towards Any
    Structural Pruning".
    """
    check_amount(amount)
    place = parent.place.path
    if fixed := next((change for change in parent.network.changes if not change.trainable), None):
        raise ConfigError(
            f"{place}: its weights are {fixed.name}, which is the last step. Prune the run that it was made of, which "
            "stands in its manifest.json as parent."
        )
    if parent.network.recipe.values.get("adapter"):
        raise ConfigError(
            f"{place}: has adapters beside its weights. With adapter.merge=true a run also writes the network that has "
            "both in one, which can be pruned: --checkpoint merged."
        )
    before, batch = parent.network.model, parent.data.val.sample(4, 0)
    found = without_channels(before, batch, amount)
    one = parent.data.val.sample(1, 0)
    costs = {"before": flops(before, one) or 0, "after": flops(found.model, one) or 0}
    tell(
        f"structured: {_count(found.groups)} removed, in {counted(len(found.groups), 'group')}; "
        f"{costs['after']:,} FLOPs for an example, {costs['before'] / max(1, costs['after']):.2f} times fewer than "
        f"{costs['before']:,}"
    )
    changes = [*parent.saved.get("changes", []), found.change.plain()]
    content = {"model": found.model.state_dict(), "changes": changes}
    folder, result = write(parent, Variant("prune", {"method": "structured", "amount": amount}, content))
    result |= {"flops": costs["after"], "parent": {**result["parent"], "flops": costs["before"]}}
    write_json(RunFolder(folder).result, result)
    return folder, result


def check_amount(amount: float) -> None:
    """Refuse a share that removes nothing, or all."""
    if not (math.isfinite(amount) and 0 < amount < 1):
        raise ConfigError(
            f"--amount {amount:g}: is the share of all channels that is removed. Expected a number above 0 and below "
            "1, such as 0.5."
        )


def without_channels(model: nn.Module, batch: Batch, amount: float) -> Pruned:
    """A copy of `model` without a share of its channels.

    Args:
        model: on the CPU, in evaluation mode.
        batch: a few examples, with which it is called.
        amount: see `structured`.

    Raises:
        ConfigError: there is nothing to remove, or the code of the network says how many channels there are.
    """
    channels = channels_of(model, batch)
    of, groups = groups_of(channels, amount)
    if not groups:
        told = f" What goes into {', '.join(sorted(channels.unknown))} stays." if channels.unknown else ""
        raise ConfigError(
            f"--method structured --amount {amount:g}: no channel of this network can be removed.{told} Take a larger "
            "amount, or --method global, which sets single weights to zero."
        )
    gone = removed(groups, importance(model, channels, of))[of]
    kept = kept_of(channels, gone)
    narrow = copy.deepcopy(model)
    cut(narrow, kept, channels, gone)
    _check(model, narrow, batch, kept, exact=not channels.mixed)
    return Pruned(narrow, Resized.between(model, narrow, kept), groups, kept, channels.mixed)


@torch.no_grad()
def _check(model: nn.Module, narrow: nn.Module, batch: Batch, kept: Kept, exact: bool) -> None:
    """Call both, and compare them where removed channels count for nothing."""
    try:
        outputs = narrow(batch.inputs, **batch.more)
    except (RuntimeError, ValueError, IndexError, AssertionError, TypeError) as error:
        raise ConfigError(
            f"--method structured: this network's own code says how many channels there are, so none can be removed "
            f"({type(error).__name__}: {' '.join(str(error).split())})."
        ) from error
    if not exact:
        return
    quiet = copy.deepcopy(model)
    muted(quiet, kept)
    expected = quiet(batch.inputs, **batch.more)
    for a, b in zip(_tensors(outputs), _tensors(expected), strict=False):
        if a.shape != b.shape or not torch.allclose(a, b, rtol=1e-3, atol=1e-3 * float(b.abs().max().clamp(min=1))):
            raise ConfigError(
                "--method structured: without channels this network gives something else than with zeros in their "
                "place, so its code does more with them than is known. Take --method global, which sets weights to 0."
            )


def _tensors(outputs: Any) -> list[Tensor]:
    return [t for t in tree_leaves(outputs) if isinstance(t, Tensor) and t.is_floating_point()]


def _count(groups: list[Group]) -> str:
    whole = sum(len(group.members) for group in groups)
    left = sum(group.keep for group in groups)
    return f"{whole - left:,} of {whole:,} channels"
