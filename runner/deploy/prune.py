"""A trained network with fewer weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor, nn

from runner.compression.gradual_pruning import GradualPruning
from runner.compression.masks.magnitude import in_each_layer, over_all_layers
from runner.compression.masks.weights import prunable, zeros
from runner.deploy.fine_tune import config_of, fine_tune
from runner.deploy.low_rank import divided_state, ranks_for, wide
from runner.deploy.variant import Variant, write
from runner.engine import checkpoint
from runner.engine.state import seed_for
from runner.errors import ConfigError, did_you_mean
from runner.model.changes.low_rank import LowRank
from runner.record.files import write_json
from runner.record.folder import RunFolder
from runner.run.trained import find, load

if TYPE_CHECKING:
    from runner.deploy.parent import Parent
    from runner.engine.progress import Progress

Method = Literal["magnitude", "global", "random", "structured", "gradual", "low_rank"]
METHODS: tuple[str, ...] = get_args(Method)


def prune(
    parent: Parent, method: Method, amount: float, keep: Sequence[str] = (), rewind: str | None = None
) -> tuple[Path, dict[str, Any]]:
    """Cut weights of a network, and keep what is left as a variant.

    Args:
        parent: what is pruned; its files stay as they are.
        method: ``magnitude`` sets the smallest of each layer to zero, ``global`` the smallest of all layers; ``random``
            as many in each layer as ``global``, drawn; ``low_rank`` makes two thin layers of a wide one;
            ``structured`` takes channels away.
        amount: share of the weights, in (0, 1).
        keep: names of layers that are left alone, or patterns with ``*`` and ``?``.
        rewind: of the methods that set weights to zero: what is left has the values of another checkpoint of the run,
            such as ``epoch-0001``, or of its ``start``.

    Returns:
        See `runner.deploy.variant.write`.

    Raises:
        ConfigError: this network can't be pruned, or not so, with the reason.
    """
    refuse(parent, amount)
    settings = {"method": method, "amount": amount, **({"rewind": rewind} if rewind else {})}
    if method == "structured":
        from runner.deploy.structured import structured

        return structured(parent, amount, parent.tell)
    if method == "low_rank":
        return write(parent, _low_rank(parent, amount, keep, settings))
    masks = _masks(parent, method, amount, keep)
    model = copy.deepcopy(parent.network.model)
    if rewind is not None:
        model.load_state_dict(_weights_at(parent, rewind))
    with torch.no_grad():
        for name, weight in prunable(model).items():
            if rewind is not None:  # so that `keep_zeros` can tell what was cut from what starts at zero
                weight[weight == 0] = torch.finfo(weight.dtype).tiny
            if name in masks:
                weight.mul_(masks[name])
    content = {"model": model.state_dict()}
    return write(parent, Variant("prune", settings, content, told={"sparsity": sparsity(model)}))


def refuse(parent: Parent, amount: float) -> None:
    """Refuse what can't be pruned.

    Raises:
        ConfigError: with the reason.
    """
    place = parent.place
    if not 0 < amount < 1:
        what = "would leave no weight" if amount == 1 else "is no share of the weights"
        raise ConfigError(f"--amount {amount:g}: {what}. Expected a number above 0 and below 1.")
    if holder := place.lock.holder:
        raise ConfigError(
            f"{place.path}: {holder} is at work on this run. Wait for it to end, or stop it with "
            f"`python -m runner stop {place.path}`."
        )
    if fixed := next((change for change in parent.network.changes if not change.trainable), None):
        raise ConfigError(
            f"{place.path}: its weights can't be pruned any more, as they are {fixed.name}. Prune the run that it was "
            "made of, which stands in its manifest.json as parent, and do the same to what comes of it."
        )
    if parent.saved["config"].get("adapter"):
        raise ConfigError(
            f"{place.path}: has adapters beside its weights. With adapter.merge=true a run also writes the network "
            "that has both in one, which can be pruned: --checkpoint merged."
        )


def sparsity(model: nn.Module) -> dict[str, Any]:
    """The share of zeros in the weights that may be cut: in ``all``, and by ``layers``; ``weights`` is their number."""
    weights = prunable(model)
    shares, total = zeros(weights), sum(w.numel() for w in weights.values())
    zero = sum(share * weights[name].numel() for name, share in shares.items())
    return {
        "all": round(zero / max(1, total), 6),
        "weights": total,
        "layers": {name: round(share, 6) for name, share in shares.items()},
    }


def _masks(parent: Parent, method: str, amount: float, keep: Sequence[str]) -> dict[str, Tensor]:
    model = parent.network.model
    weights = _chosen({name: p.detach() for name, p in prunable(model).items()}, keep)
    if not weights:
        raise ConfigError(
            f"{parent.place.path}: has no dense, convolutional, recurrent or attention layer with weights to be cut."
        )
    zero = sum(int((w == 0).sum()) for w in weights.values()) / sum(w.numel() for w in weights.values())
    if amount <= zero:
        raise ConfigError(
            f"--amount {amount:g}: of the weights of this network {zero:.3g} are zero already. Expected more than that."
        )
    masks = (in_each_layer if method == "magnitude" else over_all_layers)(weights, amount)
    if empty := [name for name, mask in masks.items() if not bool(mask.any())]:
        raise ConfigError(
            f"--amount {amount:g}: nothing would be left of {', '.join(empty)}. Give less, "
            f"{'or --method magnitude, which cuts the same share of each layer, ' if method != 'magnitude' else ''}"
            f"or leave it alone: --keep {empty[0].rpartition('.')[0]}."
        )
    if method == "random":
        draw = torch.Generator().manual_seed(seed_for(parent.network.recipe.seed, "prune"))
        masks = {n: m.flatten()[torch.randperm(m.numel(), generator=draw)].view_as(m) for n, m in masks.items()}
    return masks


def _low_rank(parent: Parent, amount: float, keep: Sequence[str], settings: dict[str, Any]) -> Variant:
    model = parent.network.model
    layers = _chosen({f"{name}.weight": weight for name, weight in wide(model).items()}, keep)
    if not layers:
        raise ConfigError(f"{parent.place.path}: has no dense layer or convolution that could become two thin ones.")
    weights = {name.removesuffix(".weight"): weight for name, weight in layers.items()}
    parent.tell(f"singular values of {len(weights)} layers")
    change = LowRank(ranks_for(weights, amount))
    changes = [*parent.saved.get("changes", ()), change.plain()]
    content = {"model": divided_state(parent.saved["model"], change), "changes": changes}
    full = {name: [change.ranks.get(name), min(len(w), w[0].numel())] for name, w in weights.items()}
    return Variant("prune", settings, content, told={"ranks": full})


def _chosen(weights: dict[str, Tensor], keep: Sequence[str]) -> dict[str, Tensor]:
    """The weights of the layers that are not to be kept as they are."""
    layers = {name: name.rpartition(".")[0] for name in weights}
    for pattern in keep:
        if not any(fnmatchcase(layer, pattern) for layer in layers.values()):
            raise ConfigError(
                f"--keep {pattern}: there is no such layer.{did_you_mean(pattern, layers.values())} "
                f"Layers: {', '.join(dict.fromkeys(layers.values()))}."
            )
    return {n: w for n, w in weights.items() if not any(fnmatchcase(layers[n], pattern) for pattern in keep)}


def _weights_at(parent: Parent, name: str) -> dict[str, Tensor]:
    """The weights that the network of a run had before, at its ``start`` or in one of its checkpoints."""
    if name == "start":
        from runner.config.build import build
        from runner.run.assembly import balanced

        recipe = parent.network.recipe_at(parent.overrides)
        seed = seed_for(recipe.seed, "init")
        weights = build(recipe, balanced(recipe, parent.data), seed).model.state_dict()
    else:
        try:
            path = find(parent.place, name)
        except ConfigError as error:
            raise ConfigError(
                f"--rewind{str(error).removeprefix('--checkpoint')} trainer.checkpoint.every_epochs=1 keeps that of "
                "each epoch; `start` needs none, as a run draws the same weights again."
            ) from error
        weights = checkpoint.load(path)["model"]
    if difference := checkpoint.difference(parent.network.model.state_dict(), weights):
        raise ConfigError(f"--rewind {name}: that is another network: {difference}.")
    return weights


def fine_tuned(
    parent: Parent, start: Path, method: Method, epochs: int, overrides: Sequence[str], progress: Progress
) -> tuple[Path, dict[str, Any]]:
    """Train a pruned network further.

    Args:
        parent: what was pruned.
        start: the folder of the variant.
        method: that made it; of those that set weights to zero, they stay so.
        epochs: how many.
        overrides: values that differ from the parent's run.
        progress: hears of the run's progress.

    Returns:
        The folder of the run, and what stands in its ``result.json``.
    """
    return _with_sparsity(parent, *fine_tune(parent, start, epochs, _kept(method), overrides, progress))


def check_fine_tuning(parent: Parent, method: Method, epochs: int, overrides: Sequence[str]) -> None:
    """Refuse what `fine_tuned` would, before there is anything to train; arguments and errors are those of it."""
    config_of(parent, parent.path, epochs, _kept(method), overrides)


def _kept(method: Method) -> dict[str, dict[str, Any]]:
    return {} if method in ("structured", "low_rank") else {"keep_zeros": {}}


def gradual(
    parent: Parent, amount: float, epochs: int, overrides: Sequence[str], progress: Progress
) -> tuple[Path, dict[str, Any]]:
    """Prune a network while it is trained further; see `runner.compression.gradual_pruning`.

    Arguments and result are those of `prune` and `fine_tuned`.
    """
    refuse(parent, amount)
    there = parent.saved["config"].get("regularization") or {}
    against = [name for name in GradualPruning.conflicts if name in there]
    for name in against:
        progress.message(f"without regularization={name}: {GradualPruning.conflicts[name]}")
    overrides = [*(f"~regularization.{name}" for name in against), *overrides]
    settings = {"gradual_pruning": {"amount": amount, "begin": 0.0}}
    start = parent.place.path if parent.path.name == "best.pt" else parent.path
    return _with_sparsity(parent, *fine_tune(parent, start, epochs, settings, overrides, progress))


def _with_sparsity(parent: Parent, folder: Path, result: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    network = load(folder, trusted_targets=list(parent.network.recipe.trusted))
    result = {**result, "sparsity": sparsity(network.model)}
    write_json(RunFolder(folder).result, result)
    return folder, result
