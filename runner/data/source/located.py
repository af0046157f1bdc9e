"""Where the files of a published set are: in a folder of the user's, on the machine, or fetched just now."""

import os
from collections.abc import Sequence
from pathlib import Path

from runner.errors import ConfigError, did_you_mean_beside
from runner.fetch.fetching import ready
from runner.fetch.published import Published


def in_root(published: Published, root: str, inside: Sequence[str] = ()) -> dict[str, Path]:
    """The files in a folder that the user named, in itself or in one of some folders in it, plain or gzipped.

    Raises:
        ConfigError: they are not there.
    """
    folder = Path(os.path.expanduser(root))
    for place in (folder, *(folder / name for name in inside)):
        if files := published.in_folder(place):
            return files
    hint = "" if folder.is_dir() else f" There is no such folder.{did_you_mean_beside(folder)}"
    raise ConfigError(
        f"data.root={root}: expected a folder with {', '.join(published.files)} (plain or .gz), in itself"
        f"{''.join(f' or in {name}' for name in inside)}.{hint} Leave data.root out to have them fetched."
    )


def located(
    published: Published, root: str | None, inside: Sequence[str] = ()
) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The files of a set, and notes: of `in_root` where a root was given, else of `ready`."""
    return ready(published) if root is None else (in_root(published, root, inside), ())
