"""Reading IDX sets, on small files written by the test itself."""

import gzip

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from runner.data.fashion_mnist import FashionMnist
from runner.data.image.idx import parse
from runner.data.mnist import Mnist
from runner.data.source.available import available
from runner.errors import ConfigError, RunFailed

from .conftest import idx_bytes, write_idx


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("inside", ["", "MNIST/raw", "raw"])
def test_reads_a_folder_in_every_layout(tmp_path, zipped, inside):
    arrays = write_idx(tmp_path / inside, zipped=zipped)
    splits = Mnist(root=str(tmp_path), scaling="none").load()
    assert [len(splits.train), len(splits.val), len(splits.test)] == [180, 20, 40]
    test = arrays["t10k-images-idx3-ubyte"][:, None].astype(np.float32) / np.float32(255)
    assert np.array_equal(splits.test.inputs.numpy(), test)
    assert np.array_equal(splits.test.targets.numpy(), arrays["t10k-labels-idx1-ubyte"])
    learned = torch.cat([splits.train.inputs, splits.val.inputs]).numpy().reshape(200, -1)
    expected = (arrays["train-images-idx3-ubyte"] / np.float32(255)).astype(np.float32).reshape(200, -1)
    assert {row.tobytes() for row in learned} == {row.tobytes() for row in expected}
    assert splits.spec.class_counts == (18,) * 10
    assert any("not the published mnist" in note for note in splits.notes)


def test_pixels_are_standardized_by_the_training_part(tmp_path):
    write_idx(tmp_path)
    raw, scaled = (Mnist(root=str(tmp_path), scaling=scaling).load() for scaling in ("none", "standard"))
    reference = StandardScaler().fit(raw.train.inputs.reshape(-1, 1).numpy())
    expected = reference.transform(raw.test.inputs.reshape(-1, 1).numpy())
    assert np.allclose(scaled.test.inputs.reshape(-1, 1).numpy(), expected, atol=1e-5)


def test_the_shares_of_train_and_val_divide_the_official_training_set(tmp_path):
    write_idx(tmp_path)
    splits = Mnist(root=str(tmp_path), split=(0.6, 0.2, 0.2)).load()
    assert [len(splits.train), len(splits.val), len(splits.test)] == [150, 50, 40]
    assert any("test share 0.2" in note for note in splits.notes)


def test_the_fingerprint_follows_the_content(tmp_path):
    write_idx(tmp_path / "a")
    write_idx(tmp_path / "b", zipped=True)
    write_idx(tmp_path / "c", test=30)
    a, b, c = (Mnist(root=str(tmp_path / name)).load().fingerprint for name in "abc")
    assert a == b != c


def test_a_folder_without_the_files_is_a_wrong_command(tmp_path):
    write_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    for option in (Mnist, FashionMnist):
        with pytest.raises(ConfigError, match="t10k-labels-idx1-ubyte"):
            option(root=str(tmp_path)).probe()


@pytest.mark.parametrize("cut", [0, 3, 10, 1000])
def test_a_truncated_file_is_named(tmp_path, cut):
    write_idx(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RunFailed, match=r"train-images-idx3-ubyte .*(damaged|no IDX)"):
        Mnist(root=str(tmp_path)).load()


def test_a_truncated_gzip_file_is_named(tmp_path):
    write_idx(tmp_path, zipped=True)
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(RunFailed, match=r"train-labels-idx1-ubyte\.gz can't be read"):
        Mnist(root=str(tmp_path)).load()


def test_images_and_labels_that_disagree_are_refused(tmp_path):
    write_idx(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(199) % 10))
    with pytest.raises(RunFailed, match="199"):
        Mnist(root=str(tmp_path)).load()
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(200) % 11))
    with pytest.raises(RunFailed, match="classes 0 to 10; expected some of both parts, with classes 0 to 9"):
        Mnist(root=str(tmp_path)).load()


def test_other_types_than_bytes_are_refused():
    content = bytes([0, 0, 0x0D, 1]) + (2).to_bytes(4, "big") + bytes(8)
    with pytest.raises(RunFailed, match="00000801"):
        parse(content, "floats", 1)


def test_a_damaged_cache_is_no_data(no_cache):
    write_idx(no_cache / "mnist")
    with pytest.raises(RunFailed, match="not what was published"):
        Mnist().load()


def test_available_tells_where_or_how(no_cache, tmp_path):
    answers = available()
    assert {"digits", "breast_cancer", "wine", "iris", "diabetes", "mnist", "fashion_mnist"} <= set(answers)
    assert answers["mnist"].startswith("missing") and "npm" in answers["mnist"]
    assert "sklearn" in answers["digits"]
    write_idx(no_cache / "mnist", zipped=True)
    assert available()["mnist"] == str(no_cache / "mnist")


def test_gzip_and_plain_may_stand_side_by_side(tmp_path):
    write_idx(tmp_path)
    name = "train-labels-idx1-ubyte"
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    (tmp_path / name).unlink()
    assert len(Mnist(root=str(tmp_path)).load().train) == 180
