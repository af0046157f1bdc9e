"""House numbers."""

from runner.fetch.download import Download, Remote
from runner.fetch.published import File, Published

SVHN = Published(
    name="svhn",
    about="99,289 digits of house numbers, 32 x 32 pixels",
    licence="non-commercial use",
    files={
        "train_32x32.mat": File("435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8", 182_040_794),
        "test_32x32.mat": File("cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b", 64_275_384),
    },
    ways=(
        Download(
            mirrors=("http://ufldl.stanford.edu/housenumbers/",),
            remotes=(Remote("train_32x32.mat", 182_040_794), Remote("test_32x32.mat", 64_275_384)),
        ),
    ),
)
