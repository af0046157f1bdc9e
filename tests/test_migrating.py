"""Each of our files in ``docs/migrating.md`` is run by an application, each of theirs is refused with what is ours.

The commands of our own program are tried by ``test_docs.py``, as on every page.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from runner.sweep.habits import KEYS, SAMPLERS, SWEEPERS

PAGE = Path(__file__).parent.parent / "docs/migrating.md"
APPLICATION = """
import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def app(cfg):
    return 1.0


if __name__ == "__main__":
    app()
"""
TEMPLATE = {"optimized_metric": None, "model": {"optimizer": {"lr": 0.1}}, "data": {"batch_size": 8}}


def sections():
    parts = re.split(r"^## (.*)$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def pieces(text, whose):
    """The files of a section: name to content."""
    found = re.findall(rf"```yaml\n# {whose}: (\S+)\n(.*?)```", text, flags=re.DOTALL)
    return dict(found)


def give(folder, files, command):
    (folder / "app.py").write_text(APPLICATION)
    template = "defaults: [_self_, {optional hparams_search: null}]\n" + yaml.safe_dump(TEMPLATE)
    for name, text in {"conf/config.yaml": template, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return subprocess.run(
        [sys.executable, *shlex.split(command)[1:]],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


OURS = [
    pytest.param(pieces(text, "ours"), command, id=command[:60])
    for text in sections().values()
    for command in re.findall(r"^    (python app\.py.*)$", text, flags=re.MULTILINE)
]


@pytest.mark.slow
@pytest.mark.parametrize(("files", "command"), OURS)
def test_ours_runs(tmp_path, files, command):
    done = give(tmp_path, files, f"{command} hydra.sweeper.dry_run=true")
    assert (done.returncode, done.stderr) == (0, "")
    (content,) = files.values()
    keys = yaml.safe_load(content)["hydra"]["sweeper"]["params"]
    assert all(f"{key}: " in done.stdout for key in keys)


@pytest.mark.slow
@pytest.mark.parametrize("key", ["direction", "n_jobs"])
def test_what_is_left_in_of_theirs_is_named(tmp_path, key):
    text = sections()["hydra-optuna-sweeper"]
    theirs = yaml.safe_load(pieces(text, "theirs")["conf/config.yaml"])["hydra"]["sweeper"]
    done = give(tmp_path, pieces(text, "ours"), f"python app.py --multirun +hydra.sweeper.{key}={theirs[key]}")
    assert done.returncode == 1
    assert KEYS[key] in done.stderr


def test_there_is_something_to_run():
    assert len(OURS) == 5
    assert {name for text in sections().values() for name in pieces(text, "theirs")} == {
        "conf/config.yaml",
        "conf/hparams_search/mnist_optuna.yaml",
        "sweep.yaml",
    }


def test_the_page_tells_every_key_and_choice_of_others():
    page = PAGE.read_text()
    of_ax_and_nevergrad = {"ax_config", "optim", "parametrization"}
    assert all(f"`{key}" in page for key in KEYS.keys() - of_ax_and_nevergrad)
    assert f"hydra/sweeper={SWEEPERS['optuna']}" in page
    assert all(f"`{name}`" in page or f"={name}`" in page for name in SAMPLERS.keys() - {"qmc"})
