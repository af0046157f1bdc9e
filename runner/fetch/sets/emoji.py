"""Emoji as two vendors draw them."""

from runner.fetch.package import Npm
from runner.fetch.published import File, Published


def drawn_by(vendor: str, licence: str, size: int, sha256: str) -> Published:
    """The pictures of a vendor, in the package as it is published."""
    package = f"emoji-datasource-{vendor}"
    return Published(
        name=f"emoji_{vendor}",
        about=f"3,786 emoji as {vendor.capitalize()} draws them",
        licence=licence,
        files={f"{package}-16.0.0.tgz": File(sha256, size)},
        ways=(Npm(package, size, version="16.0.0", sha256=sha256),),
    )


TWITTER = drawn_by(
    "twitter", "CC BY 4.0", 61_683_754, "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877"
)
GOOGLE = drawn_by(
    "google", "Apache-2.0", 74_344_091, "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438"
)
