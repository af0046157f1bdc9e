"""A hundred kinds of things, in the publisher's binary files, which hold no pickles."""

from runner.fetch.download import Download, Remote
from runner.fetch.published import File, Published

FILES = {
    "train.bin": File("f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29", 153_700_000),
    "test.bin": File("d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a", 30_740_000),
}

CIFAR100 = Published(
    name="cifar100",
    about="60,000 photographs of 32 x 32 pixels, 100 classes",
    licence="none declared",
    files=FILES,
    ways=(
        Download(
            mirrors=("https://www.cs.toronto.edu/~kriz/",),
            remotes=(
                Remote(
                    "cifar-100-binary.tar.gz",
                    168_513_733,
                    "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
                    {name: f"cifar-100-binary/{name}" for name in FILES},
                ),
            ),
        ),
    ),
)
