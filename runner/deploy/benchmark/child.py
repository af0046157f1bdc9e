"""The process of one network: what it is asked stands in a line of JSON, and so does what it answers.

It ends when nobody can ask it any more, whatever it is doing.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import signal
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.deploy.benchmark import energy, memory
from runner.errors import RunnerError

if TYPE_CHECKING:
    import torch

    from runner.engine.batch import Batch
    from runner.run.trained import TrainedNetwork

WARM = 0.3  # seconds of calls that are discarded when a batch size is tried first
AGAIN = 3  # calls that are discarded when it is this network's turn again: others have filled the caches
TURN = 0.1  # seconds of a turn
CALLS = (5, 500)  # of a turn, unless one takes longer than two turns


class Asked:
    """What can be asked of the process; each method answers in plain containers."""

    network: TrainedNetwork | None = None
    device: torch.device
    call: Callable[[Batch], Any]
    batches: dict[int, list[Batch]]
    joules: energy.Joules | None = None
    taken: float | None = None

    def load(
        self,
        path: str,
        format: str | None,
        batches: str | None,
        sizes: list[int],
        threads: int,
        device: str,
        trusted: list[str] | None,
    ) -> dict[str, Any]:
        """Load a network and run it once on a batch of each size.

        Args:
            path: of a checkpoint, or of an ONNX file.
            format: of the file in which the network stands; None: it is one of torch's.
            batches: file of the examples; None: numbers of the shape that the ONNX file declares are drawn.
            sizes: of the batches.
            threads: CPU threads of one operation.
            device: where the network is wanted.
            trusted: modules of the user's own that its config names.
        """
        import torch

        from runner.engine.device import choose_device
        from runner.run.trained import load

        torch.set_num_threads(threads)
        self.device = choose_device(device)
        if format == "onnx":
            with suppress(ImportError):
                import onnxruntime  # noqa: F401  # before memory is looked at, as torch is
        if batches is not None:
            from runner.deploy.benchmark.examples import read

            self.batches = read(Path(batches), self.device)
        before = memory.begin()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        if batches is None:
            from runner.deploy.benchmark.foreign import Foreign

            foreign = Foreign(Path(path), threads)
            self.batches, self.call = {size: foreign.batches(size) for size in sizes}, foreign
        else:
            self.network = load(path, device=device, trusted_targets=trusted)
            self.call = _caller(self.network)
        self.joules = energy.meter(self.device.type, self._gpu())
        with torch.inference_mode():
            for size in sizes:
                self.call(self.batches[size][0])
        grown = None
        if self.device.type == "cuda":
            grown = torch.cuda.max_memory_allocated(self.device)
        elif before is not None and (most := memory.peak()) is not None:
            grown = most - before
        return {"threads": torch.get_num_threads(), "memory": grown, "energy": self.joules is not None}

    def _gpu(self) -> str | None:
        import torch

        if self.device.type != "cuda":
            return None
        return f"GPU-{torch.cuda.get_device_properties(self.device).uuid}"

    def warm(self, size: int) -> dict[str, Any]:
        """Call it until it is as fast as it gets, and say how many calls a turn shall have."""
        begin, times = time.perf_counter(), list[int]()
        while not times or time.perf_counter() - begin < WARM:
            times += self._timed(size, 1, 0)
        each = statistics.median(times) / 1e9
        least, most = CALLS
        return {"calls": max(least, min(most, round(TURN / each))) if each < 2 * TURN else 1}

    def time(self, size: int, calls: int) -> dict[str, Any]:
        """Time some calls: nanoseconds of each, and the joules of all where they are counted."""
        times = self._timed(size, calls, AGAIN)
        return {"nanoseconds": times, "joules": self.taken}

    def _timed(self, size: int, calls: int, discarded: int) -> list[int]:
        import torch

        from runner.engine.device import synchronize

        batches, call, device, times = self.batches[size], self.call, self.device, []
        begun = None
        collecting = gc.isenabled()
        gc.disable()
        try:
            with torch.inference_mode():
                for number in range(discarded + calls):
                    if number == discarded and self.joules is not None:
                        begun = self.joules()
                    batch = batches[number % len(batches)]
                    begin = time.perf_counter_ns()
                    call(batch)
                    synchronize(device)
                    times.append(time.perf_counter_ns() - begin)
        finally:
            if collecting:
                gc.enable()
        self.taken = None if begun is None or self.joules is None else self.joules() - begun
        return times[discarded:]

    def counts(self, parent: str | None, trusted: list[str] | None) -> dict[str, Any]:
        """Parameters, zeros and FLOPs; those of its parent where its own can't be counted.

        Args:
            parent: checkpoint of the network that it was made of; None where that is not known.
            trusted: as of `load`.
        """
        from runner.deploy.benchmark import counts
        from runner.model.exported.network import ExportedNetwork
        from runner.run.trained import load

        if self.network is None:
            number, zeros = counts.in_onnx(self.call.path)  # type: ignore[attr-defined]
            return {"parameters": number, "zeros": zeros, "flops": None, "of_parent": False}
        network, of_parent = self.network, False
        if isinstance(network.model, ExportedNetwork) or not counts.is_plain(network.model):
            if parent is None:
                return {"parameters": None, "zeros": None, "flops": None, "of_parent": False}
            network, of_parent = load(parent, device="cpu", trusted_targets=trusted), True
        number, zeros = counts.parameters(network.model)
        batch = self.batches[min(self.batches)][0].to(network.device)
        counted = counts.flops(network.model, batch)
        operations = None if counted is None else round(counted / batch.examples)
        return {"parameters": number, "zeros": zeros, "flops": operations, "of_parent": of_parent}

    def scores(self, split: str, overrides: list[str]) -> dict[str, Any]:
        """Its scores on a part of its data, which is loaded."""
        from runner.deploy.benchmark.scores import evaluated

        assert self.network is not None
        return evaluated(self.network, split, overrides)


def _caller(network: TrainedNetwork) -> Callable[[Batch], Any]:
    """The network in the number format of its run, on inputs that are where it is."""
    from runner.engine.precision import Precision

    model, precision = network.model, Precision(network.recipe.trainer.precision, network.device)
    if precision.dtype is None:
        return lambda batch: model(batch.inputs, **batch.more)

    def call(batch: Batch) -> Any:
        with precision.autocast():
            return model(batch.inputs, **batch.more)

    return call


def _listen(asked: queue.Queue[bytes]) -> None:
    with open(0, "rb", closefd=False) as lines:  # sys.stdin would be locked when the process ends
        for line in lines:
            asked.put(line)
    os._exit(0)  # nobody is there any more


def main() -> None:
    """Answer until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    asked: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    own = Asked()
    while True:
        given = json.loads(asked.get())
        try:
            answer = getattr(own, given.pop("what"))(**given)
        except RunnerError as error:
            answer = {"refused": str(error)}
        except Exception as error:  # of whatever runs the network
            said = next(iter(str(error).strip().splitlines()), "")
            answer = {"refused": f"{type(error).__name__}: {said}"}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
