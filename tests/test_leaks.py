"""Nothing that training sees comes of validation or test data, and nothing that makes training data changes those.

Two versions of the same data differ in the rows of val and test only: their values, words, gaps and labels. Whatever is
fitted, selected, drawn or made for training must be equal to the last bit, and so must the weights at the end.
"""

import json
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from runner.config.check import check_run
from runner.data.base import Scaling
from runner.run import compose, load, run
from runner.run.assembly import balanced, load_data
from tests.config.test_options import OPTIONS

TRAIN, ALL = 140, 200
CLEANING = [n for n in OPTIONS.names("cleaning") if n not in ("none", "duplicates", "near_duplicates")]
FEATURES = [n for n in OPTIONS.names("features") if n != "none"]
BALANCE = [n for n in OPTIONS.names("balance") if n != "none"]
CHOICES = [
    *([f"data.scaling={s}"] for s in get_args(Scaling) if s != "none"),
    *([f"data.missing={m}", "data.indicator=true"] for m in ("mean", "median", "most_frequent")),
    *([f"cleaning=[{name}]"] for name in CLEANING),
    *([f"features=[{name}]"] for name in FEATURES),
    *([f"balance={name}"] for name in BALANCE),
]


def write(path, other):
    """A table in the order of time, whose last 60 rows are val and test; in the `other` version these are changed."""
    rng = np.random.default_rng(0)
    ill = rng.random(ALL) < 0.25
    lines = ["when,age,dose,weight,colour,ill"]
    for row in range(ALL):
        age, dose, weight = 40 + 12 * ill[row] + 5 * rng.normal(), ill[row] + 0.6 * rng.normal(), rng.normal()
        colour, told = ["red", "blue", "green"][rng.integers(3)], "yes" if ill[row] else "no"
        if other and row >= TRAIN:
            age, dose, weight, colour = -1000 * age, 77.0 + row, 1e4 * dose, "violet"
            told = {"yes": "no", "no": "yes"}[told]
        age = "" if row % 9 == 0 or (other and row > 180) else f"{age:.4f}"
        lines.append(f"{row},{age},{dose:.4f},{weight:.4f},{colour},{told}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("leaks")
    for name in ("one", "other"):
        write(folder / f"{name}.csv", name == "other")
    return folder


def loaded(folder, name, choice):
    return _loaded(folder, name, tuple(choice))


@cache
def _loaded(folder, name, choice):
    words = ["data=csv", f"data.path={folder / f'{name}.csv'}", "data.target=ill", "data.order=when", *choice]
    recipe = check_run(compose(words))
    return balanced(recipe, load_data(recipe))


def whole(split):
    return split.read(torch.arange(len(split)))


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


@pytest.mark.parametrize("choice", CHOICES, ids=" ".join)
def test_what_is_fitted_selected_or_drawn_for_training_knows_training_only(tables, choice):
    one, other = (loaded(tables, name, choice) for name in ("one", "other"))
    assert not torch.equal(whole(one.val).inputs, whole(other.val).inputs)  # they do differ
    assert torch.equal(whole(one.train).inputs, whole(other.train).inputs)
    assert torch.equal(whole(one.train).targets, whole(other.train).targets)
    assert one.spec == other.spec
    assert equal(one.transform.state_dict(), other.transform.state_dict())


@pytest.mark.parametrize("choice", [c for c in CHOICES if c[0].startswith(("cleaning", "balance"))], ids=" ".join)
def test_what_changes_the_training_part_leaves_the_others_as_they_are(tables, choice):
    plain, changed = loaded(tables, "one", []), loaded(tables, "one", choice)
    for part in ("val", "test"):
        assert torch.equal(whole(plain.parts[part]).inputs, whole(changed.parts[part]).inputs)
        assert torch.equal(whole(plain.parts[part]).targets, whole(changed.parts[part]).targets)


@pytest.mark.parametrize("name", ["duplicates", "near_duplicates"])
def test_copies_across_parts_never_leave_test_and_are_left_out_of_train(tables, name, tmp_path):
    lines = (tables / "one.csv").read_text().splitlines()
    of_test, of_val = (lines[row].split(",", 1)[1] for row in (198, 145))
    lines[3], lines[150], lines[7] = f"2,{of_test}", f"149,{of_test}", f"6,{of_val}"
    (tmp_path / "copies.csv").write_text("\n".join(lines) + "\n")
    plain, cleaned = loaded(tmp_path, "copies", []), loaded(tmp_path, "copies", [f"cleaning=[{name}]"])
    assert torch.equal(whole(plain.parts["test"]).inputs, whole(cleaned.parts["test"]).inputs)
    seen = {tuple(row) for part in ("val", "test") for row in whole(cleaned.parts[part]).inputs.tolist()}
    assert len(plain.train) - len(cleaned.train) == 2 and len(plain.val) - len(cleaned.val) == 1
    assert not seen & {tuple(row) for row in whole(cleaned.train).inputs.tolist()}
    assert seen & {tuple(row) for row in whole(plain.train).inputs.tolist()}


def draw(folder, other):
    """Pictures in a folder for each part; in the `other` version those of val and test are changed."""
    rng = np.random.default_rng(1)
    for part, count in (("train", 12), ("val", 6), ("test", 6)):
        for label in ("cat", "dog"):
            for number in range(count):
                pixels = rng.integers(0, 256, (10, 10, 3), dtype=np.uint8)
                if other and part != "train":
                    pixels = pixels // 5 + 200
                path = folder / part / label / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)


AUGMENTED = ("augmentation=[flip,rotation,crop,noise]", "balance=balanced_batches")


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Two runs on pictures, augmented, whose val and test parts differ."""
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("one", "other"):
        draw(folder / name, name == "other")
        words = ["data=image_folder", f"data.root={folder / name}", "data.image_size=10", "model.hidden=[8]"]
        words += [*AUGMENTED, "trainer.max_epochs=3", "trainer.threads=1", "data.batch_size=8"]
        run(compose(words), folder / f"run_{name}")
    return folder


def test_weights_know_training_data_only(networks):
    one, other = (
        torch.load(networks / f"run_{name}/checkpoints/last.pt", weights_only=True)["model"]
        for name in ("one", "other")
    )
    assert equal(dict(one), dict(other))
    scores = [json.loads((networks / f"run_{name}/result.json").read_text())["test"] for name in ("one", "other")]
    assert scores[0]["loss"] != scores[1]["loss"]


def test_augmentation_and_balance_do_not_reach_what_is_evaluated(networks):
    """Scores of the run are those of its network on the pictures as they are in the files."""
    network = load(networks / "run_one")
    result = json.loads((networks / "run_one/result.json").read_text())
    for part in ("val", "test"):
        files = [str(p) for label in ("cat", "dog") for p in sorted((networks / "one" / part / label).glob("*.png"))]
        rows = [row for raw in network.transform.read(files, 64) for row in network.predict(raw.examples)]
        losses = [-np.log(row[f"probability_{Path(file).parent.name}"]) for file, row in zip(files, rows)]
        assert np.mean(losses) == pytest.approx(result[part]["loss"], rel=1e-4)
