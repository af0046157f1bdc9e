"""The built wheel, installed where there is nothing of the repository, does what the repository does."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


def done(*words, **options):
    finished = subprocess.run(words, capture_output=True, text=True, timeout=300, **options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    done(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def program(wheel, tmp_path_factory):
    """The console script of an environment that has the wheel and, beside it, the packages of this one."""
    place = tmp_path_factory.mktemp("env")
    done(sys.executable, "-m", "venv", "--without-pip", str(place))
    here = Path(sysconfig.get_path("purelib"))
    (there,) = place.glob("lib/python*/site-packages")
    target = f"--python={place}/bin/python"
    done(sys.executable, "-m", "pip", target, "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    # Links to the packages, one by one: the editable runner must not come with them.
    for entry in here.iterdir():
        link = there / entry.name
        if "runner" not in entry.name and entry.suffix != ".pth" and not link.exists() and entry.name != "pip":
            link.symlink_to(entry)
    return place / "bin"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    return tmp_path_factory.mktemp("elsewhere")


def give(program, folder, *words):
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "HYDRA_FULL_ERROR")}
    return done(str(program / words[0]), *words[1:], cwd=folder, env={**environment, "OMP_NUM_THREADS": "1"})


def test_it_holds_the_options_and_the_plugin(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    options = {f"runner/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert options <= names
    sweepers = {str(path.relative_to(ROOT)) for path in (ROOT / "hydra_plugins").rglob("*.yaml")}
    assert sweepers
    assert sweepers <= names
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "runner/analysis/report").iterdir() if path.is_file()}
    assert {Path(path).suffix for path in pages} == {".py", ".css", ".js", ".jinja"}
    assert pages <= names
    assert "hydra_plugins/runner_sweeper/__init__.py" in names
    assert "hydra_plugins/__init__.py" not in names
    assert not [name for name in names if name.startswith(("tests/", "conf/", "benchmarks/", "docs/"))]


def test_it_runs_elsewhere(program, elsewhere):
    where = give(program, elsewhere, "python", "-c", "import runner; print(runner.__file__)")
    assert str(ROOT) not in where
    assert "optimizer=adamw" in give(program, elsewhere, "runner", "list", "optimizer")
    out = give(program, elsewhere, "runner", "trainer.max_epochs=1", "model.hidden=[16]")
    folder = elsewhere / out.splitlines()[-1].removeprefix("run: ")
    assert (folder / "result.json").is_file()
    assert "ok" in give(program, elsewhere, "python", "-m", "runner", "check", "model=resnet")


def test_its_plugin_is_found(program, elsewhere):
    out = give(program, elsewhere, "runner", "--info", "searchpath")
    assert "runner-sweeper" in out
    assert "sampler:" in give(program, elsewhere, "runner", "hydra/sweeper=grid", "--cfg", "hydra")
