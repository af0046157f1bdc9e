"""Examples of requests that come at the same time, in one forward pass."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from runner.deploy.serve.bounds import Bounds, Refused, busy

# What is given for an example: a prediction, or why there is none.
Answer = dict[str, Any] | Refused


class Asked:
    """The examples of a request.

    Args:
        examples: at least one.
        future: is given their answers, in their order.
    """

    def __init__(self, examples: Sequence[Any], future: asyncio.Future[list[Answer]]) -> None:
        self.examples, self.future = examples, future
        self.loop = future.get_loop()
        self.since = time.monotonic()
        self.answers: list[Answer] = []
        self.begun = 0  # examples that were taken

    def finish(self) -> None:
        """Give the answers to whoever waits for them; called in the event loop."""
        if not self.future.done():
            self.future.set_result(self.answers)


class Worker:
    """One thread, which alone asks the network, for as many examples at once as are there.

    An example waits for others only where there are clients whose requests could come. A request of many examples
    gives way to the next after each batch.

    Args:
        answer: gives the answers for some examples, one each.
        bounds: of batches and of the queue.
        clients: how many are connected.
    """

    def __init__(
        self, answer: Callable[[Sequence[Any]], list[Answer]], bounds: Bounds, clients: Callable[[], int]
    ) -> None:
        self.answer, self.bounds, self.clients = answer, bounds, clients
        self.queued = 0  # examples
        self._waiting: deque[Asked] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="network", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether requests are answered."""
        return self._thread.is_alive() and not self._ended

    async def ask(self, examples: Sequence[Any]) -> list[Answer]:
        """The answers for some examples.

        Raises:
            Refused: there is no room for them.
            CancelledError: nobody waits any more; they are not looked at then.
        """
        asked = Asked(examples, asyncio.get_running_loop().create_future())
        with self._changed:
            if self.queued + len(examples) > self.bounds.queue:
                raise busy(f"{self.queued:,} examples are waiting, and {self.bounds.queue:,} may.")
            self._waiting.append(asked)
            self.queued += len(examples)
            self._changed.notify()
        try:
            return await asked.future
        finally:
            if len(asked.answers) < len(examples):
                self._give_up(asked)

    def end(self) -> None:
        """Let the thread end behind the batch that is under way."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _give_up(self, asked: Asked) -> None:
        with self._changed:
            if asked in self._waiting:
                self._waiting.remove(asked)
                self.queued -= len(asked.examples) - asked.begun

    def _work(self) -> None:
        while batch := self._next():
            answers = iter(self.answer([example for _, examples in batch for example in examples]))
            for asked, examples in batch:
                asked.answers += [next(answers) for _ in examples]
                if len(asked.answers) == len(asked.examples):
                    try:
                        asked.loop.call_soon_threadsafe(asked.finish)
                    except RuntimeError:  # the loop has ended, and nobody waits
                        return

    def _next(self) -> list[tuple[Asked, Sequence[Any]]]:
        """The examples of the next batch, with whose they are; none at the end."""
        with self._changed:
            while not self._waiting and not self._ended:
                self._changed.wait()
            if self._ended:
                return []
            first = self._waiting[0]
            until = first.since + (0.0 if first.begun else self.bounds.max_wait)
            while (
                self.queued < self.bounds.max_batch
                and len(self._waiting) < self.clients()
                and (left := until - time.monotonic()) > 0
            ):
                self._changed.wait(left)
            batch: list[tuple[Asked, Sequence[Any]]] = []
            room = self.bounds.max_batch
            for _ in range(len(self._waiting)):
                if not room:
                    break
                asked = self._waiting.popleft()
                some = asked.examples[asked.begun : asked.begun + room]
                asked.begun += len(some)
                self.queued -= len(some)
                room -= len(some)
                batch.append((asked, some))
                if asked.begun < len(asked.examples):
                    self._waiting.append(asked)
            return batch
