"""Small tables and pictures, and runs on them."""

import json

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tests.cli.conftest import say, start

__all__ = ["say", "start"]

QUICK = ("trainer.threads=1", "trainer.images=0", "model.hidden=[8]", "data.batch_size=16")
TABLE = (*QUICK, "data=csv", "data.path=table.csv", "data.target=label", "data.order=t")


@pytest.fixture
def table(tmp_path, monkeypatch):
    """``table.csv``: 120 rows of a number with gaps, a word and a time; the last 18 are the test part."""
    monkeypatch.chdir(tmp_path)
    return write_table()


def write_table(path="table.csv", seed=0, classes=("no", "yes"), rows=120):
    """A table whose label follows from its columns; the rows as a frame."""
    draw = np.random.default_rng(seed)
    size, colour = draw.normal(size=rows).round(3), draw.choice(["red", "green", "blue"], rows)
    label = np.array(classes)[np.clip((size > 0).astype(int) + (colour == "red"), 0, len(classes) - 1)]
    frame = pl.DataFrame({"size": size, "colour": colour, "t": np.arange(rows), "label": label})
    frame = frame.with_columns(pl.when(pl.col("t") % 11 != 3).then(pl.col("size")).alias("size"))
    frame.write_csv(path)
    return frame


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """``photos/{train,val,test}/{cat,dog}/*.png``, of several sizes, some grey."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 4), ("test", 7)):
        for name, shift in (("cat", 0), ("dog", 90)):
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = draw.integers(0, 160, (8 + i % 3, 9, 3), np.uint8) + np.uint8(shift)
                Image.fromarray(pixels if i % 4 else pixels[:, :, 0]).save(folder / f"{i}.png")
    return tmp_path / "photos"


def lines(path):
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]
