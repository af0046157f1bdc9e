"""Ten kinds of animals and vehicles, in the publisher's binary files, which hold no pickles."""

from runner.fetch.download import Download, Remote
from runner.fetch.published import File, Published

SIZE = 30_730_000
FILES = {
    "data_batch_1.bin": File("cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5", SIZE),
    "data_batch_2.bin": File("a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed", SIZE),
    "data_batch_3.bin": File("bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67", SIZE),
    "data_batch_4.bin": File("014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48", SIZE),
    "data_batch_5.bin": File("755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add", SIZE),
    "test_batch.bin": File("8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b", SIZE),
}

CIFAR10 = Published(
    name="cifar10",
    about="60,000 photographs of 32 x 32 pixels, 10 classes",
    licence="none declared",
    files=FILES,
    ways=(
        Download(
            mirrors=("https://www.cs.toronto.edu/~kriz/",),
            remotes=(
                Remote(
                    "cifar-10-binary.tar.gz",
                    170_052_171,
                    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                    {name: f"cifar-10-batches-bin/{name}" for name in FILES},
                ),
            ),
        ),
    ),
)
