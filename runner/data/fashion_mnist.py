"""Pieces of clothing of 28 x 28 pixels."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.image.idx_images import IdxImages
from runner.fetch.published import Published
from runner.fetch.sets.fashion_mnist import FASHION_MNIST


@dataclass(kw_only=True)
class FashionMnist(IdxImages):
    """Ten kinds of clothing; as small as MNIST and much harder.

    Source: Xiao, Rasul and Vollgraf 2017, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms".
    """

    class_names: ClassVar[tuple[str, ...]] = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    published: ClassVar[tuple[Published, ...]] = (FASHION_MNIST,)
    inside: ClassVar[tuple[str, ...]] = ("raw", "FashionMNIST/raw")
