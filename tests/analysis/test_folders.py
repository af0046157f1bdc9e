import os

import pytest

from runner.analysis.folders import find_runs, runs_of
from runner.errors import ConfigError
from runner.record.reading import read, read_json, read_lines


def made(folder, *files):
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file).write_text("{}")
    return folder


def test_runs_and_trials_are_found_and_nothing_else(tmp_path):
    runs = [made(tmp_path / f"runs/{name}", "config.yaml", "manifest.json") for name in "ab"]
    sweep = made(tmp_path / "sweeps/s", "sweep.yaml", "trials.csv", "config.yaml")
    trials = [made(sweep / f"trials/000{n}-x", "trial.json") for n in range(2)]
    deep = made(tmp_path / "project/today/third", "run.lock")
    made(tmp_path / "runs/a/checkpoints")
    made(tmp_path / "runs/a/inside", "manifest.json")
    made(tmp_path / ".hidden/run", "manifest.json")
    made(tmp_path / "theirs", "config.yaml")  # a folder of options
    made(tmp_path / "empty")
    assert find_runs(tmp_path) == [deep, *runs, *trials]
    assert find_runs(runs[0]) == runs[:1]
    assert find_runs(sweep) == find_runs(sweep / "trials") == trials
    assert find_runs(tmp_path / "nowhere") == []


def test_links_are_followed_to_a_run_and_no_further(tmp_path):
    elsewhere = made(tmp_path / "elsewhere/run", "manifest.json")
    home = made(tmp_path / "home")
    (home / "link").symlink_to(elsewhere)
    (home / "loop").symlink_to(home)
    (home / "up").symlink_to(tmp_path)
    (home / "gone").symlink_to("nowhere")
    assert find_runs(home) == [home / "link"]


def test_words_name_folders_sweeps_and_patterns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a, b = (made(tmp_path / f"runs/{name}", "manifest.json").relative_to(tmp_path) for name in ("a", "b"))
    trial = made(made(tmp_path / "s", "sweep.yaml") / "trials/0000-x", "trial.json").relative_to(tmp_path)
    assert runs_of(["runs/b", "s", "runs/*"]) == [b, trial, a]
    assert runs_of(["runs"]) == [a, b]
    made(tmp_path / "other")
    for word, said in {
        "rums": "Did you mean 'runs'",
        "other": "neither a run nor a sweep",
        "x*": "no such folder",
    }.items():
        with pytest.raises(ConfigError, match=said):
            runs_of([word])


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "manifest.json")
    (tmp_path / "result.json").mkdir()
    for name in ("manifest.json", "result.json"):
        with pytest.raises(ValueError, match=f"{name} can't be read"):
            read_json(tmp_path / name)
    with pytest.raises(ValueError, match="can't be read"):
        read_lines(tmp_path / "manifest.json")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 1 << 40)
    with pytest.raises(OSError, match="MiB"):
        read(tmp_path / "large")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b"\x00"]
)
def test_damage_is_named(tmp_path, content):
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"^result.json is damaged$"):
        read_json(tmp_path / "result.json")


def test_lines_that_are_whole_are_read(tmp_path):
    (tmp_path / "metrics.jsonl").write_bytes(b'{"epoch": 1}\n\xff\n[1]\n{"epoch": 2}\n{"epo')
    assert read_lines(tmp_path / "metrics.jsonl") == [{"epoch": 1}, {"epoch": 2}]
    assert read_lines(tmp_path / "none") == []
    assert read_json(tmp_path / "none") == {}
