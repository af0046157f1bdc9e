"""What is printed moves no cursor, hides nothing and turns no direction of writing, whoever named it."""

import csv
import json
from pathlib import Path

import pytest
import yaml

from runner.errors import printable
from tests.trust.test_folders import SWEEP

EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31mred\u202egnp.exe\u2066\u200b\r\x08\x00"
QUICK = ("model.hidden=[4]", "trainer.max_epochs=1", "trainer.limit_batches=1", "trainer.threads=1", "trainer.images=0")


def assert_clean(*texts):
    for text in texts:
        assert [c for c in text if not (c.isprintable() or c == "\n")] == []


def test_what_is_shown_of_it():
    assert printable("plain, ünïcode, 漢字") == "plain, ünïcode, 漢字"
    assert printable("two\nlines") == "two\nlines"
    assert printable("\x1b[31m\u202e") == "\\x1b[31m\\u202e"
    assert_clean(printable(EVIL))


def test_names_of_columns(answer):
    with open("rows.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([EVIL.replace("\x00", ""), "other\nrun: elsewhere", "y"])
        rows.writerows([i % 7, i % 5, "ab"[i % 2]] for i in range(60))
    for words in ((), ("data.target=nothing",), ("data.target=y", f"data.drop=[{EVIL[:4]!r}]")):
        _, out, error = answer(*QUICK, "data=csv", "data.path=rows.csv", *words)
        assert_clean(out, error)
        assert error.count("\n") <= 1


def test_explanations(answer):
    column = EVIL.replace("\x00", "").replace("\r", "")
    with open("rows.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([column, "$x<script>", "y"])
        rows.writerows([f"{column[:9]}{i % 3}", i % 5, f"</p>{column[:9]}" if i % 2 else "a"] for i in range(60))
    words = ("data=csv", "data.path=rows.csv", "data.target=y", "hydra.run.dir=run")
    assert answer(*QUICK, *words)[0] == 0
    code, out, error = answer("explain", "run", "--examples", "2", "--target", column)
    assert code == 2
    assert_clean(out, error)
    code, out, error = answer("explain", "run", "--examples", "2", "--method", "all")
    assert code == 0
    assert_clean(out, error)
    assert {path.suffix for path in Path("run/explanations").iterdir()} == {".csv", ".json", ".png"}


def test_class_folders(answer):
    from PIL import Image

    for name in (EVIL.replace("\x00", ""), "b"):
        Path("images", name).mkdir(parents=True)
        for number in range(8):
            Image.new("L", (8, 8), number).save(Path("images", name, f"{number}.png"))
        Path("images", name, f"broken{name}.png").write_bytes(b"none")
    for words in ((), ("data.image_size=8",)):
        _, out, error = answer(*QUICK, "data=image_folder", "data.root=images", *words)
        assert_clean(out, error)


def test_comments_and_values_of_options(answer):
    Path("theirs/model").mkdir(parents=True)
    text = f"# Best {EVIL} ever.\n".replace("\x00", "").replace("\r", "")
    values = {"_target_": "runner.model.mlp.MLP", "hidden": [4], "activation": EVIL, EVIL: EVIL}
    Path("theirs/model/mine.yaml").write_text(text.replace("\x08", "") + yaml.safe_dump(values))
    for words in (("list", "model"), ("show", "model/mine"), ("check", "model=mine")):
        _, out, error = answer(*words, "--config-dir", "theirs")
        assert_clean(out, error)
    Path("theirs/model/mine.yaml").write_text(f"_target_: evil.Evil\n# {EVIL[:3]}\nx: [\n")
    for words in (("list", "model"), ("show", "model/mine"), ("check", "model=mine")):
        _, out, error = answer(*words, "--config-dir", "theirs")
        assert_clean(out, error)


@pytest.mark.parametrize("entry", ["created", "sampler", "objectives", "arguments", "hydra_arguments", "config_name"])
def test_sweeps_of_theirs(entry, answer):
    Path("outputs/sweeps/theirs/trials").mkdir(parents=True)
    value = [EVIL] if isinstance(SWEEP[entry], list) else EVIL
    Path("outputs/sweeps/theirs/sweep.yaml").write_text(yaml.safe_dump({**SWEEP, entry: value}))
    for words in (("sweeps",), ("resume", "outputs/sweeps/theirs", "hydra.sweeper.dry_run=true")):
        _, out, error = answer(*words)
        assert_clean(out, error)


def test_what_a_run_folder_says_of_itself(answer):
    assert answer(*QUICK, "data=iris", "hydra.run.dir=run")[0] == 0
    result = json.loads(Path("run/result.json").read_text())
    end = {"name": EVIL, "mean": 100.0, "sd": 1.0}
    observed = {**result["observed"], "task": EVIL, "classes": [EVIL] * 3, "train_counts": [1, 500, 500]}
    observed |= {"inputs": {"features": 4, "largest": end, "smallest": end}, "units": {EVIL: {"units": 9, "dead": 1.0}}}
    changed = {**result, "status": EVIL, "cause": EVIL, "monitor": EVIL, "advice": [EVIL], "observed": observed}
    Path("run/result.json").write_text(json.dumps(changed))
    for words in (("advise", "run"), ("advise", "run", "--json")):
        code, out, error = answer(*words)
        assert code == 0
        assert_clean(out, error)


def test_words_of_the_command(answer):
    evil = EVIL.replace("\x00", "")
    for words in ((evil,), (f"model={evil}",), (f"{evil}=1",), ("show", evil), ("resume", evil), ("list", evil)):
        _, out, error = answer(*words)
        assert_clean(out, error)


def test_predictions_on_a_terminal(capsys, monkeypatch):
    from runner.run.prediction import _opened

    for terminal in (True, False):
        monkeypatch.setattr("sys.stdout.isatty", lambda terminal=terminal: terminal)
        with _opened(None, "csv") as write:
            write({"class": "\x1b[2J"})
        assert ("\x1b" in capsys.readouterr().out) is not terminal
