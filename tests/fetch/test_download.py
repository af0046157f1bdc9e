"""The publisher's download, from a server on this machine: whole, cut, gone on with, and replaced."""

import io
import tarfile

import pytest

from runner.errors import RunFailed
from runner.fetch import download
from runner.fetch.download import Remote
from runner.fetch.fetching import fetch

from .conftest import CONTENTS, file_of, published


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


@pytest.mark.parametrize("form", ["plain", "gzipped"])
def test_files_come_whole_and_nothing_else_stays(form, server, cache):
    small = published(getattr(server, form)())
    assert fetch(small) == "the publisher's download"
    assert names(cache / "small") == sorted(CONTENTS)
    assert {name: path.read_bytes() for name, path in small.on_machine().items()} == CONTENTS
    assert fetch(small).startswith("the cache") and len(server.asked) == 2


def test_a_cut_connection_is_told_of_and_gone_on_with(server, cache):
    small = published(server.plain())
    server.cut = 300_000
    with pytest.raises(RunFailed, match=r"numbers.bin: cut after 300,000 of 1,024,000 bytes, which are kept"):
        fetch(small)
    assert names(cache / "small") == ["numbers.bin.part"] and small.on_machine() is None
    server.cut = None
    fetch(small)
    assert server.asked == [("numbers.bin", None), ("numbers.bin", "bytes=300000-"), ("labels.txt", None)]
    assert names(cache / "small") == sorted(CONTENTS)
    assert {name: path.read_bytes() for name, path in small.on_machine().items()} == CONTENTS


def test_a_server_that_knows_no_ranges_is_asked_for_all_of_it(server, cache):
    small = published(server.plain())
    (cache / "small").mkdir(parents=True)
    (cache / "small/numbers.bin.part").write_bytes(CONTENTS["numbers.bin"][:500])
    server.ranges = False
    fetch(small)
    assert small.on_machine()["numbers.bin"].read_bytes() == CONTENTS["numbers.bin"]


def test_what_was_kept_of_another_version_is_fetched_anew(server, cache):
    small = published(server.plain())
    (cache / "small").mkdir(parents=True)
    (cache / "small/numbers.bin.part").write_bytes(b"x" * 500)
    fetch(small)
    assert server.asked[:2] == [("numbers.bin", "bytes=500-"), ("numbers.bin", None)]
    assert small.on_machine()["numbers.bin"].read_bytes() == CONTENTS["numbers.bin"]


@pytest.mark.parametrize("form", ["plain", "gzipped"])
def test_other_bytes_are_refused_and_not_kept(form, server, cache):
    small = published(getattr(server, form)({name: bytes(len(content)) for name, content in CONTENTS.items()}))
    with pytest.raises(
        RunFailed, match=rf"numbers.bin has the SHA-256 .*expected {file_of(CONTENTS['numbers.bin']).sha256[:16]}"
    ):
        fetch(small)
    assert names(cache / "small") == [] and small.on_machine() is None


def test_another_length_is_refused_before_anything_comes(server, cache):
    small = published(server.plain())
    server.files["numbers.bin"] += b"more"
    with pytest.raises(RunFailed, match=r"the server's file has 1,024,004 bytes, expected 1,024,000"):
        fetch(small)
    assert names(cache / "small") == []


def test_a_server_that_lies_about_the_length_fills_no_disk(server, cache):
    small = published(server.plain())
    server.files["numbers.bin"] += b"more" * 100_000
    server.files["labels.txt"] = b"too short"
    server.promised = {name: len(content) for name, content in CONTENTS.items()}
    with pytest.raises(RunFailed, match=r"labels.txt: cut after 9 of 200 bytes"):
        fetch(small)
    assert (cache / "small/labels.txt.part").stat().st_size == 9


def test_a_small_file_that_unpacks_without_end_is_refused(server, cache):
    way = server.gzipped({"numbers.bin": bytes(10**7), "labels.txt": CONTENTS["labels.txt"]})
    with pytest.raises(RunFailed, match=r"numbers.bin is longer than the 1,024,000 bytes that were expected"):
        fetch(published(way))
    assert names(cache / "small") == []


def test_an_archive_is_verified_before_it_is_opened(server, cache, monkeypatch):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in CONTENTS.items():
            tar.addfile(tarfile.TarInfo(f"inner/{name}"), None)
            member = tarfile.TarInfo(f"folder/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    content = packed.getvalue()
    server.files["all.tar.gz"] = content
    remote = Remote("all.tar.gz", len(content), file_of(content).sha256, {name: f"folder/{name}" for name in CONTENTS})
    small = published(server.download(remote))
    fetch(small)
    assert {name: path.read_bytes() for name, path in small.on_machine().items()} == CONTENTS

    for path in small.on_machine().values():
        path.unlink()
    server.files["all.tar.gz"] = bytes(len(content))
    monkeypatch.setattr(download, "members", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(RunFailed, match=r"all.tar.gz has the SHA-256"):
        fetch(small)


def test_the_next_mirror_is_asked_and_every_reason_told(server, cache):
    way = server.plain()
    closed = "http://127.0.0.1:9/"
    fetch(published(download.Download((closed, *way.mirrors), way.remotes)))
    server.files.clear()
    lost = published(download.Download((closed, *way.mirrors), way.remotes))
    for name in CONTENTS:
        (cache / "small" / name).unlink()
    with pytest.raises(RunFailed, match=r"numbers.bin: .*Connection refused; Not here"):
        fetch(lost)


def test_a_silent_server_is_given_up(server, cache, monkeypatch):
    import socket

    monkeypatch.setattr(download, "TIMEOUT", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        way = download.Download((f"http://127.0.0.1:{silent.getsockname()[1]}/",), server.plain().remotes)
        with pytest.raises(RunFailed, match="timed out"):
            fetch(published(way))
