"""Commands that several processes were started for: which there are, and who of them speaks."""

from __future__ import annotations

import time

from runner.errors import ConfigError
from runner.launched import rank, world

_VERBS = ("resume", "rerun")
_PATIENCE = 10.0  # seconds in which the first process tells what is wrong, and the launcher ends the others


def refuse_together(word: str, sweep: bool) -> None:
    """Refuse what is not one run: several processes were started for it.

    Args:
        word: the verb, or what stands in its place.
        sweep: whether it is a sweep.

    Raises:
        ConfigError: with the reason.
    """
    if sweep:
        raise ConfigError(
            f"--multirun: a sweep starts processes of its own, and {world()} were started for it. Leave torchrun out."
        )
    if word and word not in _VERBS and "=" not in word and word[0] not in "-+~":
        raise ConfigError(
            f"{word}: is done by one process, and {world()} were started. Leave torchrun out; it is for runs: "
            f"torchrun ... -m runner [{'|'.join(_VERBS)}] ..."
        )


def refuse_in_sweep(words: list[str]) -> None:
    """Refuse a strategy of several processes for the trials of a sweep, of which each is one.

    Args:
        words: overrides as they were typed.

    Raises:
        ConfigError: with the reason.
    """
    for word in words:
        key, _, value = word.partition("=")
        if key == "trainer.strategy" and {"ddp", "fsdp"} & set(value.split(",")):
            raise ConfigError(
                f"{word}: a trial of a sweep is one process. Leave it out, or start single runs with torchrun."
            )


def told_by_this_rank(error: Exception) -> bool:
    """Whether this process tells of an error, which all processes of a run have.

    A wrong command ends each of them at its own time, and a launcher ends all with the first: those that are silent
    wait, so that it is told.
    """
    if rank() and isinstance(error, ConfigError):
        time.sleep(_PATIENCE)
        return True
    return getattr(error, "teller", 0) == rank()
