"""Processes that stay, each a rank of whatever run they are given: importing torch once takes longer than all of them.

They come from multiprocessing's fork server, which has imported what runs need.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BOUND = 60.0  # seconds for anything that is waited for


@dataclass
class Trained:
    """What a rank has at the end of a run.

    Attributes:
        error: class and message of what the run ended with; None where it came to its end.
        weights: of the network, in one piece.
        result: as `run` gives it.
    """

    error: tuple[str, str] | None = None
    weights: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)


def train_here(folder: str, overrides: list[str], resume: bool, more: Any = None) -> Trained:
    """Train in this process; `more` is a function to be called before, such as one that breaks something."""
    import torch

    from runner.engine import loop
    from runner.run import commands, compose

    at_end = Trained()
    plain = loop.train

    def kept(fit: Any) -> Any:
        outcome = plain(fit)
        state = fit.model.state_dict()
        at_end.weights = {n: (t.full_tensor() if hasattr(t, "full_tensor") else t).clone() for n, t in state.items()}
        at_end.weights = {name: tensor.tolist() for name, tensor in at_end.weights.items()}
        return outcome

    undo = more() if more else None
    loop.train = kept
    torch.manual_seed(os.getpid())  # nothing may depend on what was drawn before
    try:
        if resume:
            at_end.result = commands.resume(folder, overrides)
        else:
            at_end.result = commands.run(compose(overrides), Path(folder), overrides=overrides)
    except BaseException as error:
        at_end.error = (type(error).__name__, str(error))
    finally:
        loop.train = plain
        if undo:
            undo()
    return at_end


def _serve(rank: int, world: int, pipe: Any) -> None:
    import warnings

    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    os.fsync = lambda file: None
    while True:
        port, folder, overrides, resume, more = pipe.recv()
        if world > 1:
            os.environ.update(RANK=str(rank), WORLD_SIZE=str(world), LOCAL_RANK=str(rank))
            os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        with contextlib.redirect_stdout(None):
            pipe.send(train_here(folder, overrides, resume, more))


class World:
    """So many processes.

    Args:
        size: how many.
    """

    def __init__(self, size: int) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.engine.ranks.preloaded"])
        self.pipes, self.processes = [], []
        for rank in range(size):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(rank, size, theirs), daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    def train(self, folder: Path, *overrides: str, resume: bool = False, more: Any = None) -> list[Trained | None]:
        """Train with all of them; what each has at the end, None of one that is gone."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        given = [] if resume else ["trainer.threads=1", "trainer.images=0", "trainer.evaluation=off"]
        for pipe in self.pipes:
            pipe.send((port, str(folder), [*given, *overrides], resume, more))
        end = time.monotonic() + BOUND
        return [self._answer(pipe, end) for pipe in self.pipes]

    def _answer(self, pipe: Any, end: float) -> Trained | None:
        try:
            assert pipe.poll(max(0.0, end - time.monotonic())), "a rank does not answer"
            return pipe.recv()
        except (EOFError, ConnectionResetError):
            return None

    def close(self) -> None:
        """End them."""
        for process in self.processes:
            process.kill()
            process.join(BOUND)


@dataclass(frozen=True)
class interrupted_after:  # noqa: N801 - called like a function, and pickled
    """Before a run: let its last rank be asked to stop, as by Ctrl-C, behind an update."""

    step: int

    def __call__(self) -> Any:
        from runner.engine.step import Step

        plain, last = Step.apply, int(os.environ["RANK"]) == int(os.environ["WORLD_SIZE"]) - 1

        def apply(this: Any, want_norm: bool) -> Any:
            if last and this.fit.state.step == self.step:
                this.fit.interrupt.requested = "SIGINT"
            return plain(this, want_norm)

        Step.apply = apply
        return lambda: setattr(Step, "apply", plain)
