"""Weights that others trained on much data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from torch import Tensor, nn

from runner.engine.spec import UNKNOWN
from runner.errors import ConfigError, RunFailed, counted, no_file
from runner.init.base import Init
from runner.init.checkpoint import weights_in
from runner.model.base import Network
from runner.model.weights.published import Weights

SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")


class Pretrained(Init):
    """Take weights that were published for the network: of torchvision, of timm, or in a file or folder.

    Every weight must be found with its shape, but for layers that are named in `redraw`. Images must be scaled as those
    that the weights were trained with (``data.scaling``); the run says what was taken, and from where. Of grey images
    the first convolution takes the sum over the colours, as if each image were given in three of them.

    Args:
        weights: the name of weights (``IMAGENET1K_V2``, a tag of timm), or a file (``.pth``, ``.pt``, ``.bin``,
            ``.safetensors``) or a folder with one such; None: those recommended for the network.
        redraw: layers that stay as drawn, as names or patterns with ``*`` and ``?``; None: the last layer, where its
            shape is another.

    Raises:
        ConfigError: there are no such weights, a weight that is not to be drawn is missing or has another shape, or
            images are scaled differently.
        RunFailed: the file is damaged, or can't be fetched.

    Source: Yosinski et al. 2014, "How transferable are features in deep neural networks?"; Kornblith et al. 2019, "Do
    Better ImageNet Models Transfer Better?".
    """

    def __init__(self, weights: str | None = None, redraw: tuple[str, ...] | None = None) -> None:
        self.weights, self.redraw = weights, redraw

    def check(self) -> None:
        """Look whether the file is there."""
        self._file()

    def published(self, network: Callable[[], nn.Module | None]) -> Weights | None:
        """See `Init.published`."""
        model = network()
        return model.pretrained(None if self._file() else self.weights, {}) if isinstance(model, Network) else None

    def __call__(self, model: nn.Module) -> None:
        """Copy the weights into `model`."""
        if not isinstance(model, Network):
            raise ConfigError(
                f"init=pretrained: nobody published weights for {type(model).__name__}. init=checkpoint takes what "
                "fits of a file."
            )
        file = self._file()
        found = model.pretrained(None if file else self.weights, _tensors(file) if file else None)
        own = model.state_dict()
        state, summed = _renamed(_renumbered(found, self.numbers), own)
        different = {
            name: f"{name} is {tuple(state[name].shape)} in them and {tuple(tensor.shape)} here"
            if name in state
            else f"{name} is not in them"
            for name, tensor in own.items()
            if name not in state or state[name].shape != tensor.shape
        }
        redraw = self.redraw
        if redraw is None:
            last = [name for name, module in model.named_modules() if list(module.parameters(recurse=False))][-1]
            redraw = (last,) if any(_matches(name, last) for name in different) else ()
        drawn = {name for name in own if any(_matches(name, pattern) for pattern in redraw)}
        wrong = [said for name, said in different.items() if name not in drawn and "num_batches" not in name]
        if wrong:
            layers = dict.fromkeys(n.rpartition(".")[0] for n in different if "num_batches" not in n)
            raise ConfigError(
                f"init=pretrained: the weights do not fit the network: {'; '.join(wrong[:3])}"
                f"{f'; and {len(wrong) - 3} more' if len(wrong) > 3 else ''}. Where these layers are to stay as drawn, "
                f"name them: init.redraw=[{','.join(list(layers)[:6])}{',...' if len(layers) > 6 else ''}]. A stem for "
                "small images has other weights than that for large ones: model.stem=large has the published."
            )
        model.load_state_dict({n: t for n, t in state.items() if n in own and n not in drawn | different.keys()}, False)
        origin = str(file) if file else found.origin
        taken = sum(name not in drawn for name, _ in model.named_parameters())
        notes = [f"init=pretrained: {counted(taken, 'parameter')} taken from {origin}"]
        if drawn:
            notes.append(f"{', '.join(redraw)} as drawn")
        if summed:
            notes.append(f"{summed} summed over the colours, as these images are grey")
        if found.side:
            notes.append(f"trained with images of {found.side} pixels")
        self.notes = ("; ".join(notes) + ".",)

    def _file(self) -> Path | None:
        """The file that `weights` names; None where it is the name of weights."""
        if self.weights is None:
            return None
        path = Path(self.weights).expanduser()
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and file.is_file())
            if len(files) != 1:
                raise ConfigError(
                    f"init.weights={self.weights}: expected a folder with one file of weights ({', '.join(SUFFIXES)}), "
                    f"and this has {len(files)}. Name the file."
                )
            return files[0]
        if path.suffix in SUFFIXES or "/" in self.weights:
            if not path.is_file():
                raise ConfigError(f"init.weights={self.weights}: {no_file(path)}")
            return path
        return None


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def _tensors(file: Path) -> Mapping[str, Tensor]:
    """The weights in a file; nothing in it is executed."""
    if file.suffix != ".safetensors":
        return weights_in(file)
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ConfigError(f"{file}: needs safetensors. Run `pip install safetensors`.") from error
    try:
        found: Mapping[str, Tensor] = load_file(file)
    except Exception as error:  # its own kinds
        raise RunFailed(f"{file}: can't be read as weights ({type(error).__name__}).") from error
    return found


def _renumbered(found: Weights, numbers: tuple[int, ...]) -> Mapping[str, Tensor]:
    """The weights with tokens in the order of our vocabulary; entries that theirs has not are as its unknown one."""
    if not found.tokens or not numbers:
        return found.state
    known = [number if number >= 0 else max(numbers[UNKNOWN], 0) for number in numbers]
    rows = found.state[found.tokens]
    if max(known) >= len(rows):
        raise ConfigError(
            f"init=pretrained: the vocabulary of the data has numbers up to {max(known):,}, and the weights are for "
            f"{len(rows):,} entries. Give data.tokenizer_file={found.vocabulary or 'FILE'}, the vocabulary that they "
            "were trained with."
        )
    return {**found.state, found.tokens: rows[known]}


def _renamed(found: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """The weights under our names, and the name of what was summed over its colours."""
    inside = "network." if all(name.startswith("network.") for name in own) else ""
    state = {name if name in own else inside + name: tensor for name, tensor in found.items()}
    first = next((name for name, tensor in own.items() if tensor.ndim == 4), "")
    if first in state and own[first].shape[1] == 1 and state[first].ndim == 4 and state[first].shape[1] == 3:
        return {**state, first: state[first].sum(1, keepdim=True)}, first
    return state, ""
