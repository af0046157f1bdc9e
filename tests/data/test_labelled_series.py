"""Whole series of a user's: long and wide files, classes and numbers, groups, gaps, and files to predict."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from runner.data.labelled_series import LabelledSeries
from runner.errors import ConfigError, RunFailed
from tests.cli.conftest import say as say
from tests.trained import with_data

COUNT = 60


def made(unequal=True):
    """Series of two channels, each with a class, a number and a person."""
    random = np.random.default_rng(0)
    found = []
    for number in range(COUNT):
        steps = 5 + number % 4 if unequal else 6
        kind, person = number % 2, number // 4
        values = random.normal(size=(steps, 2)).round(3) + np.array([2.0 * kind, 0])
        found.append((f"s{number}", values, ("calm", "wild")[kind], round(float(values[:, 1].mean()), 4), f"p{person}"))
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_long(path, series, shuffled=True):
    rows = [
        f"{step},{name},{x!r},{y!r},{kind},{mean!r},{person}"
        for name, values, kind, mean, person in series
        for step, (x, y) in enumerate(values.tolist())
    ]
    order = np.random.default_rng(1).permutation(len(rows)) if shuffled else range(len(rows))
    path.write_text("\n".join(["t,id,x,y,kind,mean,person", *(rows[i] for i in order)]) + "\n")


def write_wide(path, series):
    longest = max(len(values) for _, values, *_ in series)
    head = ["kind", *(f"{c}_{step}" for step in range(longest) for c in "xy"), "mean", "person"]
    lines = [
        ",".join(
            [kind, *(str(v) for v in values.ravel().tolist()), *[""] * (2 * (longest - len(values))), str(mean), person]
        )
        for _, values, kind, mean, person in series
    ]
    path.write_text("\n".join([",".join(head), *lines]) + "\n")


LONG = {"path": "long.csv", "target": "kind", "series": "id", "order": "t", "channels": ("x", "y")}
WIDE = {"path": "wide.csv", "target": "kind", "channels": ("x", "y")}


def by_content(data):
    """What each part has, whatever the order: series, lengths and targets."""
    found = {}
    for name, part in data.parts.items():
        batch = part.read(torch.arange(len(part)))
        steps = batch.more.get("lengths", torch.full((len(part),), batch.inputs.shape[1]))
        rows = zip(batch.inputs, steps.tolist(), batch.targets, strict=True)
        found[name] = sorted((x[:n].flatten().tolist(), t.tolist()) for x, n, t in rows)
    return found


def test_a_long_and_a_wide_file_are_the_series_that_were_written(folder):
    series = made()
    write_long(folder / "long.csv", series, shuffled=False)
    write_wide(folder / "wide.csv", series)
    long, wide = (LabelledSeries(**of, scaling="none").load() for of in (LONG, WIDE))
    assert by_content(long) == by_content(wide)
    assert (long.spec.task, long.spec.class_names, long.spec.inputs.shape) == (
        "classification",
        ("calm", "wild"),
        (None, 2),
    )
    assert "lengths" in long.spec.more
    everything = [row for part in by_content(wide).values() for row in part]
    assert len(everything) == COUNT
    for _, values, kind, *_ in series:
        flat = torch.tensor(values, dtype=torch.float32).flatten().tolist()
        assert (flat, ("calm", "wild").index(kind)) in [(x, t) for x, t in everything]
    write_long(folder / "long.csv", series)  # rows in any order: the column of time sorts them
    again = [row for part in by_content(LabelledSeries(**LONG, scaling="none").load()).values() for row in part]
    assert sorted(again) == sorted(everything)


def test_numbers_and_several_of_them_scaled_and_back(folder):
    series = made(unequal=False)
    write_wide(folder / "wide.csv", series)
    option = LabelledSeries(path="wide.csv", target="mean", channels=("x", "y"), exclude=("kind", "person"))
    data = option.load()
    assert (data.spec.task, data.spec.inputs.shape, dict(data.spec.more)) == ("regression", (6, 2), {})
    (mean,), (std,) = data.spec.targets.mean, data.spec.targets.std
    batches = [part.read(torch.arange(len(part))) for part in data.parts.values()]
    back = sorted(value for batch in batches for value in (batch.targets[:, 0].double() * std + mean).tolist())
    assert back == pytest.approx(sorted(row[3] for row in series), abs=1e-4)
    train = data.train.read(torch.arange(len(data.train))).inputs.flatten(0, 1)
    torch.testing.assert_close(train.mean(0), torch.zeros(2), atol=1e-5, rtol=0)


def test_groups_stay_in_one_part(folder):
    series = made()
    write_long(folder / "long.csv", series)
    data = LabelledSeries(**LONG, group="person", scaling="none").load()
    person = {tuple(torch.tensor(v, dtype=torch.float32).flatten().tolist()): who for _, v, _, _, who in series}
    seen = [{person[tuple(x)] for x, _ in rows} for rows in by_content(data).values()]
    assert all(len(own) > 1 for own in seen)
    assert sum(map(len, seen)) == len(set.union(*seen)) == 15


@pytest.mark.parametrize(("of", "unequal", "model"), [(LONG, True, "gru"), (WIDE, True, "tcn"), (WIDE, False, "mlp")])
def test_files_to_predict_are_told_as_evaluation_saw_them(folder, go, say, of, unequal, model):
    series = made(unequal)
    write = write_long if of is LONG else write_wide
    write(folder / of["path"], series)
    overrides = [f"data.{k}=[{','.join(v)}]" if isinstance(v, tuple) else f"data.{k}={v}" for k, v in of.items()]
    go("data=labelled_series", *overrides, f"model={model}", "trainer.max_epochs=2", "trainer.images=0")
    network, data = with_data("run")
    told = {}
    for part in data.parts.values():
        batch = part.read(torch.arange(len(part)))
        steps = batch.more.get("lengths", torch.full((len(part),), batch.inputs.shape[1])).tolist()
        rows = network.task.rows(network.outputs(batch))
        told |= {tuple(x[:n].flatten().tolist()): row for x, n, row in zip(batch.inputs, steps, rows, strict=True)}
    some = series[7:19]
    write(Path("new.csv"), some)
    if of is LONG:  # of a file to predict nothing is told
        lines = [line.split(",") for line in Path("new.csv").read_text().splitlines()]
        Path("new.csv").write_text("\n".join(",".join(line[:4]) for line in lines))
    answer = say("predict", "run", "new.csv", "--output", "told.csv")
    assert answer.code == 0, answer.err
    with Path("told.csv").open() as file:
        by_place = {row["input"]: row for row in csv.DictReader(file)}
    assert len(by_place) == len(some)
    for number, (name, values, *_) in enumerate(some):
        row = by_place[f"new.csv:{name}" if of is LONG else f"new.csv:{number + 2}"]
        expected = told[tuple(data.transform.scaled(values).flatten().tolist())]
        assert row.pop("prediction") == expected["prediction"]
        del row["input"]
        assert {n: float(v) for n, v in row.items()} == pytest.approx({n: expected[n] for n in row}, abs=1e-5)


def test_gaps_are_told_or_filled_within_a_series(folder):
    (folder / "w.csv").write_text("y,a,b,c,d\n" + "".join(f"{'pq'[i % 2]},{i},,{i + 4},\n" for i in range(20)))
    with pytest.raises(RunFailed, match=r"w.csv, line 2: 'value' has no value.*data.missing=forward"):
        LabelledSeries(path="w.csv", target="y").load()
    data = LabelledSeries(path="w.csv", target="y", missing="interpolate", scaling="none").load()
    inputs = data.train.read(torch.arange(3)).inputs
    assert inputs.shape == (3, 3, 1)  # the fourth step is nowhere
    assert torch.equal(inputs.diff(dim=1), torch.full((3, 2, 1), 2.0))


def test_series_without_a_target_are_left_out_and_counted(folder):
    rows = "".join(f"{i},{['p', 'q', 'NA'][i % 3]},{step}\n" for i in range(30) for step in range(3))
    (folder / "l.csv").write_text("id,y,v\n" + rows)
    data = LabelledSeries(path="l.csv", target="y", series="id").load()
    assert sum(data.sizes.values()) == 20
    assert any("10 series without a target left out" in note for note in data.notes)
    assert data.spec.inputs.names == ("v",)  # all columns that nothing else names


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"target": "knd"}, ConfigError, "data.target=knd: no such column.*Did you mean 'kind'"),
        ({"series": "i"}, ConfigError, "data.series=i: no such column"),
        ({"channels": ("x", "kind")}, ConfigError, "'kind' is data.target already"),
        ({"series": None}, ConfigError, "data.order=t: is for files with a row for each step"),
        ({"group": "t", "order": None, "channels": ("x",)}, RunFailed, "'t' of the series 's0' is"),
        ({"channels": ("x", "person")}, RunFailed, "line 2.*p0"),
        ({"path": "lng.csv"}, ConfigError, "there is no such file"),
        ({"target": ()}, ConfigError, "expected the name of a column"),
        ({"target": "person", "task": "regression"}, RunFailed, "holds text such as"),
        ({"split": (0.98, 0.01, 0.01)}, RunFailed, "leaves no example for"),
    ],
)
def test_mistakes_are_told(folder, change, error, says):
    write_long(folder / "long.csv", made(), shuffled=False)
    with pytest.raises(error, match=says):
        LabelledSeries(**(LONG | change)).load()


def test_wide_rows_that_do_not_fit(folder):
    (folder / "w.csv").write_text("y,x_1,x_2,z_1\np,1,2,3\n")
    with pytest.raises(ConfigError, match=r"as many columns of steps for each channel.*x 2, z 1"):
        LabelledSeries(path="w.csv", target="y", channels=("x", "z")).load()
    (folder / "w.csv").write_text("y,name,x_1\np,anna,1\n")
    with pytest.raises(RunFailed, match=r"line 2.*anna.*data.exclude"):
        LabelledSeries(path="w.csv", target="y").load()
    (folder / "w.csv").write_text("y,x_1,x_2\np,1,2\nq,,\n")
    with pytest.raises(RunFailed, match=r"line 3: a series without a value"):
        LabelledSeries(path="w.csv", target="y").load()
    (folder / "w.csv").write_text("x_1,x_2,y\n1,2,p\n1,2\n")
    with pytest.raises(RunFailed, match=r"line 3: 2 values, and the first line names 3"):
        LabelledSeries(path="w.csv", target="y").load()


def test_networks_of_one_length_are_refused_where_series_are_not(folder, go):
    write_wide(folder / "wide.csv", made())
    with pytest.raises(ConfigError, match="model=mlp: takes series of one length"):
        go("data=labelled_series", "data.path=wide.csv", "data.target=kind", "data.channels=[x,y]", "model=mlp")
