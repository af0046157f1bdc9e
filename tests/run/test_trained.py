"""Trained networks from their checkpoints alone."""

import shutil
from pathlib import Path

import polars as pl
import pytest
import torch
from torch import nn

from runner.errors import ConfigError
from runner.run import compose, evaluate_run, load, run
from tests.run.conftest import TABLE, lines

OWN = """
from torch import nn


class Mine(nn.Sequential):
    def __init__(self, spec, width: int = 8) -> None:
        super().__init__(nn.Flatten(), nn.LazyLinear(width), nn.LazyBatchNorm1d(), nn.ReLU(),
                         nn.LazyLinear(spec.num_outputs))
"""


def test_it_needs_neither_the_data_nor_the_folder_it_was_made_in(go, table, tmp_path, monkeypatch):
    go(*TABLE, "trainer.max_epochs=3")
    rows = table.tail(9)
    before = load("run").predict(rows)
    (tmp_path / "elsewhere").mkdir()
    shutil.move("run", "elsewhere/moved")
    Path("table.csv").unlink()
    monkeypatch.chdir(tmp_path / "elsewhere")
    network = load("moved")
    assert network.predict(rows) == before
    assert network.predict(rows.drop("label", "t").select("colour", "size").cast(pl.String)) == before
    assert not network.model.training
    assert (network.spec.task, network.spec.class_names) == ("classification", ("no", "yes"))
    assert network.transform.feature_names == network.spec.feature_names
    shutil.copy("moved/checkpoints/best.pt", "alone.pt")
    shutil.rmtree("moved")
    assert load("alone.pt").predict(rows) == before
    with pytest.raises(ConfigError, match=r"data\.path=table\.csv: there is no such file"):
        evaluate_run(tmp_path / "elsewhere/alone.pt")


def test_every_kind_of_checkpoint(go, table):
    overrides = ["trainer.checkpoint.every_epochs=2", "trainer.checkpoint.keep_top=2", "regularization=[snapshot]"]
    go(*TABLE, *overrides, "regularization.snapshot.cycles=2", "scheduler=cosine", "trainer.max_epochs=6")
    names = [path.stem for path in sorted(Path("run/checkpoints").glob("*.pt"))]
    assert {"best", "last", "epoch-0002", "snapshot-01", "snapshot-02"} <= set(names)
    assert sum(name.startswith("top-") for name in names) == 2
    for name in names:
        network = load("run", name)
        saved = torch.load(f"run/checkpoints/{name}.pt", weights_only=True)["model"]
        assert all(torch.equal(tensor, saved[key]) for key, tensor in network.model.state_dict().items())
        assert len(load(f"run/checkpoints/{name}.pt").predict(table.head(2))) == 2
        assert evaluate_run("run", "val", name)
    with pytest.raises(ConfigError, match=r"one of this run's: best, epoch-0002, .* snapshot-02, top-"):
        load("run", "snapshot-03")


def test_options_of_ones_own_are_named_to_be_trusted(table, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    Path("my_models.py").write_text(OWN)
    Path("options/model").mkdir(parents=True)
    Path("options/model/mine.yaml").write_text("# Mine.\n_target_: my_models.Mine\nwidth: 4\n")
    words = [word for word in TABLE if not word.startswith("model.")] + ["trainer.max_epochs=1"]
    run(compose([*words, "model=mine", "trusted_targets=[my_models]"], "options"), tmp_path / "run")
    shutil.rmtree("options")
    with pytest.raises(ConfigError, match=r"model\._target_=my_models\.Mine: expected a class of a trusted module"):
        load("run")
    network = load("run", trusted_targets=["my_models"])
    assert len(network.predict(table)) == len(table)
    assert not any(isinstance(p, nn.UninitializedParameter) for p in network.model.parameters())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda saved: saved["config"]["model"].update(_target_="traps.Trap"),
        lambda saved: saved["config"]["data"].update(_target_="traps.Trap"),
        lambda saved: saved["config"]["regularization"].update(trap={"_target_": "traps.Trap"}),
        lambda saved: saved["config"]["model"].update(hidden={"_target_": "traps.Trap"}),
        lambda saved: saved["config"]["optimizer"].update(wrapper={"_target_": "traps.Trap"}),
        lambda saved: saved["config"].update(trusted_targets=["traps"], model={"_target_": "traps.Trap"}),
        lambda saved: saved["spec"].update(task="traps.Trap"),
        lambda saved: saved["config"]["loss"].update(_target_="os.system", command="touch trap"),
    ],
    ids=["model", "data", "technique", "inside", "wrapper", "its own word", "task", "os"],
)
def test_a_checkpoint_can_not_have_code_of_its_choice_run(go, table, tmp_path, monkeypatch, spoil):
    """Nothing is even imported; one of its named classes is enough to refuse all."""
    monkeypatch.syspath_prepend(tmp_path)
    Path("traps.py").write_text("open('trap', 'w')\n\n\nclass Trap:\n    pass\n")
    go(*TABLE, "trainer.max_epochs=1")
    saved = torch.load("run/checkpoints/best.pt", weights_only=True)
    spoil(saved)
    torch.save(saved, "sent.pt")
    with pytest.raises(ConfigError, match="expected a class of a trusted module"):
        load("sent.pt")
    assert not Path("trap").exists()


def test_what_stands_in_the_environment_is_taken_from_there(go, table, monkeypatch):
    """Checkpoints keep the reference: the value may be a secret, and another one where they are used."""
    monkeypatch.setenv("TABLE", "table.csv")
    go(*TABLE, "data.path=${oc.env:TABLE}", "trainer.max_epochs=1")
    assert torch.load("run/checkpoints/best.pt", weights_only=True)["config"]["data"]["path"] == "${oc.env:TABLE}"
    scores = evaluate_run("run")
    Path("table.csv").rename("moved.csv")
    monkeypatch.setenv("TABLE", "moved.csv")
    assert evaluate_run("run") == scores
    monkeypatch.delenv("TABLE")
    assert load("run").predict(table.head(1))
    with pytest.raises(ConfigError, match="'TABLE' not found"):
        evaluate_run("run")


def test_a_whole_batch_and_no_raw_form(go, say, table):
    go(*TABLE, "data.batch_size=full", "trainer.max_epochs=1")
    assert load("run").batch_size == 4 * load("run").sizes["train"]
    assert say("predict", "run", "table.csv", "--format", "jsonl").code == 0
    assert say("predict", "run", "table.csv", "--output", "out.jsonl").code == 0
    assert len(lines(Path("out.jsonl"))) == 120


def test_half_precision_predicts_as_it_was_evaluated(go, table):
    go(*TABLE, "trainer.precision=bf16", "trainer.max_epochs=1")
    network = load("run")
    assert network.predict(table.head(3)) == network.task.rows(network.outputs(network.transform.batch(table.head(3))))
    assert network.outputs(network.transform.batch(table.head(3))).dtype == torch.float32
