from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

CONF = Path(__file__).parents[2] / "conf"
SHAPES = [(5, 3), (4,), ()]


@pytest.fixture
def composed() -> Callable[..., dict[str, Any]]:
    """The `optimizer` group as Hydra composes it."""

    def compose_group(*overrides: str) -> dict[str, Any]:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config: Any = OmegaConf.to_container(compose(overrides=list(overrides)))
        config["optimizer"].pop("wrapper", None)
        return config["optimizer"]

    return compose_group


@pytest.fixture
def check(composed: Callable[..., dict[str, Any]]) -> Callable[..., None]:
    """Compare 20 updates of an option, in float64, with a generator of weights written from the paper.

    `reference(w, gradients)` yields the weights after each update.
    """

    def run(
        name: str,
        reference: Callable[[torch.Tensor, list[torch.Tensor]], Iterable[torch.Tensor]],
        rtol: float = 1e-11,
        **values: Any,
    ) -> None:
        config = composed(f"+optimizer={name}", *(f"optimizer.{key}={value}" for key, value in values.items()))
        config.pop("params")
        generator = torch.Generator().manual_seed(3)
        weights = [torch.randn(shape, dtype=torch.float64, generator=generator) for shape in SHAPES]
        gradients = [
            [torch.randn(shape, dtype=torch.float64, generator=generator) for _ in range(20)] for shape in SHAPES
        ]
        expected = [list(reference(w.clone(), g)) for w, g in zip(weights, gradients, strict=True)]
        parameters = [torch.nn.Parameter(w.clone()) for w in weights]
        optimizer = instantiate(config, params=parameters, _convert_="all")
        for step in range(20):
            for parameter, g in zip(parameters, gradients, strict=True):
                parameter.grad = g[step].clone()
            optimizer.step()
            for parameter, path in zip(parameters, expected, strict=True):
                torch.testing.assert_close(parameter.detach(), path[step], rtol=rtol, atol=1e-13)

    return run
