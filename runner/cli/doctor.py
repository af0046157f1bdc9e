"""What this machine offers: versions, devices, threads, disk, data."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess

Section = list[tuple[str, str]]


def report() -> dict[str, Section]:
    """All sections, each a list of names and facts."""
    return {"versions": versions(), "devices": devices(), "machine": machine(), "data": data()}


def versions() -> Section:
    """Python and the packages that results depend on."""
    from runner.record.manifest import package_versions

    return list(package_versions().items())


def devices() -> Section:
    """Accelerators and their drivers."""
    import torch

    facts = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            facts.append((f"cuda:{index}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"))
        facts.append(("bf16", "yes" if torch.cuda.is_bf16_supported(False) else "no"))
    else:
        facts.append(("cuda", "no device (trainer.device=auto uses the CPU)"))
    kinds = {"CUDA": torch.version.cuda, "ROCm": torch.version.hip}
    facts.append(("built for", next((f"{kind} {v}" for kind, v in kinds.items() if v), "CPU only")))
    if torch.backends.cudnn.is_available():
        facts.append(("cuDNN", str(torch.backends.cudnn.version())))
    facts.append(("driver", _driver()))
    facts.append(("mps", "yes" if torch.backends.mps.is_available() else "no"))
    return facts


def _driver() -> str:
    if shutil.which("nvidia-smi") is None:
        return "none found"
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    lines = done.stdout.splitlines()
    return lines[0] if done.returncode == 0 and lines else "nvidia-smi does not answer"


def machine() -> Section:
    """Processor, threads, disk."""
    import torch

    free = shutil.disk_usage(".").free / 2**30
    capability = torch.backends.cpu.get_cpu_capability()
    return [
        ("system", platform.platform()),
        ("processor", f"{os.cpu_count()} CPUs, {capability}"),
        ("threads", f"{torch.get_num_threads()} (trainer.threads changes it)"),
        ("free disk", f"{free:.0f} GiB here"),
    ]


def data() -> Section:
    """Which presets are on this machine, and how to get the others."""
    from runner.data.source.available import available

    return list(available().items())
