"""Energy that a device has taken so far, where its counter can be read."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

RAPL = Path("/sys/class/powercap")

Joules = Callable[[], float]


def meter(device: str, gpu: str | None = None) -> Joules | None:
    """What tells the joules so far; None where nothing does.

    Of a GPU by NVML (Volta and later). Of processors by the counters of Intel's RAPL, which Linux lets only root read
    since 2020; they are those of whole processors, whoever else is at work there.

    Args:
        device: ``cuda`` or ``cpu``.
        gpu: its unique name, of a GPU.
    """
    return _nvml(gpu) if device == "cuda" and gpu else _rapl(RAPL) if device == "cpu" else None


def _rapl(root: Path) -> Joules | None:
    """All packages together, each counter beginning anew when it is full."""
    packages = sorted(root.glob("intel-rapl:[0-9]*"))
    packages = [package for package in packages if package.name.count(":") == 1]
    try:
        full = [int((package / "max_energy_range_uj").read_text()) for package in packages]
        last = [int((package / "energy_uj").read_text()) for package in packages]
    except (OSError, ValueError):
        return None
    if not packages:
        return None
    taken = 0

    def joules() -> float:
        nonlocal taken
        for place, package in enumerate(packages):
            now = int((package / "energy_uj").read_text())
            taken += (now - last[place]) % (full[place] + 1)
            last[place] = now
        return taken / 1e6

    return joules


def _nvml(gpu: str) -> Joules | None:
    with suppress(OSError, AttributeError):
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        handle, told = ctypes.c_void_p(), ctypes.c_ulonglong()
        found = nvml.nvmlInit_v2() == 0 and nvml.nvmlDeviceGetHandleByUUID(gpu.encode(), ctypes.byref(handle)) == 0
        if not found or nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(told)) != 0:
            return None

        def joules() -> float:
            nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(told))
            return told.value / 1000

        return joules
    return None
