from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.io import wavfile
from torch.utils.data import DataLoader

from runner.cli.verbs import answer
from runner.data import audio_folder
from runner.data.audio_folder import AudioFolder
from runner.engine.spec import Field, Spec
from runner.engine.split import DatasetSplit, TensorSplit
from runner.errors import ConfigError, RunFailed
from runner.run import load, resume

SMALL = {"rate": 8000, "seconds": 0.1, "n_fft": 128, "hop_length": 64, "n_mels": 8}
WORDS = [f"data.{name}={value}" for name, value in SMALL.items()]


def tone(hertz, rate=8000, seconds=0.1, seed=0):
    noise = np.random.default_rng(seed).normal(0, 0.01, round(rate * seconds))
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(len(noise)) / rate) + noise).astype(np.float32)


def write_tones(folder, classes, rate=8000, seconds=0.1):
    for number, (name, count) in enumerate(classes.items()):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            sound = tone(400 * (number + 1) + 10 * i, rate, seconds, seed=i)
            wavfile.write(folder / name / f"speaker{i % 5}_{i:02}.wav", rate, (sound * 32767).astype(np.int16))


@pytest.fixture
def root(tmp_path):
    write_tones(tmp_path / "sounds", {"high": 14, "low": 20})
    return tmp_path / "sounds"


def option(root, **settings):
    return AudioFolder(root=str(root), **{**SMALL, **settings})


def test_classes_are_folders_and_spectrograms_are_made_of_waveforms(root):
    targets = Field("class", (), 2, ("high", "low"))
    assert option(root).probe() == Spec("classification", Field("image", made_of="waveform"), targets)
    data = option(root).load()
    assert data.spec.input_shape == (1, 1 + 800 // 64, 8)
    assert data.notes == ()
    kept = data.train.kept
    assert isinstance(kept, TensorSplit)
    assert (kept.inputs.dtype, kept.inputs.shape) == (torch.int16, (24, 800))
    inputs = data.train.inputs
    assert inputs.mean().abs() < 1e-4
    assert inputs.std() == pytest.approx(1, abs=1e-3)
    assert data.train.place(0).endswith(".wav")
    assert option(root, as_sequence=True).load().spec.input_shape == (13, 8)
    least = option(root, scaling="minmax").load().train.inputs
    assert (least.min(), least.max()) == pytest.approx((0, 1), abs=1e-6)


def test_read_while_training_equals_in_memory(root, monkeypatch):
    loaded, read = (option(root, in_memory=keep).load() for keep in (True, False))
    assert isinstance(read.train.kept.split, DatasetSplit)
    assert read.spec == loaded.spec
    assert read.fingerprint == loaded.fingerprint
    for name in ("train", "val", "test"):
        assert torch.equal(loaded.parts[name].inputs, read.parts[name].inputs)
        assert torch.equal(loaded.parts[name].classes(), read.parts[name].classes())
    monkeypatch.setattr(audio_folder, "available_memory", lambda: 34 * 800 * 4 * 4 - 1)
    assert isinstance(option(root).load().train.kept.split, DatasetSplit)


@pytest.mark.slow
def test_workers_can_read_it(root):
    split = option(root, in_memory=False).load().train
    spawned = DataLoader(split.kept.split.dataset, batch_size=34, num_workers=1, multiprocessing_context="spawn")
    waveforms, _ = next(iter(spawned))
    assert torch.equal(split.scale(waveforms[split.kept.rows]), split.inputs)


def test_what_was_cut_filled_and_brought_to_another_rate_is_told(root):
    wavfile.write(root / "low" / "long.wav", 8000, tone(500, seconds=0.35))
    wavfile.write(root / "low" / "short.wav", 8000, tone(500, seconds=0.05))
    wavfile.write(root / "low" / "cd.wav", 44100, np.stack([tone(500, 44100), tone(500, 44100)], 1))
    data = option(root).load()
    assert data.notes == (
        "1 of 37 clips are longer than data.seconds=0.1 and cut (0.2 s in all are left out)",
        "1 of 37 clips are shorter than data.seconds=0.1; silence follows them",
        "1 of 37 clips have 44,100 samples in a second and are brought to 8,000",
    )
    with pytest.raises(RunFailed, match=r"has 44,100 samples in a second, and they 8,000\). data\.rate=8000 brings"):
        AudioFolder(root=str(root), **{**SMALL, "rate": None}).load()
    (root / "low" / "cd.wav").unlink()
    same = AudioFolder(root=str(root), **{**SMALL, "rate": None}).load()
    (root / "low" / "cd.wav").unlink(missing_ok=True)
    assert torch.equal(same.train.inputs, option(root).load().train.inputs)


@pytest.mark.parametrize("keep", [True, False])
def test_bad_files_stop_the_run_or_are_left_out(root, keep):
    before = option(root).load()
    bad = next(before.val.place(row) for row in range(len(before.val)) if "low" in before.val.place(row))
    with open(bad, "r+b") as file:
        file.truncate(100)
    with pytest.raises(RunFailed, match=r"can't be read as a WAV file .*data\.on_bad_file=skip leaves such"):
        option(root, in_memory=keep).load()
    data = option(root, in_memory=keep, on_bad_file="skip").load()
    assert data.notes == (f"1 of 34 WAV files can't be read and are left out: {bad}",)
    assert data.sizes == {**before.sizes, "val": before.sizes["val"] - 1}
    assert torch.equal(data.train.inputs, before.train.inputs)


def test_files_of_a_speaker_are_in_one_part(root):
    for group, more in (("^([^_]+)_", {}), ("^speaker[0-9]+", {}), ("^([^_]+)_[0-9]+", {"folds": 2, "fold": 1})):
        data = option(root, group=group, **more).load()
        speakers = [
            {part.place(row).rpartition("/")[2][:8] for row in range(len(part))} for part in data.parts.values()
        ]
        assert sum(map(len, speakers)) == 5
        assert not speakers[0] & speakers[1]
        assert not speakers[0] & speakers[2]
    with pytest.raises(RunFailed, match=r"finds 1 group\(s\), such as speaker,"):
        option(root, group="speaker").load()
    with pytest.raises(RunFailed, match="finds nothing in the name"):
        option(root, group="singer").load()
    with pytest.raises(ConfigError, match="no regular expression"):
        option(root, group="(").probe()


def test_folders_of_parts_and_split_files_are_used(root, tmp_path):
    lines = [f"{p.parent.name}/{p.name},{'test' if i % 4 == 0 else 'train'}" for i, p in enumerate(root.rglob("*.wav"))]
    lines[1] = lines[1].replace("train", "val")
    (tmp_path / "parts.csv").write_text("\n".join(lines))
    told = option(root, split_file=str(tmp_path / "parts.csv")).load()
    assert [len(told.val), len(told.test)] == [1, 9]
    with pytest.raises(ConfigError, match=r"data\.split_file say the part"):
        option(root, split_file=str(tmp_path / "parts.csv"), group="s").probe()
    for part, count in (("train", 8), ("val", 4), ("test", 2)):
        write_tones(tmp_path / "divided" / part, {"high": count, "low": count})
    data = option(tmp_path / "divided").load()
    assert data.sizes == {"train": 16, "val": 8, "test": 4}


def test_wrong_settings_are_wrong_commands(root):
    for settings, reason in (
        ({"n_mels": 100}, r"data\.n_mels=100: \d+ of the bands have no frequency"),
        ({"hop_length": 200}, r"data\.hop_length=200: windows of data\.n_fft=128"),
        ({"f_min": 3000.0, "f_max": 2000.0}, "expected them in this order"),
        ({"f_max": 5000.0}, "at most half of the 8,000"),
    ):
        with pytest.raises(ConfigError, match=reason):
            option(root, **settings).probe()
    (root / "none").mkdir()
    with pytest.raises(ConfigError, match="no WAV file in"):
        option(root).probe()


AUGMENTED = "augmentation=[time_shift,gain,noise,spec_augment]"


def test_predictions_of_files_are_those_of_the_evaluation(root, go, capsys):
    words = ["data=audio_folder", f"data.root={root}", *WORDS, AUGMENTED, "model.hidden=[8]"]
    result = go(*words, "trainer.max_epochs=4")
    data = option(root).load()
    network = load("run")
    assert network.transform is not None
    files = [data.test.place(row) for row in range(len(data.test))]
    (raw,) = network.transform.read(files, 100)
    torch.testing.assert_close(network.transform.batch(raw.examples).inputs, data.test.inputs)
    told = network.predict(raw.examples)
    right = [row["prediction"] == place.split("/")[-2] for row, place in zip(told, files, strict=True)]
    assert np.mean(right) == pytest.approx(result["test"]["accuracy"])
    # Of another length and rate: what was done is told. A bad one is named, and the others go on.
    wavfile.write(root / "high" / "x.wav", 44100, tone(400, 44100, seconds=0.5))
    (root / "high" / "y.wav").write_bytes(b"no sound")
    capsys.readouterr()
    answer(["predict", "run", str(root / "high" / "x.wav"), str(root / "high" / "y.wav"), "--output", "out.jsonl"])
    said = "".join(capsys.readouterr())
    assert "y.wav" in said
    assert "another rate" in said
    assert "longer than 0.1 s" in said


def test_stopped_and_resumed_is_one_run(root, go, tmp_path):
    words = ["data=audio_folder", f"data.root={root}", *WORDS, AUGMENTED, "model.hidden=[8]", "data.batch_size=8"]
    go(*words, "trainer.max_epochs=3", "trainer.max_steps=4", "scheduler=constant", folder="cut")
    go(*words, "trainer.max_epochs=3", "scheduler=constant", folder="whole")
    resume(tmp_path / "cut", ["trainer.max_steps=null"])
    one, other = (load(name, "last").model.state_dict() for name in ("whole", "cut"))
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def test_techniques_that_take_sounds_act_before_the_spectrogram_and_others_behind(root):
    from runner.augmentation.gain import Gain
    from runner.augmentation.spec_augment import SpecAugment
    from runner.engine.batches import Batches
    from runner.engine.fit import Fit
    from runner.engine.task import Task

    data = option(root).load()
    fit = object.__new__(Fit)
    batches = Batches(data.train, 6, torch.device("cpu"), early=True, channels_last=True)
    fit.__dict__.update(train=batches, task=Task(data.spec))
    (kept, *_), (made, *_) = next(batches.updates(0, kept=True)), next(batches.updates(0))
    assert kept.inputs.dtype == torch.int16
    for change in fit.changes([]):
        kept = change(kept)
    assert torch.equal(kept.inputs, made.inputs)
    (kept, *_) = next(batches.updates(0, kept=True))
    louder, masks = Gain((-6.0, -6.0)), SpecAugment(time_masks=1, time_width=1.0, frequency_masks=0)
    first, second, third = fit.changes([masks, louder])
    assert (first.__self__, third.__self__) == (louder, masks)
    softer = second(first(kept)).inputs
    transform = data.train.scale
    assert (made.inputs - softer).median() * transform.spread == pytest.approx(0.06, abs=1e-3)  # 6 of 100 decibels
    late = Batches(data.train, 6, torch.device("cpu"))
    assert late.scale is None
    (same,) = next(late.updates(0, kept=True))
    assert torch.equal(same.inputs, made.inputs)


def test_balanced_classes_come_as_waveforms_too(root):
    from runner.balance.oversampling import Oversampling

    data = option(root).load()
    balanced = Oversampling()(data, 0).train
    kept, scale = balanced.parted()
    rows = torch.arange(len(balanced))
    assert kept.read(rows).inputs.dtype == torch.int16
    assert scale is not None
    assert torch.equal(scale(kept.read(rows).inputs), balanced.read(rows).inputs)
    assert replace(balanced, rows=balanced.rows[:3]).parted()[0].read(rows[:3]).inputs.shape == (3, 800)
