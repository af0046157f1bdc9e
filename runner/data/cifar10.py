"""Photographs of animals and vehicles."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.image.official import CifarImages
from runner.fetch.published import Published
from runner.fetch.sets.cifar10 import CIFAR10


@dataclass(kw_only=True)
class Cifar10(CifarImages):
    """60,000 photographs ``(3, 32, 32)`` of ten kinds of animals and vehicles.

    Source: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images".
    """

    published: ClassVar[tuple[Published, ...]] = (CIFAR10,)
    class_names: ClassVar[tuple[str, ...]] = (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )
    inside: ClassVar[tuple[str, ...]] = ("cifar-10-batches-bin", "cifar-10-batches-py")
    pickles: ClassVar[tuple[str, ...]] = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
    labels: ClassVar[int] = 1
