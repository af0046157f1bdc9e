"""Texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from runner.deploy.serve.forms.form import Form

if TYPE_CHECKING:
    from runner.data.text.tokenizer import Tokenizer

LONGEST = 100_000  # characters of a text


class Texts(Form):
    """Texts as they are.

    Args:
        transform: of the data.
    """

    key: ClassVar[str] = "texts"

    def __init__(self, transform: Tokenizer) -> None:
        self.transform = transform

    def one(self, value: Any) -> str:
        """See `Form.one`."""
        if not isinstance(value, str):
            raise ValueError("expected a text.")
        if len(value) > LONGEST:
            raise ValueError(f"has {len(value):,} characters; expected {LONGEST:,} at most.")
        return value

    def together(self, examples: Sequence[Any]) -> list[str]:
        """See `Form.together`."""
        return list(examples)

    def sample(self) -> str:
        """See `Form.sample`."""
        return "a"

    def schema(self) -> dict[str, Any]:
        """See `Form.schema`."""
        return {"type": "string", "maxLength": LONGEST}

    def facts(self) -> dict[str, Any]:
        """How long a text may be before the rest of it is left out."""
        return {"tokens": self.transform.longest, "token": self.transform.what}
