"""ImageNet's folders, a few small images in each."""

import numpy as np
import pytest

from runner.data.image_folder import ImageFolder
from runner.data.imagenet_folder import ImagenetFolder
from runner.errors import ConfigError, RunFailed

from .conftest import write_images

WNIDS = ("n01440764", "n02012849", "n03126707")


@pytest.fixture
def root(tmp_path):
    write_images(tmp_path / "train", dict.fromkeys(WNIDS, 20), suffix="JPEG")
    write_images(tmp_path / "val", dict.fromkeys(WNIDS, 5), seed=1, suffix="JPEG")
    return tmp_path


def load(root, **settings):
    return ImagenetFolder(root=str(root), image_size=16, split=(0.8, 0.2, 0.0), **settings).load()


@pytest.mark.parametrize("in_memory", [True, False])
def test_val_is_the_test_set_and_validation_a_share_of_train(root, in_memory):
    data = load(root, in_memory=in_memory)
    assert [len(data.train), len(data.val), len(data.test)] == [48, 12, 15]
    assert data.spec.inputs.shape == (3, 16, 16)
    places = {name: {part.place(row) for row in range(len(part))} for name, part in data.parts.items()}
    assert all("/val/" in place for place in places["test"])
    assert all("/train/" in place for place in places["train"] | places["val"])
    assert not places["train"] & places["val"]
    assert data.notes[0].startswith("the folder val is the test set")
    assert not any(note.startswith("no folder val") for note in data.notes)


def test_pixels_are_those_of_any_folder_of_images(root):
    ours = load(root)
    theirs = ImageFolder(root=str(root / "val"), image_size=16, split=(0.5, 0.5, 0.0), scaling="none").load()
    rows = np.concatenate([part.inputs.numpy() for part in (theirs.train, theirs.val)])
    scale = ours.transform.scale
    shown = ours.test.inputs.numpy() * scale.spread[:, None, None] + scale.shift[:, None, None]
    assert {np.rint(row).astype(int).tobytes() for row in shown} == {
        np.rint(row * 255.0).astype(int).tobytes() for row in rows
    }


def test_classes_have_names_that_differ(root):
    assert load(root).spec.targets.names == WNIDS
    (root / "LOC_synset_mapping.txt").write_text(
        "n01440764 tench, Tinca tinca\nn02012849 crane\nn03126707 crane\nn99999999 elsewhere\n\n"
    )
    names = ("tench (n01440764)", "crane (n02012849)", "crane (n03126707)")
    assert load(root).spec.targets.names == names
    assert ImagenetFolder(root=str(root)).probe().targets.names == names


def test_a_folder_that_is_not_sorted_by_class_is_told_how_to_be(root):
    for folder in (root / "val").iterdir():
        for file in folder.iterdir():
            file.rename(root / "val" / f"{folder.name}-{file.name}")
        folder.rmdir()
    with pytest.raises(ConfigError, match=r"expected val/n01440764/\*\.JPEG .*torchvision.datasets.ImageNet"):
        ImagenetFolder(root=str(root)).probe()


def test_too_small_a_share_for_validation_is_told_of(root):
    with pytest.raises(RunFailed, match=r"data.split=\[0.999, 0.001, 0.0\] leaves no example for val out of the 60"):
        ImagenetFolder(root=str(root), image_size=16, split=(0.999, 0.001, 0.0)).load()
