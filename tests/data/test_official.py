"""CIFAR and SVHN: small files in the publishers' formats, against torchvision where it reads them."""

import dataclasses
import gzip
import os
import pickle

import numpy as np
import pytest
import scipy.io
import torchvision.datasets

from runner.data.cifar10 import Cifar10
from runner.data.cifar100 import Cifar100
from runner.data.image.cifar import parse_pickle
from runner.data.svhn import Svhn
from runner.errors import ConfigError, RunFailed
from tests.fetch.conftest import file_of

SIZES = {Cifar10: (40, 20), Cifar100: (200, 100), Svhn: (60, 30)}


def drawn(option, seed=0):
    """Images ``(N, 3, 32, 32)`` and classes of both parts."""
    rng, classes = np.random.default_rng(seed), len(option.class_names)
    return [(rng.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8), np.arange(n) % classes) for n in SIZES[option]]


def record(label, pixels, option):
    return bytes([label // 5, label] if option is Cifar100 else [label]) + pixels.tobytes()


def write_binary(option, folder, zipped=False):
    (pixels, labels), test = drawn(option)
    names = list(option.published[0].files)
    train = zip(np.array_split(pixels, len(names) - 1), np.array_split(labels, len(names) - 1), strict=True)
    for name, part in zip(names, (*train, test), strict=True):
        content = b"".join(record(int(c), image, option) for image, c in zip(*part, strict=True))
        path = folder / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)


def write_pickles(option, folder, protocol=2):
    (pixels, labels), test = drawn(option)
    names = option.pickles
    train = zip(np.array_split(pixels, len(names) - 1), np.array_split(labels, len(names) - 1), strict=True)
    for name, (images, classes) in zip(names, (*train, test), strict=True):
        key = "fine_labels" if option is Cifar100 else "labels"
        batch = {"data": images.reshape(-1, 3072), key: classes.tolist(), "batch_label": name, "filenames": ["a.png"]}
        (folder / name).write_bytes(pickle.dumps(batch, protocol))


def write_mat(folder):
    for name, (pixels, labels) in zip(("train", "test"), drawn(Svhn), strict=True):
        y = np.where(labels == 0, 10, labels)[:, None].astype(np.uint8)
        content = {"X": pixels.transpose(2, 3, 1, 0), "y": y}
        scipy.io.savemat(folder / f"{name}_32x32.mat", content, do_compression=True)


FORMS = [
    pytest.param(Cifar10, write_binary, "", id="cifar10"),
    pytest.param(Cifar10, write_binary, "cifar-10-batches-bin", id="cifar10-inside"),
    pytest.param(Cifar10, lambda option, folder: write_binary(option, folder, True), "", id="cifar10-gz"),
    pytest.param(Cifar10, write_pickles, "cifar-10-batches-py", id="cifar10-pickles"),
    pytest.param(Cifar10, lambda option, folder: write_pickles(option, folder, 4), "", id="cifar10-new-pickles"),
    pytest.param(Cifar100, write_binary, "cifar-100-binary", id="cifar100"),
    pytest.param(Cifar100, write_pickles, "cifar-100-python", id="cifar100-pickles"),
    pytest.param(Svhn, lambda _, folder: write_mat(folder), "", id="svhn"),
]


@pytest.mark.parametrize(("option", "write", "inside"), FORMS)
def test_images_and_classes(option, write, inside, tmp_path):
    (tmp_path / inside).mkdir(exist_ok=True)
    write(option, tmp_path / inside)
    chosen = option(root=str(tmp_path), scaling="none", split=(0.5, 0.5, 0.0))
    assert chosen.probe().targets.size == len(option.class_names)
    data = chosen.load()
    (pixels, labels), (test, test_labels) = drawn(option)
    assert np.array_equal(data.test.inputs.numpy(), test.astype(np.float32) / np.float32(255))
    assert np.array_equal(data.test.targets.numpy(), test_labels)
    learned = {
        (row.tobytes(), int(label))
        for part in (data.train, data.val)
        for row, label in zip(np.rint(part.inputs.numpy() * 255).astype(np.uint8), part.targets, strict=True)
    }
    assert learned == {(row.tobytes(), label) for row, label in zip(pixels, labels.tolist(), strict=True)}
    assert any("not the published" in note for note in data.notes)


@pytest.mark.parametrize(("option", "theirs"), [(Cifar10, "CIFAR10"), (Cifar100, "CIFAR100")])
def test_pickles_as_torchvision_reads_them(option, theirs, tmp_path, monkeypatch):
    source = getattr(torchvision.datasets, theirs)
    folder = tmp_path / source.base_folder
    folder.mkdir()
    write_pickles(option, folder)
    (folder / source.meta["filename"]).write_bytes(pickle.dumps({source.meta["key"]: list(option.class_names)}))
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    data, test = option(root=str(tmp_path), scaling="none").load(), source(str(tmp_path), train=False)
    assert np.array_equal(np.rint(data.test.inputs.numpy() * 255), test.data.transpose(0, 3, 1, 2))
    assert data.test.targets.tolist() == test.targets
    assert tuple(test.classes) == data.spec.targets.names


def test_house_numbers_as_torchvision_reads_them(tmp_path, monkeypatch):
    write_mat(tmp_path)
    monkeypatch.setattr("torchvision.datasets.svhn.check_integrity", lambda *_: True)
    data = Svhn(root=str(tmp_path), scaling="none").load()
    test = torchvision.datasets.SVHN(str(tmp_path), "test")
    assert np.array_equal(np.rint(data.test.inputs.numpy() * 255), test.data)
    assert data.test.targets.tolist() == test.labels.tolist()


class Call:
    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


@pytest.mark.parametrize("function", [os.system, eval, os.mkdir, np.load, np.ones])
def test_a_pickle_executes_nothing(function, tmp_path):
    argument = {np.load: "x", np.ones: (2,)}.get(function, str(tmp_path / "made"))
    content = pickle.dumps({"data": Call(function, argument), "labels": [0]}, 2)
    with pytest.raises(RunFailed, match="it asks for"):
        parse_pickle(content, "data_batch_1")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"no pickle", pickle.dumps([1, 2]), pickle.dumps({"data": np.zeros((1, 3072)), "labels": [0]}),
     pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [0, 1]}),
     pickle.dumps({"data": np.zeros((1, 3000), np.uint8), "labels": [0]}),
     pickle.dumps({"data": np.array([object]), "labels": [0]})],
)  # fmt: skip
def test_a_damaged_pickle_is_named(content):
    with pytest.raises(RunFailed, match="data_batch_1 can't be read as a batch of CIFAR"):
        parse_pickle(content, "data_batch_1")


def test_damaged_files_are_named(tmp_path):
    write_binary(Cifar10, tmp_path)
    path = tmp_path / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunFailed, match=r"data_batch_3.bin is damaged"):
        Cifar10(root=str(tmp_path)).load()
    path.write_bytes(record(77, np.zeros((3, 32, 32), np.uint8), Cifar10))
    with pytest.raises(RunFailed, match=r"classes 0 to 77; expected .* 0 to 9"):
        Cifar10(root=str(tmp_path)).load()
    write_mat(tmp_path)
    path = tmp_path / "test_32x32.mat"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(RunFailed, match=r"test_32x32.mat can't be read as a file of SVHN"):
        Svhn(root=str(tmp_path)).load()


@pytest.mark.parametrize("option", SIZES)
def test_a_folder_without_the_files_is_a_wrong_command(option, tmp_path):
    with pytest.raises(ConfigError, match=rf"expected a folder with {next(iter(option.published[0].files))}"):
        option(root=str(tmp_path)).probe()


def test_what_is_in_the_cache_must_be_the_published(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNNER_DATA", str(tmp_path))
    (tmp_path / "cifar10").mkdir()
    write_binary(Cifar10, tmp_path / "cifar10")
    with pytest.raises(RunFailed, match=r"data_batch_1.bin: has 24,584 bytes, expected 30,730,000: damaged"):
        Cifar10().load()
    (published,) = Cifar10.published
    files = {name: file_of((tmp_path / "cifar10" / name).read_bytes()) for name in published.files}
    monkeypatch.setattr(Cifar10, "published", (dataclasses.replace(published, files=files),))
    data = Cifar10().load()
    assert len(data.test) == 20 and not any("not the published" in note for note in data.notes)
