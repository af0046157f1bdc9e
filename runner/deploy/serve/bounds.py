"""How much is taken at once, and what is said where it is too much."""

from __future__ import annotations

from dataclasses import dataclass, field

from runner.errors import printable

LONGEST = 500  # characters of a refusal, which may quote what was given
ROWS = 1000  # examples of a request


@dataclass(frozen=True)
class Bounds:
    """What a server takes.

    Attributes:
        max_batch: examples that the network is given at once, at least 1.
        max_wait: seconds that the first of them waits for others, at least 0.
        max_body: bytes of a request's body.
        timeout: seconds in which a request's head, its body and its answer must be there, each.
        queue: examples that wait for the network.
        connections: clients at once.
    """

    max_batch: int = 32
    max_wait: float = 0.005
    max_body: int = 8 << 20
    timeout: float = 10.0
    queue: int = 1024
    connections: int = 1000

    @property
    def rows(self) -> int:
        """Examples of a request."""
        return min(ROWS, self.queue)

    @property
    def bodies(self) -> int:
        """Bytes of all bodies that are held at once: those of many small requests, or of a few large ones."""
        return max(64 << 20, 4 * self.max_body)


@dataclass
class Refused(Exception):
    """A request, or an example in it, that is not answered.

    Attributes:
        status: of HTTP.
        sentence: for whoever sent it.
        headers: that go with it.
    """

    status: int
    sentence: str
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cut = self.sentence if len(self.sentence) <= LONGEST else f"{self.sentence[:LONGEST]}..."
        self.sentence = printable(cut).replace("\n", " ")


def busy(sentence: str) -> Refused:
    """Too much at once: it may be asked again in a second."""
    return Refused(503, f"{sentence} Ask again in a second.", {"Retry-After": "1"})
