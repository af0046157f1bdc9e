"""Where a run comes from: command, code, packages, machine."""

from __future__ import annotations

import os
import platform
import socket
import sys
import time
from importlib import metadata
from typing import Any

from runner.record.git import git_state

PACKAGES = (
    "runner",
    "torch",
    "torchvision",
    "numpy",
    "scikit-learn",
    "hydra-core",
    "omegaconf",
    "optuna",
    "tensorboard",
)


def package_versions() -> dict[str, str]:
    """Versions of the packages that results depend on."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def gather(overrides: list[str]) -> dict[str, Any]:
    """What can be said before a run starts; hardware and data are added when they are known."""
    return {
        "command": ["python", *sys.orig_argv[1:]],
        "overrides": overrides,
        "status": "running",
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "host": socket.gethostname(),
        "process": os.getpid(),
        "platform": platform.platform(),
        "git": git_state(),
        "packages": package_versions(),
    }
