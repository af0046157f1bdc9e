"""Series with classes: from files of the test's own in the archives' format, and the real ones where they are here."""

import dataclasses

import numpy as np
import pytest
import torch

from runner.baseline.compare import compare
from runner.config.check import check_run
from runner.data.basic_motions import BasicMotions
from runner.data.italy_power import ItalyPower
from runner.data.japanese_vowels import JapaneseVowels
from runner.data.series.archive import ArchiveSeries
from runner.data.series.ts import parse_ts
from runner.data.source.available import available
from runner.engine.progress import Progress
from runner.engine.transform import Bad, Raw
from runner.errors import ConfigError, RunFailed
from runner.run import compose
from tests.fetch.conftest import file_of

HEAD = "#words\n@problemName X\n@timeStamps false\n@classLabel true 1 2\n@data\n"


def utterances(count, seed):
    """Series of 3 to 8 steps in 12 channels, one of which lies higher: that of the class."""
    random = np.random.default_rng(seed)
    lengths = random.integers(3, 9, count)
    return [random.normal(4.0 * (np.arange(12) == i % 9), 1.0, (length, 12)) for i, length in enumerate(lengths)]


def written(series, classes):
    lines = [":".join(",".join(map(repr, channel)) for channel in one.T.tolist()) for one in series]
    return (HEAD + "\n".join(f"{line}:{label}" for line, label in zip(lines, classes, strict=True))).encode()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Utterances of the test's own, taken for the published ones."""
    files = {}
    for part, count in (("TRAIN", 90), ("TEST", 18)):
        content = written(utterances(count, count), [str(1 + i % 9) for i in range(count)])
        (tmp_path / f"JapaneseVowels_{part}.ts").write_bytes(content)
        files[f"JapaneseVowels_{part}.ts"] = file_of(content)
    monkeypatch.setattr(ArchiveSeries, "published", (dataclasses.replace(ArchiveSeries.published[0], files=files),))
    return str(tmp_path)


def test_reads_what_the_archives_write():
    series, classes = parse_ts(written(utterances(4, 0), "abba"), "x.ts")
    assert classes == ["a", "b", "b", "a"]
    assert all(np.array_equal(one, own) for one, own in zip(series, utterances(4, 0), strict=True))
    assert parse_ts(b"@data\n1,2:3,4\n", "x.ts")[1] == [""]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("@data\n1,2:3\n", "line 2"),
        ("@data\n1,?:3,4\n", "line 2"),
        ("@data\n1,nan\n", "line 2: expected finite"),
        ("@data\n1,2\n1,2:3,4\n", "line 3: expected 1 channels"),
        ("@timeStamps true\n@data\n(0,1)\n", "times of their own"),
        ("1,2\n", "has no series"),
        ("", "has no series"),
    ],
)
def test_what_is_no_series_is_told_with_its_line(content, says):
    with pytest.raises(RunFailed, match=says):
        parse_ts(content.encode(), "x.ts")


def test_unequal_lengths_are_padded_behind_their_ends(root):
    data = JapaneseVowels(root=root, scaling="none").load()
    assert data.sizes == {"train": 72, "val": 18, "test": 18}
    assert data.spec.inputs.shape == (None, 12) and data.spec.targets.counts == (8,) * 9
    batch = data.test.read(torch.arange(18))
    for i, one in enumerate(utterances(18, 18)):
        length = int(batch.more["lengths"][i])
        assert length == len(one)
        assert torch.equal(batch.inputs[i, :length], torch.from_numpy(one).float())
        assert not batch.inputs[i, length:].any()
    assert batch.inputs.shape[1] == int(batch.more["lengths"].max())


def test_scaling_is_that_of_all_steps_of_the_training_part(root):
    data, plain = JapaneseVowels(root=root).load(), JapaneseVowels(root=root, scaling="none").load()
    steps = plain.train.values.double().numpy()
    assert np.allclose(data.train.values.numpy(), (steps - steps.mean(0)) / steps.std(0), atol=1e-5)


@pytest.mark.parametrize("model", ["gru", "lstm", "rnn"])
def test_padding_changes_no_output_and_no_gradient(root, model):
    from runner.data.series.recordings import Recordings
    from runner.model.gru import GRU
    from runner.model.lstm import LSTM
    from runner.model.rnn import RNN

    data = JapaneseVowels(root=root).load()
    assert isinstance(data.transform, Recordings)
    network = {"gru": GRU, "lstm": LSTM, "rnn": RNN}[model](data.spec, hidden=5, bidirectional=True).eval()
    batch = data.val.read(torch.arange(18))
    together = network(batch.inputs, **batch.more)
    wild = batch.inputs.clone()
    wild[torch.arange(wild.shape[1]) >= batch.more["lengths"][:, None]] = 1e3
    wild.requires_grad_()
    outputs = network(wild, **batch.more)
    torch.testing.assert_close(outputs, together)
    outputs.sum().backward()
    assert not wild.grad[torch.arange(wild.shape[1]) >= batch.more["lengths"][:, None]].any()
    alone = [network(row[None, :length]) for row, length in zip(batch.inputs, batch.more["lengths"], strict=True)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_files_of_a_user_give_the_inputs_of_the_parts(root, tmp_path):
    data = JapaneseVowels(root=root).load()
    transform = JapaneseVowels(root=root).transform()
    transform.load_state_dict(data.transform.state_dict())
    found = list(transform.read([f"{root}/JapaneseVowels_TEST.ts"], 10))
    assert [len(raw.places) for raw in found] == [10, 8] and found[1].places[0].endswith("TEST.ts:11")
    batch = transform.batch([one for raw in found for one in raw.examples])
    seen = data.test.read(torch.arange(18))
    assert torch.equal(batch.inputs, seen.inputs) and torch.equal(batch.more["lengths"], seen.more["lengths"])
    one = utterances(18, 18)[0]
    table = tmp_path / "one.csv"
    names = ",".join(f"lpc_{i}" for i in range(1, 13))
    table.write_text("\n".join([names, *(",".join(map(repr, row)) for row in one.tolist())]))
    (tmp_path / "bad.ts").write_text("@data\n1,2\n")
    raw, bad = transform.read([str(table), str(tmp_path / "bad.ts")], 5)
    assert isinstance(raw, Raw) and np.allclose(raw.examples[0], one)
    assert isinstance(bad, Bad) and "has 1 channels" in bad.reason
    with pytest.raises(ConfigError, match="no such file"):
        list(transform.read(["nothing.ts"], 5))


def test_through_the_command_line(root, go):
    result = go(
        "data=japanese_vowels",
        f"data.root={root}",
        "model=gru",
        "model.hidden=8",
        "trainer.max_epochs=8",
        "optimizer.lr=0.01",
        "trainer.images=0",
        "data.batch_size=16",
    )
    assert result["test"]["accuracy"] > 0.5  # of nine classes
    compared = compare(check_run(compose(["data=japanese_vowels", f"data.root={root}", "model=gru"])), 1, Progress())
    assert set(compared.scores["test"]) == {"summary_constant", "summary_linear", "summary_boosting"}
    assert compared.mean("test", "summary_linear", "accuracy") > 0.9
    with pytest.raises(ConfigError, match=r"model=mlp: takes series of one length.*model=gru"):
        go("data=japanese_vowels", f"data.root={root}", folder="other")
    with pytest.raises(ConfigError, match="mixup: mixes examples, and these series are of unequal length"):
        go("data=japanese_vowels", f"data.root={root}", "model=gru", "regularization=[mixup]", folder="other")


def test_series_of_unequal_length_are_augmented(root, go):
    words = ["data=japanese_vowels", f"data.root={root}", "model=gru", "model.hidden=4", "trainer.max_steps=2"]
    result = go(*words, "augmentation=[scaling,magnitude_warp,time_warp,window_slice,permutation,noise]")
    assert result["status"] == "completed" and result["train"]["loss"] > 0


@pytest.mark.skipif(available()["italy_power"].startswith("missing"), reason="not on this machine; `runner fetch aeon`")
def test_the_real_series():
    """Examples, steps, channels and classes as the archives state them."""
    for option, sizes, shape, classes in (
        (JapaneseVowels, (270, 370), (None, 12), 9),
        (ItalyPower, (67, 1029), (24, 1), 2),
        (BasicMotions, (40, 40), (100, 6), 4),
    ):
        data = option().load()
        assert (len(data.train) + len(data.val), len(data.test)) == sizes
        assert data.spec.inputs.shape == option().probe().inputs.shape == shape
        assert data.spec.targets.size == option().probe().targets.size == classes
        assert min(data.spec.targets.counts) > 0
    vowels = JapaneseVowels().load()
    lengths = vowels.test.offsets.diff()
    assert (int(lengths.min()), int(lengths.max())) == (7, 29)
