"""Pipes, sockets, devices, broken links and links in a circle where files are expected: named at once, never read."""

import os
import signal
import socket
from pathlib import Path

import pytest

from runner.data.image.listing import IMAGES
from runner.data.source.listing import files_in
from runner.errors import ConfigError
from runner.run import compose
from tests.run.conftest import QUICK, photos, table

__all__ = ["photos", "table"]


@pytest.fixture(autouse=True)
def at_once():
    """A test that waits for a pipe fails."""
    before = signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGALRM))

    def late(*_):
        raise TimeoutError("it waits")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pipe(path):
    os.mkfifo(path)


def listening(path):
    socket.socket(socket.AF_UNIX).bind(os.path.relpath(path))


def device(path):
    os.symlink("/dev/zero", path)


def nothing(path):
    os.symlink("nowhere", path)


def circle(path):
    os.symlink(Path(path).name, path)


KINDS = {pipe: "is a pipe", listening: "is a socket", device: "is a device", nothing: "is a link to nothing"}
KINDS[circle] = "is a link to nothing"


@pytest.mark.parametrize("make", KINDS)
def test_among_images(photos, make):
    make("photos/train/cat/odd.png")
    with pytest.raises(ConfigError, match=rf"photos/train/cat/odd\.png: {KINDS[make]}.* Expected images\. Remove it"):
        compose_and_check("data=image_folder", "data.root=photos")


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(
    ("option", "name", "more"),
    [
        ("csv", "t.csv", ["data.target=label"]),
        ("csv", "t.parquet", ["data.target=label"]),
        ("csv_series", "t.csv", ["data.columns=[size]"]),
    ],
)
def test_as_data(table, make, option, name, more):
    make(name)
    with pytest.raises(ConfigError, match=KINDS[make]):
        compose_and_check(f"data={option}", f"data.path={name}", *more)


def compose_and_check(*overrides):
    from runner.config.check import check_run

    check_run(compose([*QUICK, *overrides])).data.load()


def test_a_link_to_a_folder_around_it_is_refused_by_name(photos):
    images = len(list(files_in(Path("photos/train/cat"), IMAGES)))
    for target in ("..", "../..", ".", str(Path("photos").resolve()), "/"):
        os.symlink(target, "photos/train/cat/loop")
        with pytest.raises(ConfigError, match=r"photos/train/cat/loop: a link to a folder around it"):
            list(files_in(Path("photos/train/cat"), IMAGES))
        os.unlink("photos/train/cat/loop")
    os.symlink("..", "photos/train/again")
    with pytest.raises(ConfigError, match=r"photos/train/again: a link to a folder around it"):
        compose_and_check("data=image_folder", "data.root=photos")
    assert len(list(files_in(Path("photos/train/cat"), IMAGES))) == images


def test_a_folder_is_counted_once_and_links_to_others_are_followed(photos, tmp_path):
    images = sorted(files_in(Path("photos/train/cat"), IMAGES))
    Path("photos/train/cat").rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", "photos/train/cat")
    assert sorted(files_in(Path("photos/train/cat"), IMAGES)) == images
    for name in ("a", "b"):
        os.symlink(tmp_path / "photos/train/dog", f"photos/train/cat/{name}")
    dogs = len(list(files_in(Path("photos/train/dog"), IMAGES)))
    assert len(list(files_in(Path("photos/train/cat"), IMAGES))) == len(images) + dogs
