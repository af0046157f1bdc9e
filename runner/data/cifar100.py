"""Photographs of a hundred kinds of things."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.image.official import CifarImages
from runner.fetch.published import Published
from runner.fetch.sets.cifar100 import CIFAR100


@dataclass(kw_only=True)
class Cifar100(CifarImages):
    """60,000 photographs ``(3, 32, 32)`` of a hundred kinds of things, 600 of each.

    Source: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images".
    """

    published: ClassVar[tuple[Published, ...]] = (CIFAR100,)
    class_names: ClassVar[tuple[str, ...]] = (
        "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl",
        "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee",
        "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant",
        "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower",
        "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom",
        "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate",
        "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark",
        "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower",
        "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor", "train", "trout", "tulip",
        "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
    )  # fmt: skip
    inside: ClassVar[tuple[str, ...]] = ("cifar-100-binary", "cifar-100-python")
    pickles: ClassVar[tuple[str, ...]] = ("train", "test")
    labels: ClassVar[int] = 2
