"""Archives from anybody: only what is named is read, only so much, and nothing is written elsewhere."""

import gzip
import io
import tarfile
import zipfile

import pytest

from runner.fetch.archive import SPARE, members
from runner.fetch.published import Unavailable

from .conftest import CONTENTS, file_of

FILES = {name: file_of(content) for name, content in CONTENTS.items()}
NAMED = {name: f"data/{name}" for name in CONTENTS}


def as_tar(path, entries, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for entry, content in entries:
            if isinstance(entry, str):
                entry = tarfile.TarInfo(entry)
            if content is not None:
                entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content) if content is not None else None)


def as_zip(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            file.writestr(name, content)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize("write", [as_tar, as_zip])
@pytest.mark.parametrize("zipped", [False, True])
def test_members_by_name_and_nothing_else(write, zipped, tmp_path, out):
    entries = [("../escaped", b"x"), ("/tmp/escaped", b"x"), ("data/other", b"x" * 100)]
    for name, content in CONTENTS.items():
        entries.append((f"data/{name}.gz", gzip.compress(content)) if zipped else (f"data/{name}", content))
    write(tmp_path / "archive", entries)
    members(tmp_path / "archive", NAMED, FILES, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == CONTENTS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "out"]


@pytest.mark.parametrize("write", [as_tar, as_zip])
def test_a_member_that_is_longer_is_refused(write, tmp_path, out):
    write(tmp_path / "archive", [(f"data/{name}", content + bytes(10**7)) for name, content in CONTENTS.items()])
    with pytest.raises(Unavailable, match=r"numbers.bin is longer than the 1,024,000 bytes"):
        members(tmp_path / "archive", NAMED, FILES, out)
    assert (out / "numbers.bin").stat().st_size <= 1_024_000


def test_a_tar_that_unpacks_to_more_than_it_may_is_refused(tmp_path, out):
    """The header alone promises it: reading ends before the content."""
    bomb = tarfile.TarInfo("bomb")
    bomb.size = 2 * SPARE
    with tarfile.open(tmp_path / "archive", "w") as tar:
        tar.addfile(bomb, io.BytesIO(bytes(2 * SPARE)))
    with pytest.raises(Unavailable, match="unpacks to more than"):
        members(tmp_path / "archive", NAMED, FILES, out)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_links_and_devices_are_no_files(kind, tmp_path, out):
    (tmp_path / "secret").write_text("secret")
    entry = tarfile.TarInfo("data/numbers.bin")
    entry.type, entry.linkname = kind, str(tmp_path / "secret")
    as_tar(tmp_path / "archive", [(entry, None), ("data/labels.txt", CONTENTS["labels.txt"])])
    with pytest.raises(Unavailable, match=r"numbers.bin is not in archive"):
        members(tmp_path / "archive", NAMED, FILES, out)


@pytest.mark.parametrize("content", [b"", b"no archive at all", "cut tar", "cut zip", "other zip"])
def test_a_damaged_archive_is_told_of(content, tmp_path, out):
    path = tmp_path / "archive"
    entries = [(f"data/{name}", content) for name, content in CONTENTS.items()]
    if content == "cut tar":
        as_tar(path, entries)
        path.write_bytes(path.read_bytes()[:2000])
    elif content == "cut zip":
        as_zip(path, entries)
        path.write_bytes(path.read_bytes()[:-30])
    elif content == "other zip":
        as_zip(path, entries)
        changed = bytearray(path.read_bytes())
        changed[60:80] = bytes(20)
        path.write_bytes(changed)
    else:
        path.write_bytes(content)
    with pytest.raises(Unavailable, match="archive is damaged"):
        members(path, NAMED, FILES, out)
