"""The device a run uses, and how it is set up."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch

from runner.errors import ConfigError
from runner.launched import local_rank


def choose_device(name: str) -> torch.device:
    """The device called `name`; ``auto`` takes CUDA (or ROCm), then MPS, then the CPU.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return choose_device(f"cuda:{local_rank()}")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"trainer.device={name}: not a device. Expected auto, cpu, cuda, cuda:N or mps.") from error
    here = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
        "xla": 1,  # taken at its word: finding out would start the runtime
    }.get(device.type, 0)
    if (device.index or 0) >= here:
        available = [kind for kind, count in (("cuda", torch.cuda.device_count()), ("cpu", 1)) if count]
        raise ConfigError(
            f"trainer.device={name}: this machine has no such device. Available: {', '.join(available)}; "
            "auto takes the best one, of several processes each the GPU of its number. `python -m runner doctor` says "
            "more."
        )
    if device.type != "cuda":
        return device
    return torch.device("cuda", local_rank() if device.index is None else device.index)


def set_up(device: torch.device, threads: int | None, deterministic: bool) -> None:
    """Apply the process-wide settings of a run.

    Args:
        device: the device it will use.
        threads: CPU threads of one operation; None leaves torch's choice.
        deterministic: only deterministic algorithms (slower; an operation that has none raises).
    """
    if threads is not None:
        torch.set_num_threads(threads)
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if deterministic != torch.are_deterministic_algorithms_enabled():  # asking in vain imports torch's compiler
        torch.use_deterministic_algorithms(deterministic)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = not deterministic


def seeder(device: torch.device) -> Callable[[int], object]:
    """What seeds the generators that operations on `device` draw from.

    The generators themselves are asked: about 1 µs, where `torch.manual_seed` takes 130.
    """
    cpu = torch.default_generator.manual_seed
    there: Callable[[int], object]
    if device.type == "cuda":
        there = torch.cuda.default_generators[device.index or 0].manual_seed
    elif device.type == "mps":
        there = torch.mps.manual_seed
    else:
        return cpu

    def seed(value: int) -> None:
        cpu(value)
        there(value)

    return seed


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what was asked of it, for honest times."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
