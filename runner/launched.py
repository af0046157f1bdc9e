"""Whether this process is one of several that a launcher such as torchrun started for one run, and which.

Nothing of torch is imported: the command line asks before anything else.
"""

from __future__ import annotations

import os

# What torchrun sets for each process, and what whoever starts processes himself (srun) must set.
_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


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
