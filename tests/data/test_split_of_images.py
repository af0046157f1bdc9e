"""`data.split_file` of folders of images: each image is where its line says, through the command line too."""

import json

import numpy as np
import pytest

from runner.cli.verbs import answer
from runner.data.image_folder import ImageFolder
from runner.data.imagenet_folder import ImagenetFolder

from .conftest import write_images

COMMAND = ["data=image_folder", "data.image_size=8", "model.hidden=[4]", "trainer.max_epochs=1", "trainer.images=0"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "photos", {"cat, big": 12, "dög": 9})
    return tmp_path / "photos"


def told(root, seed=0):
    """A line for each image, in no order."""
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    draw = np.random.default_rng(seed)
    parts = draw.permutation(["train"] * 11 + ["val"] * 6 + ["test"] * 4).tolist()
    pairs = [(path, parts[k % len(parts)]) for k, path in enumerate(paths)]
    draw.shuffle(pairs)
    return [(str(path), str(part)) for path, part in pairs]


def written(pairs, file, heading=True):
    lines = [f'"{path}",{part}' if "," in path else f"{path},{part}" for path, part in pairs]
    file.write_text("\n".join((["path,part"] if heading else []) + lines), encoding="utf-8")


def places(data, root):
    return {
        (split.place(row).removeprefix(f"{root}/"), name)
        for name, split in data.parts.items()
        for row in range(len(split))
    }


@pytest.mark.parametrize("mark", [";", "\t"])
def test_semicolons_and_tabs_separate_too(root, mark):
    pairs = told(root)
    (root.parent / "parts.csv").write_text("".join(f"{path}{mark}{part}\r\n" for path, part in pairs), "utf-8")
    data = ImageFolder(root=str(root), image_size=8, split_file="parts.csv").load()
    assert places(data, root) == set(pairs)


@pytest.mark.parametrize("keep", [True, False])
def test_every_image_is_where_its_line_says(root, keep):
    pairs = told(root)
    written(pairs, root.parent / "parts.csv")
    option = ImageFolder(root=str(root), image_size=8, in_memory=keep, split_file="parts.csv")
    data = option.load()
    assert places(data, root) == set(pairs)
    assert sum(map(len, data.parts.values())) == 21
    written([*pairs[1:], (pairs[0][0], "train")], root.parent / "parts.csv", heading=False)
    again = option.load()
    assert (pairs[0][0], "train") in places(again, root)
    plain = ImageFolder(root=str(root), image_size=8, in_memory=keep).load()
    assert len({data.fingerprint, again.fingerprint, plain.fingerprint}) == 3
    half = ImageFolder(root=str(root), image_size=8, in_memory=keep, split_file="parts.csv", folds=3, fraction=0.5)
    assert {pair for pair in places(half.load(), root) if pair[1] == "test"} == {p for p in pairs if p[1] == "test"}


@pytest.mark.parametrize("kind", [ImageFolder, ImagenetFolder])
def test_it_stands_above_folders_of_parts(tmp_path, kind):
    for part in ("train", "val"):
        write_images(tmp_path / part, {"a": 8, "b": 8})
    lines = [(path.relative_to(tmp_path).as_posix(), "val") for path in sorted(tmp_path.rglob("*.png"))]
    lines = [(path, "train" if k % 2 else part) for k, (path, part) in enumerate(lines)]
    written(lines, tmp_path / "parts.csv")
    data = kind(root=str(tmp_path), image_size=8, split_file=str(tmp_path / "parts.csv")).load()
    assert places(data, tmp_path) == set(lines)
    assert not any("folder" in note for note in data.notes)
    assert data.test is None


def test_a_run_is_trained_and_tested_by_it(root, capsys):
    written(told(root), root.parent / "parts.csv")
    assert answer([*COMMAND, f"data.root={root}", "data.split_file=parts.csv", "hydra.run.dir=run"]) == 0
    sizes = json.loads((root.parent / "run/manifest.json").read_text())["data"]
    assert {name: sizes[name] for name in ("train", "val", "test")} == {"train": 11, "val": 6, "test": 4}


@pytest.mark.parametrize(
    ("spoil", "code", "message"),
    [
        (lambda lines: [*lines, "cat, bgi/000.png,val"], 1, "line 23: 'cat' is none of the examples."),
        (lambda lines: [*lines, "dög/00.png,val"], 1, "line 23: 'dög/00.png' is none of the examples. Did you mean"),
        (lambda lines: [*lines, lines[-1]], 1, "stands there twice"),
        (lambda lines: lines[:-2], 1, "and 1 other example."),
        (lambda lines: [*lines[:-1], "dög/000.png,valid"], 1, "line 22: 'valid' is no part. Expected train, val or"),
        (lambda lines: [f"{lines[1].rpartition(',')[0]},trian", *lines[2:]], 1, "line 1: 'trian' is no part."),
        (lambda lines: [line.replace(",val", ",train") for line in lines], 1, "no image is in val"),
        (lambda lines: [line.replace(",train", ",test") for line in lines], 1, "no image is in train"),
        (None, 2, "data.split_file=nowhere.csv: there is no such file. Did you mean 'parts.csv'?"),
    ],
)
def test_a_file_that_does_not_fit_is_said_in_a_paragraph(root, capsys, spoil, code, message):
    written(told(root), root.parent / "parts.csv")
    lines = (root.parent / "parts.csv").read_text().splitlines()
    if spoil:
        (root.parent / "parts.csv").write_text("\n".join(spoil(lines)))
    name = "parts.csv" if spoil else "nowhere.csv"
    assert answer([*COMMAND, f"data.root={root}", f"data.split_file={name}", "hydra.run.dir=run"]) == code
    said = " ".join(capsys.readouterr().err.split())
    assert message in said
    assert "Traceback" not in said
