"""Where a run comes from: command, code, packages, machine."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
from importlib import metadata
from typing import Any

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


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def git_state() -> dict[str, Any]:
    """Commit of the working directory, whether it was changed since, and the change as a patch; empty outside git."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return {}
    status = _git("status", "--porcelain", "--untracked-files=no") or ""
    state: dict[str, Any] = {"commit": commit.strip(), "dirty": bool(status.strip())}
    if state["dirty"]:
        state["patch"] = _git("diff", "HEAD")
    return state


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
