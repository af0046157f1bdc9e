"""Fetching as a whole: by clients that are small scripts, verified, alone, atomic, and what is said when it fails."""

import errno
import gzip
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import types

import pytest

from runner.errors import RunFailed
from runner.fetch import fetching
from runner.fetch.fetching import fetch, ready
from runner.fetch.listener import Listener, listen
from runner.fetch.package import Debian, Npm, Pip
from runner.fetch.sets import all_sets

from .conftest import CONTENTS, file_of, published

MEMBERS = {name: f"package/data/{name}" for name in CONTENTS}


@pytest.fixture
def archive(tmp_path):
    (tmp_path / "tree").mkdir()
    with tarfile.open(tmp_path / "archive.tgz", "w:gz") as tar:
        for name, content in CONTENTS.items():
            (tmp_path / "tree" / name).write_bytes(content)
            tar.add(tmp_path / "tree" / name, arcname=MEMBERS[name])
    return tmp_path / "archive.tgz"


def npm(archive, **changed):
    pinned = file_of(archive.read_bytes())
    given = {"size": pinned.size, "members": MEMBERS, "version": "1.2.6", "sha256": pinned.sha256}
    return Npm("small", **given | changed)


def test_npm(archive, cache, tools):
    tools("npm", f'test "$*" = "pack --ignore-scripts small@1.2.6" && /bin/cp {archive} ./small-1.2.6.tgz')
    small = published(npm(archive))
    assert fetch(small) == "the npm package small@1.2.6"
    assert {name: path.read_bytes() for name, path in small.on_machine().items()} == CONTENTS
    assert sorted(path.name for path in (cache / "small").iterdir()) == [".lock", *sorted(CONTENTS)]


def test_a_wheel_is_kept_as_it_is(archive, cache, tools, monkeypatch):
    pinned = file_of(archive.read_bytes())
    tools("pip", f'test "$1" = download && /bin/cp {archive} ./small-1-py3-none-any.whl')
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    way = Pip("small", pinned.size, version="1", sha256=pinned.sha256)
    small = published(way, contents={"small-1-py3-none-any.whl": archive.read_bytes()})
    assert fetch(small) == "the package small 1 of PyPI"
    small.check(small.on_machine())


def test_pip_is_told_to_install_nothing_and_to_build_nothing():
    words = Pip("small", 1, version="1", sha256="").command
    assert words[-4:] == ("--no-deps", "--only-binary", ":all:", "small==1") and "download" in words


def test_debian(tmp_path, cache, tools):
    folder = tmp_path / "tree/usr/share/small"
    folder.mkdir(parents=True)
    for name, content in CONTENTS.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    with tarfile.open(tmp_path / "tree.tar", "w") as tar:
        tar.add(tmp_path / "tree", arcname=".")
    tools("apt-get", 'test "$*" = "download small" && : > small_1_all.deb')
    tools("dpkg-deb", f"/bin/cat {tmp_path / 'tree.tar'}")
    small = published(Debian("small", 1, {name: f"./usr/share/small/{name}" for name in CONTENTS}))
    assert fetch(small) == "Debian's package small"
    assert {name: path.read_bytes() for name, path in small.on_machine().items()} == CONTENTS


def test_a_package_that_is_another_is_not_opened(archive, cache, tools, monkeypatch):
    tools("npm", f"/bin/cp {archive} ./small-1.2.6.tgz")
    monkeypatch.setattr("runner.fetch.package.members", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(RunFailed, match=r"small-1.2.6.tgz has the SHA-256 .*expected 0000000000000000"):
        fetch(published(npm(archive, sha256="0" * 64)))


def test_content_that_is_not_the_published_one_is_refused(archive, cache, tools):
    tools("npm", f"/bin/cp {archive} ./small-1.2.6.tgz")
    other = published(npm(archive), contents=CONTENTS | {"labels.txt": b"c\nd\n" * 50})
    with pytest.raises(RunFailed, match=r"labels.txt has the SHA-256"):
        fetch(other)
    assert other.on_machine() is None and [path.name for path in (cache / "small").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo 'npm error: not found' >&2; exit 7", "npm error: not found"),
        ("exit 7", "exit code 7"),
        (":", "npm put nothing there"),
        ("/bin/sleep 5", "took more than 0 s"),
    ],
)
def test_a_client_that_fails_is_quoted(body, said, archive, cache, tools, monkeypatch):
    tools("npm", body)
    if "sleep" in body:
        monkeypatch.setattr("runner.fetch.package.TIMEOUT", 0.1)
    with pytest.raises(RunFailed, match=said):
        fetch(published(npm(archive)))
    assert [path.name for path in (cache / "small").iterdir()] == [".lock"]


def test_without_network_and_clients_every_way_is_named(server, archive, cache, tools):
    way = server.plain()
    server.files.clear()
    small = published(way, npm(archive), Debian("small", 1))
    with pytest.raises(RunFailed) as error:
        fetch(small)
    for word in ("npm is not installed", "npm pack small@1.2.6", "apt-get is not installed", "apt-get install small"):
        assert word in str(error.value)
    for word in ("the publisher's download", "data.root=FOLDER", "python -m runner fetch small", *CONTENTS, str(cache)):
        assert word in str(error.value)


@pytest.mark.parametrize("name", all_sets())
def test_every_set_names_every_way_where_there_is_none(name, cache, tools, monkeypatch):
    """As on a machine that reaches nothing."""
    monkeypatch.setattr("runner.fetch.download._go_on", refuse)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(RunFailed) as error:
        fetch(all_sets()[name])
    assert all(way.label in str(error.value) and way.by_hand in str(error.value) for way in all_sets()[name].ways)


def refuse(*_):
    raise ConnectionRefusedError("Connection refused")


def test_a_run_says_so_before_it_fetches(server, cache):
    small, heard = published(server.plain()), []

    class Ear(Listener):
        def tell(self, text):
            heard.append((text, len(server.asked)))

    listen(Ear())
    try:
        files, notes = ready(small)
        assert ready(small) == (files, ())
    finally:
        listen(Listener())
    assert heard == [(f"small is not on this machine: fetching 1.0 MB into {cache / 'small'} (CC0)", 0)]
    assert notes == ("fetched from the publisher's download",)


def test_two_at_once_fetch_once(server, cache):
    small, answers = published(server.plain()), []
    threads = [threading.Thread(target=lambda: answers.append(fetch(small))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["the cache: another process had just brought it"] * 3 + ["the publisher's download"]
    assert len(server.asked) == len(CONTENTS)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder(server, cache):
    cache.mkdir()
    cache.chmod(0o500)
    with pytest.raises(RunFailed, match=r"Permission denied.*RUNNER_DATA=FOLDER"):
        fetch(published(server.plain()))
    cache.chmod(0o700)


def test_a_cache_that_is_a_file(server, cache):
    cache.write_text("")
    with pytest.raises(RunFailed, match=r"Not a directory.*RUNNER_DATA=FOLDER"):
        fetch(published(server.plain()))


def test_too_little_space_is_told_before_anything_comes(server, cache, monkeypatch):
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: types.SimpleNamespace(free=2_000_000))
    with pytest.raises(RunFailed, match=r"needs 2.0 MB in .*where 2.0 MB are free"):
        fetch(published(server.plain()))
    assert not server.asked


def test_a_disk_that_fills_meanwhile(server, cache, monkeypatch):
    small = published(server.plain())
    monkeypatch.setattr(fetching.os, "fsync", full)
    with pytest.raises(RunFailed, match="No space left on device"):
        fetch(small)
    monkeypatch.undo()
    assert small.on_machine() is None
    assert not list((cache / "small").glob(f"{fetching.WORK}*"))


def full(_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_a_killed_process_left_is_swept_up(server, cache):
    left = cache / "small" / f"{fetching.WORK}abc"
    left.mkdir(parents=True)
    (left / "numbers.bin").write_bytes(b"half")
    fetch(published(server.plain()))
    assert not left.exists()


def test_damage_in_the_cache_is_told_of(server, cache):
    small = published(server.plain())
    fetch(small)
    (cache / "small/labels.txt").write_bytes(b"x" * 200)
    with pytest.raises(RunFailed, match=r"labels.txt: has the SHA-256 .*fetch small"):
        small.check(small.on_machine())


PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from runner.fetch.fetching import fetch
from runner.fetch.package import Npm
from runner.fetch.published import File, Published
fetch(Published("small", "", "", {"x": File("", 1)}, (Npm("small", 1, version="1", sha256=""),)))
"""


def test_an_interrupt_ends_the_client_and_leaves_nothing_half(cache, tools, tmp_path):
    tools("npm", f"echo $$ > {tmp_path / 'pid'}; : > small.tgz; exec {shutil.which('sleep', path='/bin:/usr/bin')} 60")
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=60)[1]
    assert [path.name for path in (cache / "small").iterdir()] == [".lock"]
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
