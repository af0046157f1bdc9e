"""Arrays from pickles, and nothing else that one may ask for."""

import os
import pickle

import numpy as np
import pytest

from runner.data.source.pickled import arrays, frame
from runner.errors import RunFailed


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_arrays_come_back(protocol):
    content = {"a": np.arange(6.0).reshape(2, 3), "b": ["x", None, 1.5], "c": np.array(["u", "vw"])}
    old = pickle.dumps(content, protocol).replace(b"numpy._core.", b"numpy.core.")
    if protocol < 4:  # later ones say how long each name is
        found = arrays(old, "x")
        assert np.array_equal(found["a"], content["a"]) and found["b"] == content["b"]
        assert np.array_equal(found["c"], content["c"])


@pytest.mark.parametrize("what", [Evil(), np.random.default_rng, {"a": [Evil()]}, ConnectionError])
def test_nothing_else_is_built(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFailed, match=r"asks for|can't be read"):
        arrays(pickle.dumps(what), "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"\x80\x05", pickle.dumps({"a": 1})[:-3], b"not a pickle"])
def test_a_damaged_one_is_told(content):
    with pytest.raises(RunFailed, match="can't be read as arrays"):
        arrays(content, "x")


def test_what_is_no_frame_is_told():
    with pytest.raises(RunFailed, match="no data frame"):
        frame(pickle.dumps([1, 2]), "x")
