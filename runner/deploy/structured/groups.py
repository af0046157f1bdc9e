"""Which channels are removed: of each group of like ones the least important."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from runner.deploy.structured.network import Channels


@dataclass
class Group:
    """Channels that stand in the same places.

    Attributes:
        members: the channels ``(n,)``.
        places: names and dimensions of the weights that have them.
        keep: how many are kept.
    """

    members: NDArray[np.int64]
    places: tuple[tuple[str, int], ...]
    keep: int


def groups_of(channels: Channels, amount: float) -> tuple[NDArray[np.int64], list[Group]]:
    """The channel of each label, 0 for what stays, and the groups, of each of which about the same share is kept.

    Args:
        channels: of the network.
        amount: share that is removed of each group, rounded down so that at least one channel is left, in (0, 1).
    """
    while True:
        of = channels.labels.channels()
        groups = _alike(channels, of, amount)
        if not _tied(channels, of, groups, amount):
            return of, [group for group in groups if group.keep < len(group.members)]


def importance(model: nn.Module, channels: Channels, of: NDArray[np.int64]) -> NDArray[np.float64]:
    """L2 norm of each channel's slice of a weight, the mean over all weights that have it: a number for each channel.

    Source: Li et al. 2017, "Pruning Filters for Efficient ConvNets", section 3.1 (with the L1 norm); Fang et al. 2023,
    "DepGraph: Towards Any Structural Pruning", section 3.3, for the mean over a group.
    """
    total = np.zeros(of.max() + 1)
    number = np.zeros(of.max() + 1)
    parameters = {name: p for name, p in model.named_parameters() if not name.endswith("bias")}
    for (name, dim), labels in channels.of.items():
        if name in parameters:
            p = parameters[name].detach().double().movedim(dim, 0).reshape(len(labels), -1)
            squares = np.bincount(of[labels], (p**2).sum(1).numpy(), len(total))
            there = np.bincount(of[labels], minlength=len(total)) > 0
            total += np.sqrt(squares)
            number += there
    return total / np.maximum(number, 1)


def removed(groups: list[Group], scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each channel is removed."""
    gone = np.zeros(len(scores), bool)
    for group in groups:
        order = np.argsort(scores[group.members], kind="stable")
        gone[group.members[order[: len(group.members) - group.keep]]] = True
    return gone


def _alike(channels: Channels, of: NDArray[np.int64], amount: float) -> list[Group]:
    places = defaultdict(list)
    for place, labels in channels.of.items():
        for channel in np.unique(of[labels]).tolist():
            places[channel].append(place)
    places.pop(0, None)
    alike = defaultdict(list)
    for channel, there in places.items():
        alike[tuple(there)].append(channel)
    return [Group(np.array(own), there, _kept(len(own), amount)) for there, own in alike.items()]


def _kept(number: int, amount: float) -> int:
    return max(1, number - int(amount * number + 1e-9))


def _tied(channels: Channels, of: NDArray[np.int64], groups: list[Group], amount: float) -> bool:
    """Let `groups` keep as many as their ties want; whether one can't, so that its channels were fixed."""
    by_channel = {channel: group for group in groups for channel in group.members.tolist()}
    wanted: dict[int, int] = {}
    for tie in channels.ties:
        pair = []
        for labels in (tie.many, tie.few):
            own = np.unique(of[labels.numpy()])
            within = {id(by_channel[c]): by_channel[c] for c in own.tolist() if c}
            group = next(iter(within.values()), None)
            whole = group is not None and len(within) == 1 and own[0] != 0 and len(own) == len(group.members)
            pair.append(group if whole and len(own) == labels.numel() else None)
        many, few = pair
        fits = many is not None and few is not None
        if many is not None and few is not None:
            for group, keep in ((few, _kept(len(few.members), amount)), (many, 0)):
                keep = keep or tie.factor * few.keep
                fits = fits and wanted.setdefault(id(group), keep) == keep
                group.keep = keep
        if not fits and (of[tie.many.numpy()].any() or of[tie.few.numpy()].any()):
            for labels in (tie.many, tie.few):
                channels.labels.fix(labels)
            return True
    return False
