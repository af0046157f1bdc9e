"""Pieces of clothing of 28 x 28 pixels."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from runner.data.image.idx_images import IdxImages
from runner.data.source.fetch import Package, Published, from_debian

DEBIAN = "dataset-fashion-mnist"
FOLDER = "usr/share/datasets/fashion-mnist"


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
    published: ClassVar[Published] = Published(
        name="fashion_mnist",
        torchvision="FashionMNIST",
        digests={
            "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        package=Package(
            label=f"Debian's package {DEBIAN}",
            client="apt-get",
            by_hand=f"run `apt-get install {DEBIAN}`",
            fetch=from_debian(DEBIAN, f"./{FOLDER}"),
        ),
        system=Path("/") / FOLDER,
    )
