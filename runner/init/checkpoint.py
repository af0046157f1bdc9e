"""Weights from a run or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from runner.engine import checkpoint
from runner.engine.checkpoint import difference
from runner.errors import ConfigError
from runner.init.base import Init
from runner.model.changes import Change, changes_in

_PARENT = "Name the run that it was made of, which stands in its manifest.json as parent."


class Checkpoint(Init):
    """Take the weights of another run: to fine-tune a network on other data, or to go on from any checkpoint.

    What has the same name and shape is taken over; everything else stays as the network drew it, as does the last layer
    when the classes differ. The run says what was and what was not. Of texts, weights by the token are taken where they
    are of the same vocabulary, which ``data.tokenizer_file`` takes of that run.

    Args:
        path: a run folder, whose best weights are taken, or a file: a checkpoint of runner, or a torch file with a
            state dict (also under ``model`` or ``state_dict``).
        strict: whether every weight of the network must be found, with its shape, and no other.

    Raises:
        ConfigError: there is no such file, nothing in it fits, or with `strict` not all of it; the same numbers stand
            for other tokens.
        RunFailed: the file is damaged.

    Source: Yosinski et al. 2014, "How transferable are features in deep neural networks?".
    """

    def __init__(self, path: str, strict: bool = False) -> None:
        self.path, self.strict = path, strict

    def check(self) -> None:
        """Look whether the file is there."""
        checkpoint.meant_by(self.path, "init.path")

    def changes(self) -> list[Change]:
        """Of a pruned network, what makes the new one as narrow; see `Init.changes`."""
        file = checkpoint.meant_by(self.path, "init.path")
        content = _read(file)
        if not isinstance(content, dict) or "format" not in content:
            return []
        if "exported" in content:
            raise ConfigError(f"init.path={self.path}: is an exported file, whose weights can't be trained. {_PARENT}")
        changes = changes_in(content, file)
        if fixed := next((change for change in changes if not change.trainable), None):
            raise ConfigError(
                f"init.path={self.path}: its weights can't be trained any more, as they are {fixed.name}. {_PARENT}"
            )
        return changes

    def __call__(self, model: nn.Module) -> None:
        """Copy into `model` what fits."""
        file = checkpoint.meant_by(self.path, "init.path")
        content = _read(file)
        found, own = _weights(content, file), model.state_dict()
        fitting = {n: found[n] for n, tensor in own.items() if n in found and found[n].shape == tensor.shape}
        rest = difference(own, found)
        parameters = [name for name, _ in model.named_parameters()]
        taken = sum(name in fitting for name in parameters)
        if self.strict and rest:
            raise ConfigError(
                f"init.path={self.path}: does not fit the network: {rest}. With init.strict=false what fits is taken."
            )
        if not taken:
            raise ConfigError(f"init.path={self.path}: nothing in it fits the network: {rest}.")
        theirs = _tokens(content)
        if theirs != self.tokens and len(theirs) == len(self.tokens):
            raise ConfigError(
                f"init.path={self.path}: these weights were trained with another vocabulary, whose numbers stand for "
                f"other tokens. Give data.tokenizer_file={self.path}, which takes that vocabulary."
            )
        model.load_state_dict(fitting, strict=False)
        left = f"; the rest stays as drawn: {rest}" if rest else ""
        if theirs and self.tokens and theirs != self.tokens:
            left += f"; their vocabulary is another, which data.tokenizer_file={self.path} takes"
        self.notes = (f"init=checkpoint: {taken} of {len(parameters)} parameters taken from {file}{left}.",)


def weights_in(file: Path) -> dict[str, Tensor]:
    """The weights in a checkpoint of ours, whose checksum is looked at, or in a state dict that torch saved.

    Raises:
        ConfigError: there are none in it.
        RunFailed: the file is damaged.
    """
    return _weights(_read(file), file)


def _read(file: Path) -> Any:
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds
        raise checkpoint.Damaged(f"{file}: can't be read as weights ({type(error).__name__}).") from error
    return checkpoint.load(file) if isinstance(content, dict) and "format" in content else content


def _tokens(content: Any) -> tuple[str, ...]:
    """The vocabulary of the texts that weights were trained with; empty where there is none, or it is not known."""
    transform = content.get("transform") if isinstance(content, dict) else None
    return tuple(transform.get("vocabulary", ())) if isinstance(transform, dict) else ()


def _weights(content: Any, file: Path) -> dict[str, Tensor]:
    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    weights = {n: t for n, t in content.items() if isinstance(t, Tensor)} if isinstance(content, dict) else {}
    if not weights:
        raise ConfigError(f"{file}: holds no weights. Expected a checkpoint, or a state dict saved by torch.")
    return weights
