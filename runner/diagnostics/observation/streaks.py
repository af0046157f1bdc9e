"""What is noticed again and again."""

from __future__ import annotations

from typing import Any


class Streaks:
    """What is noticed about each layer, and since when without a break.

    Attributes:
        current: by layer, the first epoch of its streak and the value of the last look.
    """

    def __init__(self) -> None:
        self.current: dict[str, tuple[int, float]] = {}

    def look(self, epoch: int, found: dict[str, float]) -> None:
        """Take what a look in `epoch` noticed, by layer; the streaks of all other layers end."""
        since = {name: streak[0] for name, streak in self.current.items()}
        self.current = {name: (since.get(name, epoch), value) for name, value in found.items()}

    def __bool__(self) -> bool:
        return bool(self.current)

    @property
    def names(self) -> str:
        """The layers in words: ``layers a, b, c and 4 more``."""
        names = list(self.current)
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"layer{'s' if len(names) > 1 else ''} {', '.join(names[:3])}{more}"

    @property
    def since(self) -> int:
        """The epoch in which the oldest streak began."""
        return min(since for since, _ in self.current.values())

    @property
    def values(self) -> list[float]:
        """The last values."""
        return [value for _, value in self.current.values()]

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {name: list(streak) for name, streak in self.current.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.current = {name: (since, value) for name, (since, value) in state.items()}
