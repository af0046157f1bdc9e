"""How a network's parameters are grouped for the optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any

from annotated_types import Gt, Le
from torch import nn

from runner.errors import ConfigError, did_you_mean

Named = tuple[str, nn.Parameter]

SETTINGS = ("lr", "lr_factor", "weight_decay")


class Params:
    """Every trainable parameter in exactly one group, with the rate and the decay that it is to have.

    A parameter belongs to the first of `patterns` that matches its name; the others are grouped by layer, where rates
    decay over layers, and norms and biases apart, where they are not to be decayed. Norms and biases are told by
    shape: parameters of at most one dimension. A single group is fastest: each is one more call of the optimizer's
    kernels.

    Args:
        decay_norm_bias: whether norms and biases are decayed too.
        layer_decay: factor between the rate of a layer and of the one behind it, in (0, 1]; the last has the
            optimizer's rate. 1 gives all the same.
        patterns: settings by pattern of the parameter's name (``*`` matches any part of it): ``lr`` (a rate),
            ``lr_factor`` (a share of the optimizer's rate) or ``weight_decay``, each at least 0.

    Raises:
        ConfigError: a setting is unknown or negative.

    Source: Goyal et al. 2017, "Accurate, Large Minibatch SGD", section 5.3 (no decay on batch norm); He et al. 2019,
    "Bag of Tricks for Image Classification with Convolutional Neural Networks", section 3.1 (nor on biases); Howard
    and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification", section 3.2 (rates by layer).
    """

    def __init__(
        self,
        decay_norm_bias: bool = True,
        layer_decay: Annotated[float, Gt(0), Le(1)] = 1.0,
        patterns: dict[str, dict[str, float]] | None = None,
    ) -> None:
        self.decay_norm_bias, self.layer_decay, self.patterns = decay_norm_bias, layer_decay, patterns or {}
        for pattern, settings in self.patterns.items():
            _check_settings(pattern, settings)

    def __call__(self, model: nn.Module) -> list[dict[str, Any]]:
        """The groups for ``torch.optim``: layers from the last to the first, then those of the patterns.

        A parameter that is shared by several layers counts once. Each group carries the names of its parameters as
        ``param_names``, which torch keeps in the optimizer's state; ``lr_factor`` is what its rate is to be multiplied
        by.

        Raises:
            ConfigError: the network has nothing to train, or a pattern matches nothing in it.
        """
        trainable = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        if not trainable:
            raise ConfigError("The network has no trainable parameters: there is nothing for the optimizer to do.")
        self._check_patterns([name for name, _ in model.named_parameters()])
        groups: list[dict[str, Any]] = []
        left = trainable
        for pattern, settings in self.patterns.items():
            matched = [(name, p) for name, p in left if fnmatchcase(name, pattern)]
            left = [(name, p) for name, p in left if not fnmatchcase(name, pattern)]
            if matched:
                groups.append({**_group(matched), "name": pattern, **settings})
        return [*self._by_layer(model, left), *groups]

    def _by_layer(self, model: nn.Module, named: list[Named]) -> Iterator[dict[str, Any]]:
        if self.layer_decay == 1.0:
            yield from self._by_decay(named)
            return
        for depth, names in enumerate(reversed(layers(model))):
            inside = set(names)
            for group in self._by_decay([(name, p) for name, p in named if name in inside]):
                label = f"layer-{depth}{'-undecayed' if 'weight_decay' in group else ''}"
                yield {**group, "name": label, "lr_factor": self.layer_decay**depth}

    def _by_decay(self, named: list[Named]) -> Iterator[dict[str, Any]]:
        if self.decay_norm_bias:
            decayed, undecayed = named, []
        else:
            decayed = [(name, p) for name, p in named if p.ndim > 1]
            undecayed = [(name, p) for name, p in named if p.ndim <= 1]
        if decayed:
            yield _group(decayed)
        if undecayed:
            yield {**_group(undecayed), "weight_decay": 0.0}

    def _check_patterns(self, names: list[str]) -> None:
        for pattern in self.patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
                raise ConfigError(
                    f"optimizer.params.patterns: {pattern!r} matches no parameter of this network."
                    f"{did_you_mean(pattern, names)} Parameters: {shown}. Use * for any part of a name: output.*"
                )


def layers(model: nn.Module) -> list[list[str]]:
    """Names of the parameters of each layer of a network, from input to output, in the order of definition.

    ``nn.Sequential``, ``nn.ModuleList`` and what holds several equal blocks are opened; any other module is one layer,
    a residual or transformer block for instance. Modules without a matrix (norms) belong to the layer before them,
    parameters of the network itself (a class token) to the first.
    """
    found: list[list[str]] = [[name for name, _ in model.named_parameters(recurse=False)]]
    has_weights = False
    for prefix, module in _parts(model, ""):
        names = [f"{prefix}.{name}" for name, _ in module.named_parameters()]
        if _matrices(module) and has_weights:
            found.append(names)
        else:
            found[-1] += names
        has_weights = has_weights or _matrices(module) > 0
    return found


def _parts(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        if isinstance(child, (nn.Sequential, nn.ModuleList)) or any(map(_is_stack, child.modules())):
            yield from _parts(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def _is_stack(module: nn.Module) -> bool:
    """Whether it is a list of blocks: of modules of one kind, each with several matrices."""
    entries = list(module.children()) if isinstance(module, (nn.Sequential, nn.ModuleList)) else []
    return len(entries) > 1 and len(set(map(type, entries))) == 1 and min(map(_matrices, entries)) > 1


def _matrices(module: nn.Module) -> int:
    return sum(p.ndim > 1 for p in module.parameters())


def _check_settings(pattern: str, settings: Any) -> None:
    given = settings if isinstance(settings, Mapping) else {}
    for key, value in given.items():
        if key not in SETTINGS or isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise ConfigError(
                f"optimizer.params.patterns: {pattern!r} has {key}={value}.{did_you_mean(key, SETTINGS)} Expected "
                f"{', '.join(SETTINGS)}, each a number of at least 0."
            )
    if not given or {"lr", "lr_factor"} <= given.keys():
        raise ConfigError(
            f"optimizer.params.patterns: {pattern!r} has {dict(given) or settings!r}. Expected one or more of lr or "
            "lr_factor, and weight_decay, such as {output.*: {lr_factor: 10}}."
        )


def _group(named: list[Named]) -> dict[str, Any]:
    # Names beside plain tensors rather than torch's (name, tensor) pairs: optimizers from elsewhere take these too.
    return {"params": [p for _, p in named], "param_names": [name for name, _ in named]}
