"""Infused adapters that scale activations."""

from __future__ import annotations

from typing import Any

from runner.adapter.base import Adapter


class IA3(Adapter):
    """A factor for every output of a layer: ``l * (W x + b)``, of which only l is trained; 1 at first.

    Args:
        layers: see `Adapter`.
        merge: see `Adapter`.

    Source: Liu et al. 2022, "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning",
    section 3.3.
    """

    def __init__(self, layers: tuple[str, ...] | None = None, merge: bool = False) -> None:
        super().__init__(layers, merge)

    def settings(self) -> Any:
        """See `Adapter.settings`."""
        from peft import IA3Config

        return IA3Config(feedforward_modules=[])
