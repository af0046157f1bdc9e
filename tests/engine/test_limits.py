"""What torch and NumPy say of sizes and numbers beyond this machine, in words; and every other error as it is."""

import errno

import numpy as np
import pytest
import torch
from torch import nn

from runner.engine.limits import limit_reached, out_of_memory


def raised(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any
        call()
    return caught.value


CUDA = torch.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 139.80 GiB of which 1.25 GiB is "
    "free. Process 7 has 138.55 GiB memory in use."
)
TOO_MUCH = {
    "torch": (lambda: torch.empty(1 << 51), "8.0 PiB were asked for at once, and "),
    "torch beyond counting": (lambda: torch.empty(1 << 62), "not enough memory: "),
    "numpy": (lambda: np.empty(1 << 50), "8.00 PiB were asked for at once, and "),
    "python": (lambda: bytearray(1 << 60), "not enough memory: "),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_how_much_was_asked_for_and_how_much_is_there(name):
    call, said = TOO_MUCH[name]
    error = raised(call)
    assert out_of_memory(error)
    assert said in str(limit_reached(error))
    assert " GiB are there. Take a smaller network" in str(limit_reached(error))


def test_a_device_says_how_much_is_there():
    assert "20.00 GiB were asked for at once, and 1.25 GiB are there" in str(limit_reached(CUDA))


def test_numbers_beyond_those_of_networks():
    for call in (lambda: torch.zeros(2).add_(torch.ones(2), alpha=1e300), lambda: torch.zeros(2).uniform_(0, 1e300)):
        assert "at most 3.4e+38" in str(limit_reached(raised(call)))


def test_one_example_under_batch_normalization():
    assert "a batch of one example" in str(limit_reached(raised(lambda: nn.BatchNorm1d(3)(torch.zeros(1, 3)))))


def test_shared_memory():
    error = RuntimeError("unable to write to file </torch_71_1_0>: No space left on device (28)")
    assert "/dev/shm" in str(limit_reached(error))


def test_defects_are_left_alone():
    for error in (KeyError("x"), ValueError("x"), RuntimeError("shapes differ"), raised(lambda: torch.ones(2, 3) @ 1)):
        assert limit_reached(error) is None
    assert limit_reached(OSError(errno.ENOSPC, "No space left on device")) is None, "a full disk is no full memory"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model.hidden=[1000000,1000000]"], "3.6 TiB were asked for at once, and "),
        (["optimizer=sam", "model.norm=batch", "data.batch_size=1"], "a batch of one example"),
        (["optimizer=lion", "optimizer.lr=3e38"], "non-finite"),
    ],
)
def test_through_the_command_line(words, said, tmp_path, monkeypatch, capsys):
    from runner.cli.verbs import answer

    monkeypatch.chdir(tmp_path)
    assert answer(["data=iris", "trainer.max_epochs=1", *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error
