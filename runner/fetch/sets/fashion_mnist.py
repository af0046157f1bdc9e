"""Pieces of clothing."""

from pathlib import Path

from runner.fetch.download import Download, Remote
from runner.fetch.package import Debian
from runner.fetch.published import File, Published

FOLDER = "usr/share/datasets/fashion-mnist"
FILES = {
    "train-images-idx3-ubyte": File("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", 47_040_016),
    "train-labels-idx1-ubyte": File("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", 60_008),
    "t10k-images-idx3-ubyte": File("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", 7_840_016),
    "t10k-labels-idx1-ubyte": File("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", 10_008),
}

FASHION_MNIST = Published(
    name="fashion_mnist",
    about="70,000 pieces of clothing",
    licence="MIT",
    files=FILES,
    ways=(
        Download(
            mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
            remotes=(
                Remote("train-images-idx3-ubyte.gz", 26_421_880),
                Remote("train-labels-idx1-ubyte.gz", 29_515),
                Remote("t10k-images-idx3-ubyte.gz", 4_422_102),
                Remote("t10k-labels-idx1-ubyte.gz", 5_148),
            ),
        ),
        Debian("dataset-fashion-mnist", 30_900_652, {name: f"./{FOLDER}/{name}" for name in FILES}),
    ),
    system=Path("/") / FOLDER,
)
