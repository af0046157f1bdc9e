"""Several series in a file, gaps, steps of unequal length, and what is known in advance."""

import math
import time
from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from runner.data.csv_series import CsvSeries
from runner.data.elecdemand import Elecdemand
from runner.data.series.calendar import calendar
from runner.data.source.available import available
from runner.engine.transform import Bad, Raw
from runner.errors import ConfigError, RunFailed
from runner.run.prediction import predict

START = datetime(2026, 3, 1)


def write(path, head, rows):
    path.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def option(path, **more):
    return CsvSeries(**{"path": str(path), "columns": ("v",), "length": 4, "horizon": 2, "scaling": "none", **more})


@pytest.fixture
def long(tmp_path):
    """Three shops below each other, days shuffled, one with fewer than a window. Values name shop and day."""
    rows = [
        (START + timedelta(days=day), shop, 1000 * number + day)
        for number, (shop, days) in enumerate((("north", 60), ("south", 40), ("new", 3)))
        for day in range(days)
    ]
    return write(
        tmp_path / "long.csv", "day,shop,v", [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    )


@pytest.mark.parametrize("stride", [1, 3])
def test_no_window_reaches_from_one_series_to_another(long, stride):
    data = option(long, series="shop", order="day", stride=stride).load()
    last = {}
    for part in data.parts.values():
        batch = part.read(torch.arange(len(part)))
        steps = torch.cat([batch.inputs, batch.targets], 1)[..., 0]
        assert torch.equal(steps.diff(dim=1), torch.ones(len(part), 5))
        apart = steps[:, 0].diff()
        assert set(apart[apart.abs() < 500].tolist()) <= {stride}  # but for that to the next shop
        days = steps % 1000
        assert days.min() > last.get("max", -1)  # cut at the same time in every shop
        last["max"] = days.max()
    assert any("1 of 3 series are shorter" in note for note in data.notes)
    assert "3 series, 103 steps" in data.notes[0]
    train = data.train.read(torch.arange(len(data.train))).inputs[:, 0, 0]
    assert set((train // 1000).tolist()) == {0, 1}
    names, which = data.train.series()
    assert [{"north": 0, "south": 1}[names[own]] for own in which.tolist()] == (train // 1000).tolist()
    assert (data.train.place(0), data.train.place(len(data.train) - 1)) == names == ("south", "north")
    assert data.test.series() is None and not data.test.place(0)  # of one alone


def test_without_times_each_series_is_cut_by_its_own_steps(tmp_path):
    rows = [(name, 1000 * number + step) for step in range(40) for number, name in enumerate("ab")]
    data = option(write(tmp_path / "t.csv", "which,v", rows), series="which").load()
    for part, first, stop in ((data.train, 0, 28), (data.val, 28, 34), (data.test, 34, 40)):
        steps = part.read(torch.arange(len(part))).inputs[..., 0]
        assert len(part) == 2 * (stop - first - 5) and (steps[:, 0] % 1000).min() == first
    bad = option(tmp_path / "t.csv", series="what")
    with pytest.raises(ConfigError, match=r"data.series=what: no such column"):
        bad.probe()


def gappy(tmp_path, *gaps):
    return write(tmp_path / "g.csv", "t,v", [(i, "NA" if i in gaps else float(i * i)) for i in range(60)])


def test_gaps(tmp_path):
    path = gappy(tmp_path, 5, 6, 59)
    with pytest.raises(RunFailed, match=r"line 7: 'v' has no value.*data.missing=forward"):
        option(path).load()
    forward, line = (option(path, missing=how, split=(0.5, 0.5, 0)).load() for how in ("forward", "interpolate"))
    assert forward.train.stream[4:8, 0].tolist() == [16, 16, 16, 49]
    assert line.train.stream[4:8, 0].tolist() == [16, 27, 38, 49]
    assert forward.val.stream[-1, 0] == line.val.stream[-1, 0] == 58 * 58
    with pytest.raises(RunFailed, match=r"line 2: 'v' has no value, and none before it"):
        option(gappy(tmp_path, 0), missing="forward").load()
    assert option(gappy(tmp_path, 0), missing="interpolate").load().train.stream[0, 0] == 1
    assert forward.notes == ("steps with a gap that was filled in: 3 of 60",)
    with pytest.raises(RunFailed, match=r"none before it or behind"):
        option(gappy(tmp_path, *range(60)), missing="interpolate").load()


def test_steps_of_unequal_length(tmp_path):
    hours = [hour for hour in range(80) if hour not in (10, 11, 30)]
    path = write(tmp_path / "h.csv", "at,v", [((START + timedelta(hours=h)).isoformat(), 2.0 * h) for h in hours])
    with pytest.raises(
        RunFailed, match=r"line 12: 10800 seconds after the step before it, where most are 3600 apart .2"
    ):
        option(path, order="at").load()
    accepted = option(path, order="at", irregular="accept").load()
    assert sum(len(part.stream) for part in accepted.parts.values()) == 77
    resampled = option(path, order="at", irregular="resample").load()
    whole = torch.cat([part.stream for part in resampled.parts.values()])[:, 0]
    assert torch.equal(whole, 2.0 * torch.arange(80))
    assert resampled.notes == ("steps of equal length made of those of the file: 80 of 77",)
    assert not accepted.notes


def test_what_was_changed_is_counted_by_series(long):
    text = long.read_text().splitlines()
    gap = next(line for line in text if ",north," in line and line.endswith(",30"))
    north = next(line for line in text if line.endswith(",17") and ",north," in line)
    long.write_text("\n".join(line if line != gap else line[:-2] for line in text if line != north) + "\n")
    data = option(long, series="shop", order="day", missing="forward", irregular="resample").load()
    assert data.notes[1:3] == (
        "steps of equal length made of those of the file: north: 60 of 59",
        "steps with a gap that was filled in: north: 1 of 59",
    )
    assert data.notes[3] == "train: 1 of 3 series are shorter than a window there and left out: new"


def test_a_column_that_never_changes_is_told(tmp_path):
    path = write(tmp_path / "c.csv", "v,w", [(5, i if i > 50 else 3) for i in range(60)])
    (alone,) = option(path).load().notes
    assert alone == "v never changes in train and val and test: there mase and relative_mae are undefined"
    told = option(path, columns=("v", "w"), split=(0.5, 0.25, 0.25)).load().notes
    assert told == (
        "v never changes in train and val and test: there mase and relative_mae leave it out",
        "w never changes in train and val: there mase and relative_mae leave it out",
    )


def test_times_without_a_zone_are_utc_wherever_they_are_read(tmp_path, monkeypatch):
    rows = [(f"2026-03-{8 + hour // 24:02}T{hour % 24:02}:00:00" + "Z" * (hour % 2), hour) for hour in range(60)]
    path = write(tmp_path / "z.csv", "at,v", rows)
    monkeypatch.setenv("TZ", "America/New_York")  # where the eighth of March has 23 hours
    time.tzset()
    try:
        (series,) = option(path, order="at").transform().series(path)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert series.values[:, 0].tolist() == list(range(60)) and set(np.diff(series.times)) == {3600}
    assert series.times[0] == (datetime(2026, 3, 8) - datetime(1970, 1, 1)).total_seconds()


def test_months_are_of_equal_length(tmp_path):
    rows = [(f"{2000 + i // 12}-{1 + i % 12:02}-01", float(i)) for i in range(60)]
    path = write(tmp_path / "m.csv", "month,v", rows)
    transform = option(path, order="month", calendar=("day_of_year",)).load().transform
    (raw,) = transform.read([str(path)], 5)
    (series,) = transform.series(path)
    expected = calendar(
        np.array([np.datetime64("2005-01-01", "s"), np.datetime64("2005-02-01", "s")]).astype(float), ["day_of_year"]
    )
    np.testing.assert_allclose(raw.examples[0, -2:, 1:], expected)
    assert series.values.shape == (60, 3)


def planned(tmp_path, rows=80, empty=0):
    table = [
        ((START + timedelta(hours=i)).isoformat(), "" if i >= rows - empty else float(i), 100 + i) for i in range(rows)
    ]
    return write(tmp_path / "p.csv", "at,v,plan", table)


def test_what_is_known_is_seen_a_horizon_before_its_time(tmp_path):
    data = option(planned(tmp_path), order="at", known=("plan",), calendar=("time_of_day",)).load()
    names = ("v", "plan", "time_of_day_sin", "time_of_day_cos")
    assert (
        data.spec.inputs.names
        == names
        == option(planned(tmp_path), order="at", known=("plan",), calendar=("time_of_day",)).probe().inputs.names
    )
    assert data.spec.targets.names == ("v",)
    for part in data.parts.values():
        batch = part.read(torch.arange(len(part)))
        observed, plan = batch.inputs[..., 0], batch.inputs[..., 1]
        assert torch.equal(plan, observed + 102)
        assert torch.equal(plan[:, -2:] - 100, batch.targets[..., 0])  # the last steps tell of those to be told
        hours = (observed + 2) % 24
        torch.testing.assert_close(batch.inputs[..., 2], (2 * math.pi * hours / 24).sin(), atol=1e-5, rtol=0)


def test_a_file_to_predict_ends_with_what_is_known(tmp_path):
    more = {"order": "at", "known": ("plan",), "calendar": ("time_of_day",)}
    transform = option(planned(tmp_path), **more).load().transform
    (raw,) = transform.read([str(planned(tmp_path, 50, 2))], 5)
    assert isinstance(raw, Raw) and raw.places[0].endswith("p.csv:48")
    assert raw.examples[0, :, 0].tolist() == [44, 45, 46, 47] and raw.examples[0, :, 1].tolist() == [146, 147, 148, 149]
    (bad,) = transform.read([str(planned(tmp_path, 50, 1))], 5)
    assert isinstance(bad, Bad) and "must stand behind the last one" in bad.reason and "_sin" not in bad.reason
    by_calendar = option(planned(tmp_path), order="at", calendar=("time_of_day",)).load().transform
    (raw,) = by_calendar.read([str(planned(tmp_path, 50, 0))], 5)
    times = np.array([(START - datetime(1970, 1, 1) + timedelta(hours=h)).total_seconds() for h in (50, 51)])
    np.testing.assert_allclose(raw.examples[0, -2:, 1:], calendar(times, ["time_of_day"]))


def test_the_times_of_what_is_told_stand_beside(tmp_path):
    def told(path):
        data = option(tmp_path / "train.csv", order="at", forecast="every", stride=3, split=(0.5, 0.25, 0.25)).load()
        (raw,) = data.transform.read([str(path)], 100)
        return raw.places, [list(one.items()) for one in raw.beside]

    days = write(tmp_path / "train.csv", "at,v", [(f"2026-03-{day:02}", day) for day in range(1, 32)])
    short = write(tmp_path / "short.csv", "at,v", [(f"2024-02-{day}", day) for day in range(22, 29)])
    places, beside = told(short)
    assert [place.rpartition(":")[2] for place in places] == ["4", "7"]
    assert beside == [
        [("time_1", "2024-02-26"), ("time_2", "2024-02-27")],
        [("time_1", "2024-02-29"), ("time_2", "2024-03-01")],
    ]
    assert told(write(tmp_path / "none.csv", "v", [(i,) for i in range(4)]))[1] == [
        [("time_1", None), ("time_2", None)]
    ]
    write(days, "at,v", [(f"20{20 + m // 12}-{1 + m % 12:02}-01T06:00", m) for m in range(40)])
    ends = write(tmp_path / "months.csv", "at,v", [(f"2025-{month:02}-01T06:00", month) for month in (9, 10, 11, 12)])
    assert told(ends)[1] == [[("time_1", "2026-01-01T06:00:00"), ("time_2", "2026-02-01T06:00:00")]]
    write(days, "at,v", [(0.5 * i, i) for i in range(40)])
    assert told(write(tmp_path / "numbers.csv", "at,v", [(3 + 0.5 * i, i) for i in range(4)]))[1] == [
        [("time_1", 5.0), ("time_2", 5.5)]
    ]
    assert next(option(days).load().transform.read([str(days)], 100)).beside == []


def test_predictions_are_written_with_their_times(tmp_path):
    path = write(tmp_path / "t.csv", "at,v", [((START + timedelta(days=day)).date(), day) for day in range(30)])
    transform = option(path, order="at", split=(0.5, 0.25, 0.25)).load().transform
    network = SimpleNamespace(
        transform=transform, batch_size=5, predict=lambda raw: [{"prediction_1": 1.5, "prediction_2": 2.5} for _ in raw]
    )
    without = write(tmp_path / "w.csv", "v", [(day,) for day in range(30)])
    predict(network, [str(path), str(without)], tmp_path / "told.csv")
    assert (tmp_path / "told.csv").read_text().splitlines() == [
        "input,time_1,time_2,prediction_1,prediction_2",
        f"{path}:30,2026-03-31,2026-04-01,1.5,2.5",
        f"{without}:30,,,1.5,2.5",
    ]


def test_resampling_leaves_what_is_to_be_told_open(tmp_path):
    hours = [hour for hour in range(50) if hour not in (7, 8)]
    rows = [((START + timedelta(hours=h)).isoformat(), h if h < 46 else "", 100 + h) for h in hours]
    path = write(tmp_path / "p.csv", "at,v,plan", rows)
    full = write(tmp_path / "t.csv", "at,v,plan", [(at, i, plan) for i, (at, _, plan) in enumerate(rows)])
    transform = option(full, order="at", known=("plan",), irregular="resample").load().transform
    (raw,) = transform.read([str(path)], 5)
    assert raw.places[0].endswith("p.csv:46") and raw.examples[0, :, 0].tolist() == [42, 43, 44, 45]
    assert raw.beside == [{"time_1": "2026-03-02T22:00:00", "time_2": "2026-03-02T23:00:00"}]
    with pytest.raises(RunFailed, match=r"step 47: 'v' has no value"):
        option(path, order="at", known=("plan",), irregular="resample").load()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"known": ("v",)}, "data.known=v: is among data.columns"),
        ({"known": ("plam",)}, "data.known=plam: no such column.*Did you mean 'plan'"),
        ({"calendar": ("time_of_day",), "order": None}, "needs data.order"),
    ],
)
def test_mistakes_are_told(tmp_path, change, says):
    with pytest.raises(ConfigError, match=says):
        option(planned(tmp_path), **{"order": "at", **change}).probe()
    with pytest.raises(RunFailed, match=r"has numbers, no dates"):
        option(planned(tmp_path), order="plan", calendar=("time_of_day",)).load()


@pytest.mark.skipif(
    available()["elecdemand"].startswith("missing"), reason="not on this machine; `runner fetch elecdemand`"
)
def test_the_real_demand():
    data = Elecdemand(scaling="none").load()
    assert {name: len(part.stream) for name, part in data.parts.items()} == {"train": 12264, "val": 2628, "test": 2628}
    assert data.spec.inputs == Elecdemand().probe().inputs and data.spec.inputs.shape == (336, 7)
    first = data.train.read(torch.tensor([0])).inputs[0]
    assert first[0, :2].tolist() == pytest.approx([3.914647, 18.2], abs=1e-5)
    # New Year's Day is none of work; the day behind it, 48 half-hours ahead, is one.
    assert first[:49, 2].tolist() == [1] * 49
    stream = data.train.stream  # of days that are told 48 steps, which is one day, before they come
    angles = torch.atan2(stream[:, [3, 5]], stream[:, [4, 6]]) / (2 * math.pi)
    day, hour = ((angles + 1e-4) % 1 * torch.tensor([7, 24])).floor().T
    assert not stream[day >= 5, 2].any() and stream[day < 5, 2].mean() > 0.9  # nobody works on Saturdays and Sundays
    demand = [stream[hour == number, 0].mean().item() for number in range(24)]
    assert 2 <= int(np.argmin(demand)) <= 5  # in the small hours
    assert Elecdemand(known=False).load().spec.inputs.names == ("demand", "temperature")


STEPS = [f"{i},{i}.5,x" for i in range(40)]


@pytest.mark.parametrize(
    ("row", "more", "says"),
    [
        ("20,1,5,x", {}, "line 22: 4 values, and the first line names 3 columns"),
        ("20,1", {}, "line 22: 2 values, and the first line names 3 columns"),
        ('20,1.5,"never closed', {}, "line 22: .*Is a double quote never closed"),
        ("20,1.5," + "y" * 200_000, {}, "line 22: field larger than field limit"),
        ("20,1_000,x", {}, "line 22: '1_000' is no number"),
        ("20,1e300,x", {}, "line 22: '1e300' is larger than a network computes with"),
        ("2026-01-01,1.5,x", {}, "line 22: '2026-01-01' is a date, those before are not"),
        ("1e12,1.5,x", {"irregular": "resample"}, "line 22: .*Is the time right"),
    ],
)
def test_rows_that_would_be_read_as_something_else(tmp_path, row, more, says):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["t,v,note", *STEPS[:20], row, *STEPS[21:]]) + "\n")
    with pytest.raises(RunFailed, match=says):
        option(path, order="t", **more).load()


def test_a_sign_between_thousands_is_no_decimal_mark(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("v;w\n" + "1,5;2\n" * 30 + "1.234;2\n")
    with pytest.raises(RunFailed, match=r"line 32: '1\.234' is no number with the decimal mark"):
        option(path, decimal=",").load()


def test_ends_of_lines_of_any_kind(tmp_path):
    path = tmp_path / "t.csv"
    read = []
    for end in ("\n", "\r\n", "\r"):
        path.write_bytes(end.join(["t,v,note", *STEPS]).encode())
        read.append(option(path).load().train.stream)
    assert torch.equal(read[0], read[1])
    assert torch.equal(read[0], read[2])


def test_a_history_without_times_leaves_the_next_one_in_order(tmp_path):
    transform = option(write(tmp_path / "t.csv", "t,v", enumerate(range(40))), order="t").load().transform
    without = write(tmp_path / "a.csv", "v", [[i] for i in range(9)])
    backwards = write(tmp_path / "b.csv", "t,v", [(i, i) for i in range(9)][::-1])
    alone = [raw.examples.tolist() for raw in transform.read([str(backwards)], 5)]
    assert [raw.examples.tolist() for raw in transform.read([str(without), str(backwards)], 5)][1:] == alone
    assert alone == [[[[5.0], [6.0], [7.0], [8.0]]]]


def test_a_column_that_is_named_twice(tmp_path):
    path = write(tmp_path / "t.csv", "v,w", [(i, i) for i in range(40)])
    for twice in ({"columns": ("v", "v")}, {"targets": ("v", "v")}, {"known": ("w", "w")}):
        with pytest.raises(ConfigError, match="twice"):
            option(path, **twice).probe()
