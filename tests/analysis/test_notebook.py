"""The notebook of the docs runs from its beginning to its end, and shows what is stored in it."""

import base64
import io
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOK = json.loads((DOCS / "notebook.ipynb").read_text(encoding="utf-8"))
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def values(notebook):
    """What each cell gives, by its source; what commands say of speed and time is left out."""
    return {
        "".join(cell["source"]): [o["data"] for o in cell["outputs"] if o["output_type"] == "execute_result"]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    }


@pytest.mark.long
def test_it_shows_what_is_stored(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = values(runpy.run_path(str(DOCS / "notebook.py"))["executed"](NOTEBOOK))
    stored = values(NOTEBOOK)
    assert found.keys() == stored.keys()
    for source, shown in found.items():
        assert [output.keys() for output in shown] == [output.keys() for output in stored[source]], source
        for output, before in zip(shown, stored[source], strict=True):
            text, was = "".join(output["text/plain"]), "".join(before["text/plain"])
            words, wanted = (re.sub(r"[\s─═]+", " ", NUMBER.sub("#", part)) for part in (text, was))
            assert words == wanted, "run `python docs/notebook.py`"
            numbers, expected = ([float(number) for number in NUMBER.findall(part)] for part in (text, was))
            assert numbers == pytest.approx(expected, rel=0.05, abs=0.02), source


def test_its_pictures_are_small_and_show_something():
    pictures = [output["image/png"] for shown in values(NOTEBOOK).values() for output in shown if "image/png" in output]
    assert len(pictures) == 5
    for picture in pictures:
        assert len(picture) < 150_000
        assert np.ptp(np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("L"))) > 200


def test_it_says_no_folder_of_anybody():
    assert str(Path.home()) not in json.dumps(NOTEBOOK) and "/tmp" not in json.dumps(NOTEBOOK)


def test_a_command_that_fails_is_told_of():
    execute = runpy.run_path(str(DOCS / "notebook.py"))["execute"]
    with pytest.raises(Exception, match="returned non-zero exit status 3"):
        execute("!python -c 'raise SystemExit(3)'", {})
    names = {}
    assert execute("a = 2\nprint('x')\na + 1", names) == [
        {"output_type": "stream", "name": "stdout", "text": ["x\n"]},
        {"output_type": "execute_result", "data": {"text/plain": ["3"]}, "metadata": {}},
    ]
