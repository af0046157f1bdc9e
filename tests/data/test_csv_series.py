"""Series from tables: parts by time, windows within them, scaling of the training part, and files of a user's."""

import io
from datetime import date, timedelta

import numpy as np
import pytest
import torch

from runner.data.csv_series import CsvSeries
from runner.data.membrane import Membrane
from runner.engine.transform import Bad, Raw
from runner.errors import ConfigError, RunFailed

STEPS = 200


def values():
    time = np.arange(STEPS)
    return np.stack([20 + 5 * np.sin(time / 7), time / 3.0], axis=1)


@pytest.fixture
def table(tmp_path):
    days = (date(2026, 1, 1) + timedelta(days=i) for i in range(STEPS))
    rows = [f"{day},{a!r},x{i},{b!r}" for i, (day, (a, b)) in enumerate(zip(days, values().tolist(), strict=True))]
    path = tmp_path / "table.csv"
    path.write_text("day,load,remark,heat\n" + "\n".join(rows) + "\n")
    return path


def option(table, **more):
    return CsvSeries(**{"path": str(table), "columns": ("load", "heat"), "length": 10, "horizon": 3, **more})


def test_windows_are_slices_of_their_part_and_never_straddle(table):
    data = option(table, scaling="none", stride=2).load()
    assert (data.spec.inputs.shape, data.spec.targets.shape, data.spec.num_outputs) == ((10, 2), (3, 2), 6)
    whole = torch.from_numpy(values()).float()
    for name, start, stop in (("train", 0, 140), ("val", 140, 170), ("test", 170, 200)):
        part = data.parts[name]
        assert len(part) == (stop - start - 13) // 2 + 1
        batch = part.read(torch.arange(len(part)))
        for i in range(len(part)):
            at = start + 2 * i
            assert torch.equal(batch.inputs[i], whole[at : at + 10])
            assert torch.equal(batch.targets[i], whole[at + 10 : at + 13])
            assert at + 13 <= stop


@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_scaling_is_that_of_the_training_part_and_can_be_undone(table, scaling):
    data, raw = option(table, scaling=scaling).load(), option(table, scaling="none").load()
    train = values()[:140]
    shift, spread = (train.mean(0), train.std(0)) if scaling == "standard" else (train.min(0), np.ptp(train, axis=0))
    np.testing.assert_allclose(data.spec.targets.mean, shift)
    np.testing.assert_allclose(data.spec.targets.std, spread)
    for name in data.parts:
        rows = torch.arange(len(data.parts[name]))
        back = data.parts[name].read(rows).targets * torch.from_numpy(spread) + torch.from_numpy(shift)
        torch.testing.assert_close(back.float(), raw.parts[name].read(rows).targets, rtol=1e-4, atol=1e-4)


def test_one_target_of_several_series(table):
    data = option(table, targets=("heat",), scaling="none").load()
    batch = data.train.read(torch.tensor([4]))
    assert batch.targets.flatten().tolist() == pytest.approx([14 / 3, 15 / 3, 16 / 3])
    assert (data.spec.targets.names, data.spec.targets.shape) == (("heat",), (3, 1))
    assert len(data.spec.targets.mean) == 1


def test_rows_are_sorted_by_time(table, tmp_path):
    head, *rows = table.read_text().splitlines()
    shuffled = tmp_path / "shuffled.csv"
    shuffled.write_text("\n".join([head, *(rows[i] for i in np.random.default_rng(0).permutation(STEPS))]))
    first, second = option(table).load(), option(shuffled, order="day").load()
    assert torch.equal(first.train.stream, second.train.stream)
    assert first.fingerprint != second.fingerprint
    assert not torch.equal(first.train.stream, option(shuffled).load().train.stream)


def test_a_smaller_fraction_is_the_end_of_a_larger_one(table):
    half, whole = (option(table, fraction=f, scaling="none").load().train.stream for f in (0.5, 1.0))
    assert torch.equal(half, whole[-70:])


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"columns": ("lod",)}, ConfigError, "data.columns=lod: no such column.*Did you mean 'load'"),
        ({"columns": ()}, ConfigError, "expected the names"),
        ({"targets": ("day",)}, ConfigError, "not among data.columns"),
        ({"order": "time"}, ConfigError, "data.order=time: no such column"),
        ({"order": "heat"}, ConfigError, "is among data.columns"),
        ({"path": "tabel.csv"}, ConfigError, "there is no such file"),
        ({"columns": ("load", "remark")}, RunFailed, "line 2.*x0"),
        ({"length": 100}, RunFailed, "val has 30 of 200 steps"),
        ({"folds": 3}, ConfigError, "split by time"),
    ],
)
def test_mistakes_are_told(table, change, error, says):
    with pytest.raises(error, match=says):
        option(table, **change).load()


@pytest.mark.parametrize("cell", ["", "NA", "inf", "1,5"])
def test_a_gap_is_told_with_its_line(table, cell):
    lines = table.read_text().splitlines()
    lines[4] = f'2026-01-04,"{cell}",x,1.0'
    table.write_text("\n".join(lines))
    with pytest.raises(RunFailed, match="line 5"):
        option(table).load()


def test_equal_times_and_decimal_commas(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("t;v\n" + "".join(f"{i},5;{i},25\n" for i in range(40)))
    data = option(path, columns=("v",), order="t", decimal=",", scaling="none", length=2, horizon=1).load()
    assert data.train.stream[:2].flatten().tolist() == [0.25, 1.25]
    path.write_text("t,v\n1,1\n1,2\n")
    with pytest.raises(RunFailed, match="one value in several rows"):
        option(path, columns=("v",), order="t").load()


def test_a_file_of_a_users_gives_the_windows_of_the_parts(table, tmp_path):
    data = option(table, stride=3, forecast="every").load()
    transform = option(table, stride=3, forecast="every").transform()
    transform.load_state_dict(data.transform.state_dict())
    lines = table.read_text().splitlines()
    validation = tmp_path / "val.csv"
    validation.write_text("\n".join([lines[0], *lines[141:171]]))
    found = list(transform.read([str(validation)], 2))
    assert all(isinstance(raw, Raw) and len(raw.examples) <= 2 for raw in found)
    inputs = torch.cat([transform.batch(raw.examples).inputs for raw in found])
    seen = data.val.read(torch.arange(len(data.val))).inputs
    assert torch.equal(inputs[: len(seen)], seen)
    assert len(inputs) == len(seen) + 1  # one has no future in the file
    assert [place for raw in found for place in raw.places][:2] == [f"{validation}:10", f"{validation}:13"]
    validation.write_text("\n".join([lines[0], *lines[141:157]]))
    (raw,) = transform.read([str(validation)], 9)
    assert raw.places == [f"{validation}:{end}" for end in (10, 13, 16)]  # the last of 16 steps among them


def test_only_the_last_history_of_a_file(table, tmp_path, monkeypatch):
    transform = option(table).load().transform
    (raw,) = transform.read([str(table)], 5)
    assert raw.places == [f"{table}:200"]
    torch.testing.assert_close(transform(raw.examples), transform(values()[None, -10:]))
    history = "heat,load\n" + "".join(f"{b},{a}\n" for a, b in values()[:10])  # another order of columns, no times
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(history.encode())))
    (raw,) = transform.read(["-"], 5)
    np.testing.assert_allclose(raw.examples[0], values()[:10])
    (tmp_path / "short.csv").write_text("load,heat\n1,2\n")
    (tmp_path / "gap.csv").write_text("load,heat\n" + "1,\n" * 20)
    short, gap = transform.read([str(tmp_path / "short.csv"), str(tmp_path / "gap.csv")], 5)
    assert isinstance(short, Bad)
    assert "has 1 steps" in short.reason
    assert isinstance(gap, Bad)
    assert "line 2" in gap.reason
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="no such column"):
        list(transform.read([str(tmp_path / "other.csv")], 5))


def test_membrane():
    data = Membrane().load()
    assert {name: len(part.stream) for name, part in data.parts.items()} == {"train": 7000, "val": 1500, "test": 1500}
    assert data.spec.inputs.shape == (64, 1)
    assert Membrane(split=(0.8, 0.2, 0.0)).load().test is None
