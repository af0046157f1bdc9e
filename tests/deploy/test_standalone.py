"""What stands beside an ONNX file predicts raw files without runner, torch, polars and pillow, as runner does."""

import csv
import json
import math
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runner.cli.verbs import answer
from runner.deploy.standalone.script.main import Refused
from runner.deploy.standalone.script.read import images

pytest.importorskip("onnx", reason="onnx is not installed (pip install 'runner[deploy]')")

# Runs a script as in an environment that has numpy and ONNX Runtime only.
ALONE = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("runner", "torch", "polars", "PIL", "scipy", "tokenizers"):
            raise ImportError(f"{name}: is not in the environment of the script")
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
RNG = np.random.default_rng(0)


def table(path, rows, unseen=()):
    """Words with gaps and signs in them, dates in several forms, numbers with gaps; some `unseen` words."""
    lines = []
    for i in range(rows):
        number, when = RNG.normal(0, 10), np.datetime64("2015-01-01T00:00") + int(RNG.integers(4_000_000))
        lines.append({
            "size": "" if i % 9 == 0 else f" {number:.3f}",
            "colour": str(RNG.choice(["red", "blue", "", "dark, green", 'a "b"', *unseen])),
            "when": (str(when), f"{when}:07.25Z", f"{when}+02:00", "NA")[i % 4],
            "day": str(when.astype("datetime64[D]")),
            "kind": "yes" if number > 0 else "no",
        })  # fmt: skip
    with open(path, "w", newline="") as file:
        columns = list(lines[0]) if not unseen else list(lines[0])[::-1]
        writer = csv.DictWriter(file, columns, delimiter=";" if unseen else ",")
        writer.writeheader()
        writer.writerows(lines)


def write_files(folder):
    table(folder / "table.csv", 120)
    table(folder / "new.csv", 41, unseen=["pink"])
    for name in ("cat", "dog"):
        (folder / "photos" / name).mkdir(parents=True)
        for i in range(8):
            pixels = RNG.integers(0, 256, (12, 12, 3)).astype(np.uint8) // (1 + (name == "dog"))
            Image.fromarray(pixels).save(folder / "photos" / name / f"{i}.png")
    shots(folder / "shots")
    days = [f"{np.datetime64('2020-01-01') + i},{math.sin(i / 5):.4f},{'' if i == 50 else i % 7}" for i in range(200)]
    (folder / "days.csv").write_text("\n".join(["day,a,b", *days]))
    steps = [f"w{w},{t},{RNG.normal():.3f},{'xy'[w % 2]}" for w in range(40) for t in range(6 + w % 3)]
    (folder / "walks.csv").write_text("\n".join(["walk,time,a,gait", *steps]))
    for name, words in (("plus", "good nice"), ("minus", "bad poor")):
        (folder / "mails" / name).mkdir(parents=True)
        for i in range(20):
            text = " ".join(RNG.choice([*words.split(), "film,", "don't", "naïve", "東京"], 3 + i % 7))
            (folder / "mails" / name / f"{i}.txt").write_text(text)
    (folder / "new.txt").write_text("A good film, it's not\nbad 東京 日本 naïve\n\n" + "good " * 30 + "\n")


def shots(folder):
    """Images in all the forms that are read without pillow, with all filters of PNG."""
    folder.mkdir()
    noise = RNG.integers(0, 256, (12, 12, 4)).astype(np.uint8)
    smooth = np.add.outer(np.arange(12), np.arange(12)).astype(np.uint8) * 9
    Image.fromarray(noise[:, :, :3]).save(folder / "rgb.png")
    Image.fromarray(noise).save(folder / "rgba.png")
    Image.fromarray(noise[:, :, :2], "LA").save(folder / "la.png")
    Image.fromarray(smooth).save(folder / "grey.png", optimize=True)
    palette = Image.fromarray(noise[:, :, :3]).quantize(40)
    palette.save(folder / "palette.png", bits=8)
    palette.save(folder / "transparent.png", bits=8, transparency=bytes(range(0, 200, 5)))
    Image.fromarray(noise[:, :, :3]).save(folder / "colours.ppm")
    Image.fromarray(noise[:, :, 0]).save(folder / "grey.pgm")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    write_files(folder)
    return folder


KINDS = {
    "table": (
        ("data=csv", "data.path={}/table.csv", "data.target=kind", "data.indicator=true", "model=mlp"),
        "new.csv",
    ),
    "embedding": (
        ("data=csv", "data.path={}/table.csv", "data.target=kind", "data.encoding=embedding", "model=mlp",
         "features=[polynomial]"),
        "new.csv",
    ),
    "quantiles": (
        ("data=csv", "data.path={}/table.csv", "data.target=size", "data.encoding=target", "data.scaling=quantile",
         "model=mlp", "features=[binning]"),
        "new.csv",
    ),
    "images": (("data=image_folder", "data.root={}/photos", "data.image_size=12", "model=cnn"), "shots"),
    "forecasts": (
        ("data=csv_series", "data.path={}/days.csv", "data.columns=[a,b]", "data.order=day", "data.length=8",
         "data.missing=interpolate", "data.horizon=3", "data.forecast=every", "model=mlp"),
        "days.csv",
    ),
    "series": (
        ("data=labelled_series", "data.path={}/walks.csv", "data.target=gait", "data.series=walk", "data.order=time",
         "model=tcn", "model.channels=8"),
        "walks.csv",
    ),
    "texts": (("data=text_folder", "data.root={}/mails", "model=bag_of_words"), "new.txt"),
}  # fmt: skip


@pytest.fixture(scope="module")
def exported(trained, place, tmp_path_factory):
    """A function from a kind to the folder of its variant and the rows that ``runner predict`` gives for raw files."""
    known = {}

    def made(kind):
        if kind not in known:
            words, source = KINDS[kind]
            parent = trained(*(word.format(place) for word in words), "trainer.max_epochs=1")
            folder = tmp_path_factory.mktemp(kind)
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                assert answer(["export", str(parent), "--format", "onnx", "--dynamic-batch"]) == 0
                (variant,) = (folder / "outputs/variants").iterdir()
                patch.chdir(place)
                assert answer(["predict", str(variant), source, "--output", str(folder / "rows.csv")]) == 0
            known[kind] = variant, folder / "rows.csv"
        return known[kind]

    return made


def alone(variant, *words, cwd=None):
    command = [sys.executable, "-c", ALONE, str(variant / "predict.py"), *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def assert_same(first, second):
    first, second = (list(csv.reader(path.open(newline=""))) for path in (first, second))
    assert first[0] == second[0]
    assert len(first) == len(second) > 1
    for row, other in zip(first[1:], second[1:], strict=True):
        for value, told in zip(row, other, strict=True):
            assert value == told or float(value) == pytest.approx(float(told), abs=1e-5, rel=1e-5)


# Other preparations of tables and of series; the suite has a table and forecasts.
TAKES_LONG = ("embedding", "quantiles", "series")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.long if kind in TAKES_LONG else ()) for kind in KINDS]
)
def test_a_script_without_runner_predicts_the_same(exported, place, tmp_path, kind):
    variant, rows = exported(kind)
    done = alone(variant, KINDS[kind][1], "--output", tmp_path / "rows.csv", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert_same(rows, tmp_path / "rows.csv")


@pytest.mark.slow
def test_it_does_so_in_an_environment_with_numpy_and_onnx_runtime_only(exported, place, tmp_path):
    python = tmp_path / "new/bin/python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "new")], check=True, timeout=300)
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "numpy", "onnxruntime"]
    fetched = subprocess.run(install, capture_output=True, text=True, timeout=600)
    if fetched.returncode:
        pytest.skip(f"no package index can be reached: {fetched.stderr.strip().splitlines()[-1]}")
    packages = subprocess.run([str(python), "-m", "pip", "list"], capture_output=True, text=True, timeout=60).stdout
    assert not {"torch", "polars", "pillow", "runner"} & set(packages.lower().split())
    for kind, (_, source) in KINDS.items():
        variant, rows = exported(kind)
        out = tmp_path / f"{kind}.csv"
        command = [str(python), "-I", str(variant / "predict.py"), source, "--output", str(out)]
        subprocess.run(command, cwd=place, check=True, timeout=120)
        assert_same(rows, out)


def test_with_pillow_images_of_any_size_are_those_of_runner(exported, place, tmp_path, monkeypatch):
    variant, _ = exported("images")
    Image.fromarray(RNG.integers(0, 256, (31, 20, 3)).astype(np.uint8)).save(tmp_path / "long.png")
    Image.fromarray(RNG.integers(0, 256, (15, 40, 3)).astype(np.uint8)).save(tmp_path / "wide.jpg")
    monkeypatch.chdir(tmp_path)
    assert answer(["predict", str(variant), "long.png", "wide.jpg", "--output", "ours.csv"]) == 0
    command = [sys.executable, str(variant / "predict.py"), "long.png", "wide.jpg", "--output", "theirs.csv"]
    subprocess.run(command, check=True, timeout=120)
    assert_same(tmp_path / "ours.csv", tmp_path / "theirs.csv")


def test_what_is_wrong_is_said_in_a_line(exported, tmp_path):
    (tmp_path / "few.csv").write_text("size,when,day\n1,2020-01-01,2020-01-01\n")
    (tmp_path / "odd.csv").write_text("size,colour,when,day\n1,red,2020-01-01,2020-01-01\nbig,red,NA,NA\n")
    Image.new("RGB", (20, 30)).save(tmp_path / "large.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "large.png").read_bytes()[:60])
    for kind, name, expected in (
        ("table", "few.csv", "few.csv: there is no column 'colour'"),
        ("table", "odd.csv", "odd.csv:3: column 'size': 'big' is no finite number."),
        ("table", "gone.csv", "gone.csv: there is no such file."),
        ("images", "large.png", "large.png: is 20 x 30 pixels, and the network takes 12 x 12."),
        ("images", "cut.png", "cut.png: can't be read as an image"),
    ):
        done = alone(exported(kind)[0], name, "--output", "rows.csv", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {expected}")
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "rows.csv").exists()
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("file", ["model.onnx", "prepare.onnx", "preprocessing.json"])
def test_a_damaged_file_or_one_of_another_network_predicts_nothing(exported, place, tmp_path, file):
    folder = shutil.copytree(exported("table")[0], tmp_path / "moved")
    content = (folder / file).read_bytes()
    for wrong in (content[:-40], (folder / ("prepare.onnx" if file == "model.onnx" else "model.onnx")).read_bytes()):
        (folder / file).write_bytes(wrong)
        done = alone(folder, str(place / "new.csv"), "--output", "rows.csv", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert f"{file}: " in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "rows.csv").exists()
    if file == "preprocessing.json":
        for lacking in (b"[]", content.replace(b'"words"', b'"word"'), content.replace(b'"classes"', b'"kinds"')):
            (folder / file).write_bytes(lacking)
            done = alone(folder, str(place / "new.csv"), cwd=tmp_path)
            assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
            assert f"{file}: " in done.stderr


def test_images_that_pillow_refuses_are_refused_in_a_sentence(tmp_path):
    about = {"height": 8, "width": 8, "channels": 1, "ceiling": 16, "cover": None}
    Image.fromarray(np.full((8, 8), 1e5, np.float32)).save(tmp_path / "deep.tif")  # would be clipped to white
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "head.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name, reason in (("deep.tif", "32 bits per pixel"), ("text.png", "no format"), ("head.png", "")):
        with pytest.raises(Refused, match=rf"{name}: can't be read as an image \(.*{reason}"):
            list(images.read(str(tmp_path / name), about))
    with pytest.raises(KeyError):  # which the script tells as it does the others
        images.png(b"\x89PNG\r\n\x1a\n")


def test_opacity_is_mixed_with_white_as_pillow_does():
    every = np.stack(np.meshgrid(np.arange(256), np.arange(256)), axis=-1).astype(np.uint8)
    grey = np.concatenate((every[:, :, :1],) * 3 + (every[:, :, 1:],), axis=2)
    white = Image.new("RGBA", (256, 256), "white")
    expected = np.asarray(Image.alpha_composite(white, Image.fromarray(grey)).convert("L"))
    assert np.array_equal(images.on_white(every)[:, :, 0], expected)


@pytest.mark.parametrize("kind", range(5))
def test_every_filter_of_png_is_undone(kind):
    lines = RNG.integers(0, 256, (9, 7 * 3)).astype(np.uint8)
    before, content = bytes(21), b""
    for line in lines:
        made = bytearray()
        for i, value in enumerate(line.tolist()):
            left, up, corner = (int(line[i - 3]), before[i], before[i - 3]) if i > 2 else (0, before[i], 0)
            guesses = {abs(left + up - corner - x): x for x in (corner, up, left)}
            told = (0, left, up, (left + up) // 2, guesses[min(guesses)])[kind]
            made.append((value - told) % 256)
        content += bytes([kind, *made])
        before = line.tobytes()
    head = (7).to_bytes(4, "big") + (9).to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    file = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", head), (b"IDAT", zlib.compress(content)), (b"IEND", b"")):
        file += len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")
    assert np.array_equal(images.png(file), lines.reshape(9, 7, 3))


def test_where_no_script_can_be_written_the_reason_is_told(trained, place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ("data=csv_series", f"data.path={place}/days.csv", "data.columns=[a]", "data.known=[b]", "data.length=8",
             "data.missing=interpolate", "data.horizon=3", "model=mlp", "trainer.max_epochs=1")  # fmt: skip
    assert answer(["export", str(trained(*words)), "--format", "onnx"]) == 0
    (variant,) = (tmp_path / "outputs/variants").iterdir()
    assert "predict.py, which would predict raw files without runner, is not written: it has no columns that are" in (
        capsys.readouterr().out
    )
    assert not (variant / "predict.py").exists()


def test_what_stands_beside_is_not_counted_as_the_network(exported):
    variant, _ = exported("table")
    assert json.loads((variant / "result.json").read_text())["bytes"] == (variant / "model.onnx").stat().st_size


def test_the_script_is_python_that_names_what_it_reads(exported):
    text = Path(exported("images")[0] / "predict.py").read_text()
    assert "image files as pixels" in text
    assert "from runner" not in text
