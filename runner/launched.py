"""Whether this process is one of several that a launcher such as torchrun started for one run, and which.

Nothing of torch is imported: the command line asks before anything else.
"""

from __future__ import annotations

import os

# What torchrun sets for each process, and what whoever starts processes himself (srun) must set.
_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def wrong_launch() -> str | None:
    """What is wrong with what a launcher, or whoever started the processes himself, said; None: nothing is."""
    given = {name: os.environ[name] for name in (*_NEEDED, "LOCAL_RANK") if os.environ.get(name)}
    missing = [name for name in _NEEDED if name not in given]
    if missing:
        if "RANK" not in given or given.get("WORLD_SIZE", "1") == "1":  # some set one of them for themselves
            return None
        return (
            f"RANK={given['RANK']} and WORLD_SIZE={given['WORLD_SIZE']} are set in the environment, and "
            f"{' and '.join(missing)} must be too, for each process of a run. torchrun sets them all; for one process "
            "unset RANK."
        )
    for name, expected, least in (
        ("WORLD_SIZE", "the number of processes, from 1", 1),
        ("RANK", "the number of this process, from 0", 0),
        ("LOCAL_RANK", "the number of this process on its machine, from 0", 0),
        ("MASTER_PORT", "a port from 1 to 65535", 1),
    ):
        value = given.get(name, str(least))
        number = int(value) if value.isascii() and value.isdecimal() else -1
        if number < least or (name == "MASTER_PORT" and number > 65535):
            return f"{name}={value} in the environment: expected {expected}."
    if int(given["RANK"]) >= int(given["WORLD_SIZE"]):
        return f"RANK={given['RANK']} in the environment: expected less than WORLD_SIZE={given['WORLD_SIZE']}."
    return None


def launched() -> bool:
    """Whether a launcher started this process as one of several for one run, or said so of it alone."""
    return all(os.environ.get(name) for name in _NEEDED)


def rank() -> int:
    """Number of this process among those of the run, from 0; 0 where it is the only one."""
    return int(os.environ["RANK"]) if launched() else 0


def world() -> int:
    """Number of processes of the run."""
    return int(os.environ["WORLD_SIZE"]) if launched() else 1


def local_rank() -> int:
    """Number of this process among those of the run on this machine: also that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", 0)) if launched() else 0
