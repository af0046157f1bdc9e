import pytest

from runner.analysis.folders import find_runs
from runner.analysis.rows import Filter, check_column, columns_of, in_order, read_rows
from runner.errors import ConfigError

BROKEN = {
    "status": "failed",
    "cause": "it broke",
    **dict.fromkeys(("best_epoch", "best_value", "train", "val", "test")),
}


@pytest.fixture
def rows(make, tmp_path):
    make(tmp_path / "runs/first", best=0.5, scores={"val/accuracy": 0.5})
    make(tmp_path / "runs/second", best=0.1, scores={"val/accuracy": 0.95}, optimizer__lr=0.1)
    make(tmp_path / "runs/third_Wide", best=0.3, scores={"val/accuracy": 0.7}, model__hidden=[64, 32], seed=7)
    make(tmp_path / "runs/failed", result=BROKEN, model__dropout=0.5)
    return read_rows(find_runs(tmp_path), tmp_path)


def test_rows_are_named_and_in_the_order_of_their_start(rows):
    assert [row.name for row in rows] == ["runs/first", "runs/second", "runs/third_Wide", "runs/failed"]
    assert [row.note for row in rows] == ["", "", "", "it broke"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["model=mlp"], "first second third_Wide failed"),
        (["model=cnn"], ""),
        (["status=failed"], "failed"),
        (["status!=failed", "val/accuracy>0.6"], "second third_Wide"),
        (["val_accuracy>=0.95"], "second"),
        (["best<0.4"], "second third_Wide"),
        (["best<=1e-1"], "second"),
        (["optimizer.lr=1e-1"], "second"),
        (["optimizer.lr!=0.1"], "first third_Wide failed"),
        (["model.hidden=[64,32]"], "third_Wide"),
        (["seed=7"], "third_Wide"),
        (["data.folds=null"], "first second third_Wide failed"),
        (["data.folds!=null"], ""),
        (["data.folds!=3"], "first second third_Wide failed"),
        (["data.folds>3"], ""),
        (["trainer.compile=false", "wide"], "third_Wide"),
        (["started>2026-01-01 00:00:02"], "third_Wide failed"),
        (["started>2027"], ""),
        (["status>3"], ""),
        (["IR"], "first third_Wide"),
    ],
    ids=str,
)
def test_filters(rows, words, names):
    filters = [Filter.of(word) for word in words]
    for word, f in zip(words, filters):
        check_column(word, f.column, columns_of(rows))
    assert [row.name.removeprefix("runs/") for row in rows if all(f.holds(row) for f in filters)] == names.split()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("modell", "model"),
        ("val/acuracy", "val/accuracy"),
        ("lr", "optimizer.lr"),
        ("accuracy", "accuracy"),
        ("dropout", "model.dropout"),
    ],
)
def test_the_nearest_column_is_named(rows, name, meant):
    with pytest.raises(ConfigError, match=rf"x: no run has '{name}'. Did you mean '[\w/.]*{meant}'\?"):
        check_column("x", name, columns_of(rows))


def test_columns_that_every_run_has_come_first(rows):
    columns = columns_of(rows)
    assert columns[:3] == ["name", "started", "status"]
    assert {"val/loss", "test/accuracy", "optimizer.lr", "seed"} <= set(columns)
    assert len(columns) == len(set(columns))


@pytest.mark.parametrize(
    ("column", "falling", "names"),
    [
        ("best", False, "second third_Wide first failed"),
        ("best", True, "first third_Wide second failed"),
        ("name", False, "failed first second third_Wide"),
        ("model.hidden", True, "third_Wide first second failed"),
        ("nothing", False, "first second third_Wide failed"),
    ],
)
def test_sorting_puts_those_without_a_value_last(rows, column, falling, names):
    assert [row.name.removeprefix("runs/") for row in in_order(rows, column, falling)] == names.split()
