import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from runner.data.digits import Digits
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError


def together(splits):
    return [getattr(splits, name) for name in ("train", "val", "test")]


def test_holds_what_sklearn_loads():
    splits = Digits(scaling="none").load()
    mine = torch.cat([part.inputs for part in together(splits)]).reshape(-1, 64) * 16
    labels = torch.cat([part.targets for part in together(splits)])
    reference = load_digits()
    expected = np.concatenate([reference.data, reference.target[:, None]], axis=1)
    rows = np.concatenate([mine.numpy(), labels[:, None].numpy()], axis=1)
    assert np.array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])


def test_shapes_types_and_spec():
    splits = Digits().load()
    assert [len(part) for part in together(splits)] == [1258, 270, 269]
    assert splits.train.inputs.shape == (1258, 1, 8, 8)
    assert splits.train.inputs.dtype == torch.float32
    assert splits.train.targets.dtype == torch.int64
    assert splits.spec.class_counts == tuple(torch.bincount(splits.train.targets).tolist())
    assert (splits.spec.task, splits.spec.input_shape, splits.spec.num_outputs) == ("classification", (1, 8, 8), 10)
    assert Digits().probe() == Spec("classification", Field("image"), Field("class", (), 10))


def test_statistics_come_from_the_training_part_only():
    part = Digits(fraction=0.3).load().train.inputs
    assert part.mean().item() == pytest.approx(0, abs=1e-5)
    assert part.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    whole = Digits().load()
    assert abs(whole.val.inputs.mean().item()) > 1e-4


def test_fraction_leaves_val_and_test_alone_and_nests():
    raw = {f: Digits(scaling="none", fraction=f).load() for f in (0.1, 0.5, 1.0)}
    assert [len(raw[f].train) for f in raw] == [126, 630, 1258]
    assert all(torch.equal(raw[0.1].parts[name].inputs, raw[1.0].parts[name].inputs) for name in ("val", "test"))
    rows = {f: {row.numpy().tobytes() for row in raw[f].train.inputs} for f in raw}
    assert rows[0.1] < rows[0.5] < rows[1.0]


def test_split_seed_moves_examples_and_the_fingerprint_stays():
    first, other = Digits().load(), Digits(split_seed=1).load()
    assert not torch.equal(first.train.inputs, other.train.inputs)
    assert first.fingerprint == other.fingerprint
    assert len(first.fingerprint) == 64


def test_no_test_share_means_no_test():
    assert Digits(split=(0.8, 0.2, 0.0)).load().test is None


@pytest.mark.parametrize("split", [(0.7, 0.2, 0.2), (1.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.9, 0.2, -0.1)])
def test_shares_that_are_none_are_refused(split):
    with pytest.raises(ConfigError, match="sum to 1"):
        Digits(split=split)


def test_a_probe_imports_neither_torch_nor_sklearn():
    code = (
        "import sys; from runner.data.digits import Digits; from runner.data.csv import Csv; Digits().probe();"
        "from runner.data.image_folder import ImageFolder;"
        "from runner.data.source.available import available; available();"
        "sys.exit(bool({'torch', 'sklearn', 'PIL', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_loading_does_not_import_sklearn():
    code = "import sys; from runner.data.digits import Digits; Digits().load(); sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
