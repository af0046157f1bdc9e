"""What is made of a trained network by each method, as a variant."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch

from runner.compression.masks.weights import prunable, zeros
from runner.config.check import scores_of
from runner.deploy.fine_tune import fine_tune
from runner.deploy.parent import Parent
from runner.deploy.quantize.int8 import EXAMPLES, dynamic, static
from runner.deploy.variant import Variant, write
from runner.engine.monitor import canonical
from runner.errors import ConfigError
from runner.model.changes import Change
from runner.model.changes.half import Half
from runner.model.changes.weight_only import WeightOnly
from runner.model.exported import Exported

if TYPE_CHECKING:
    from runner.deploy.judged import Judged
    from runner.engine.progress import Progress

Method = Literal["dynamic", "static", "weight_only", "qat", "fp16", "bf16"]
METHODS: tuple[str, ...] = get_args(Method)


def quantize(
    parent: Parent,
    method: Method,
    *,
    examples: int = EXAMPLES,
    dynamic_batch: bool = False,
    epochs: int = 1,
    overrides: Sequence[str] = (),
    max_loss: float | None = None,
    progress: Progress | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Make a variant of `parent` whose numbers have fewer bits.

    Args:
        parent: a network as it was trained, or pruned.
        method: ``dynamic`` and ``static`` make ONNX files that compute in int8 (`runner.deploy.quantize.int8`);
            ``qat`` is static after some epochs of training with rounded numbers (`runner.compression.qat`);
            ``weight_only``, ``fp16`` and ``bf16`` keep a torch network, with `runner.model.changes`.
        examples: of the training part, from which static and qat take ranges.
        dynamic_batch: whether an ONNX file takes any number of examples at once; otherwise one.
        epochs: of qat.
        overrides: of qat's training, such as ``optimizer.lr=1e-4``.
        max_loss: refuse the variant where `main_score` is worse by more; None: however much.
        progress: hears of qat's training.

    Returns:
        See `runner.deploy.variant.write`.

    Raises:
        ConfigError: it can't be done with this network, with the reason.
    """
    refuse_quantized(parent)
    main_score(parent)
    settings: dict[str, Any] = {"method": method}
    if method in ("fp16", "bf16", "weight_only"):
        change = WeightOnly() if method == "weight_only" else Half(method)
        return write(parent, Variant("quantize", settings, _with(parent, change), refused=_worse(parent, max_loss)))
    source = parent
    if method == "qat":
        start = parent.place.path if parent.path.name == "best.pt" else parent.path
        cut = any(zeros(prunable(parent.network.model)).values())  # what was pruned stays so
        compression: dict[str, dict[str, Any]] = {"qat": {}, **({"keep_zeros": {}} if cut else {})}
        folder, _ = fine_tune(parent, start, epochs, compression, [*parent.overrides, *overrides], progress)
        source = replace(parent, **vars(Parent.open(folder, trusted=list(parent.network.recipe.trusted))))
        settings |= {"epochs": epochs, "training": {"path": str(folder), "overrides": list(overrides)}}
    if method == "dynamic":
        content = dynamic(source, dynamic_batch)
    else:
        content = static(source, dynamic_batch, examples)
        settings |= {"calibration": {"examples": examples}}
    about = Exported(
        "onnx",
        "model.onnx",
        hashlib.sha256(content).hexdigest(),
        ("inputs", *parent.data.val.sample(1, 0).more),
        "int8",
        None if dynamic_batch else 1,
        context=parent.network.context,
    )
    kept = {"model": {}, "changes": [], "exported": about.plain()}
    return write(parent, Variant("quantize", settings, kept, {"model.onnx": content}, refused=_worse(parent, max_loss)))


def refuse_quantized(parent: Parent) -> None:
    """Refuse what has fewer bits already.

    Raises:
        ConfigError: with what it is.
    """
    done = next((change.name for change in parent.network.changes if not change.trainable), None)
    if done:
        raise ConfigError(
            f"{parent.place.path}: is quantized already ({done}). Name the run that it was made of, which stands in "
            "its manifest.json as parent."
        )


def main_score(parent: Parent) -> str:
    """The plain name of the score that tells how much was lost: what the run monitors, but for a loss.

    A loss has no unit that anybody knows; in its place comes the first metric of the task.
    """
    monitored = canonical(parent.network.recipe.values["monitor"]).removeprefix("val/")
    known = [name.removeprefix("val/") for name in _directions(parent) if name.startswith("val/")]
    return monitored if monitored != "loss" and monitored in known else next((n for n in known if n != "loss"), "loss")


def _directions(parent: Parent) -> dict[str, Any]:
    return dict(scores_of(parent.network.recipe, parent.network.spec.task))


def _worse(parent: Parent, max_loss: float | None) -> Callable[[Judged], str | None]:
    def refused(judged: Judged) -> str | None:
        if not math.isfinite(judged.mean):
            return "its outputs are not finite, as of numbers beyond what the format can tell"
        if max_loss is None:
            return None
        name = main_score(parent)
        sign = 1 if _directions(parent)[f"val/{name}"] == "max" else -1
        before, after = judged.parent.get(name, math.nan), judged.variant.get(name, math.nan)
        if sign * (before - after) <= max_loss:
            return None
        return f"its {name} is {after:.6g} and was {before:.6g}: worse by more than --max-loss {max_loss:g}"

    return refused


def _with(parent: Parent, change: Change) -> dict[str, Any]:
    """What a checkpoint holds of the network with one more change, which was tried on an example.

    Raises:
        ConfigError: an operator of the network has no kernel for such numbers on this device.
    """
    model = deepcopy(parent.network.model)
    change.apply(model)
    batch = parent.data.val.sample(2, 0)
    try:
        with torch.inference_mode():
            model(batch.inputs, **batch.more)
    except (RuntimeError, NotImplementedError) as error:
        name = getattr(change, "format", change.name)
        raise ConfigError(
            f"--method {name}: an operator of this network does not take such numbers on this processor "
            f"({' '.join(str(error).split())[:200]}). --method dynamic and weight_only keep its arithmetic."
        ) from error
    changes = [*parent.network.changes, change]
    return {"model": model.state_dict(), "changes": [each.plain() for each in changes]}
