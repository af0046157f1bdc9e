"""How much memory there is to fill."""

import os
from pathlib import Path

UNKNOWN = 4 * 2**30  # taken where the system doesn't tell


def available_memory() -> int:
    """Bytes that can be used without swapping: what the system says, or the container's limit when that is less."""
    answers = [answer for answer in (_system(), _container()) if answer is not None]
    return min(answers, default=UNKNOWN)


def _system() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return None
    except OSError:
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        except (AttributeError, ValueError, OSError):
            return None


def _container() -> int | None:
    group = Path("/sys/fs/cgroup")
    try:
        return int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
    except (OSError, ValueError):  # no control group, or its limit is "max"
        return None
