"""Handwritten digits of 28 x 28 pixels."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.image.idx_images import IdxImages
from runner.fetch.published import Published
from runner.fetch.sets.mnist import MNIST


@dataclass(kw_only=True)
class Mnist(IdxImages):
    """Ten handwritten digits.

    Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-Based Learning Applied to Document Recognition".
    """

    class_names: ClassVar[tuple[str, ...]] = tuple("0123456789")
    published: ClassVar[tuple[Published, ...]] = (MNIST,)
    inside: ClassVar[tuple[str, ...]] = ("raw", "MNIST/raw")
