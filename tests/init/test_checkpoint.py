import shutil
from pathlib import Path

import pytest
import torch

from runner.engine.progress import Progress
from runner.errors import ConfigError, Interrupted, RunFailed
from runner.run import load, resume
from tests.test_run import StopAt

STILL = ["trainer.max_steps=1", "optimizer=sgd", "optimizer.lr=0"]  # weights stay as they were initialized


class Hear(Progress):
    def __init__(self):
        self.said = []

    def message(self, text):
        self.said.append(text)


def weights(folder, name="last"):
    return torch.load(f"{folder}/checkpoints/{name}.pt", weights_only=True)["model"]


@pytest.mark.parametrize("path", ["a", "a/checkpoints/last.pt"])
def test_a_run_starts_with_the_weights_of_another(go, path):
    go("trainer.max_epochs=2", folder="a")
    heard = Hear()
    go("init=checkpoint", f"init.path={path}", "init.strict=true", *STILL, "seed=5", folder="b", progress=heard)
    source = weights("a", "best" if path == "a" else "last")
    assert all(torch.equal(tensor, source[name]) for name, tensor in weights("b").items())
    file = "a/checkpoints/best.pt" if path == "a" else path
    assert heard.said == [f"init=checkpoint: 4 of 4 parameters taken from {file}."]


@pytest.mark.slow
def test_fine_tuning_on_other_data_leaves_the_last_layer_as_drawn(go):
    go("data=wine", "trainer.max_epochs=2", "model.hidden=[16,16]", folder="a")
    heard = Hear()
    common = ["data=diabetes", "model.hidden=[16,16]", *STILL]
    go(*common, "init=checkpoint", "init.path=a", folder="b", progress=heard)
    go(*common, folder="drawn")
    a, b, drawn = weights("a", "best"), weights("b"), weights("drawn")
    assert torch.equal(b["linear2.weight"], a["linear2.weight"])
    assert torch.equal(b["output.weight"], drawn["output.weight"])
    assert torch.equal(b["linear1.weight"], drawn["linear1.weight"])  # wine has 13 features, diabetes 10
    assert heard.said[0].startswith("init=checkpoint: 3 of 6 parameters taken")
    assert "linear1.weight is (16, 13) instead of (16, 10)" in heard.said[0]
    with pytest.raises(ConfigError, match=r"does not fit the network: .*init\.strict=false"):
        go(*common, "init=checkpoint", "init.path=a", "init.strict=true", folder="c")


@pytest.mark.slow
def test_transfer_learns_faster_than_from_nothing(go):
    go("trainer.max_epochs=10", folder="a")
    tuned = go("init=checkpoint", "init.path=a", "regularization=[freeze]", "trainer.max_epochs=1", folder="b")
    assert tuned["val"]["accuracy"] > go("trainer.max_epochs=1", folder="c")["val"]["accuracy"]
    a, b = weights("a", "best"), weights("b")
    assert torch.equal(a["linear1.weight"], b["linear1.weight"])


@pytest.mark.parametrize("wrap", [lambda w: w, lambda w: {"state_dict": w, "epoch": 3}, lambda w: {"model": w}])
def test_files_of_others(go, tmp_path, wrap):
    go(*STILL, folder="a")
    torch.save(wrap(weights("a")), tmp_path / "theirs.pth")
    go(*STILL, "init=checkpoint", "init.path=theirs.pth", "seed=7", folder="b")
    assert torch.equal(weights("a")["linear1.weight"], weights("b")["linear1.weight"])


@pytest.mark.slow
def test_mistakes_cost_a_second(go, tmp_path):
    with pytest.raises(ConfigError, match=r"init\.path=nowhere: there is no nowhere"):
        go("init=checkpoint", "init.path=nowhere")
    assert not Path("run").exists()
    with pytest.raises(ConfigError, match=r"init\.path"):
        go("init=checkpoint")
    Path("text.pt").write_text("no weights")
    with pytest.raises(RunFailed, match="can't be read as weights"):
        go("init=checkpoint", "init.path=text.pt", folder="a")
    torch.save({"epoch": 3}, "empty.pt")
    with pytest.raises(ConfigError, match="holds no weights"):
        go("init=checkpoint", "init.path=empty.pt", folder="b")
    torch.save({"conv.weight": torch.zeros(3)}, "other.pt")
    with pytest.raises(ConfigError, match="nothing in it fits the network"):
        go("init=checkpoint", "init.path=other.pt", folder="c")


def test_the_file_is_not_needed_again(go):
    go("trainer.max_epochs=1", folder="a")
    with pytest.raises(Interrupted):
        go("init=checkpoint", "init.path=a", "trainer.max_epochs=3", folder="b", progress=StopAt(2))
    shutil.rmtree("a")
    assert resume("b")["status"] == "completed"
    model = load("b").model
    assert torch.equal(model.linear1.weight, weights("b", "best")["linear1.weight"])
