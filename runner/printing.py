"""The console: what it is given may come from somebody else's files, and must not move the cursor."""

from __future__ import annotations

from typing import Any

from rich.console import Console as RichConsole
from rich.text import Text

from runner.errors import printable


class Console(RichConsole):
    """Rich's, which shows control characters and escape sequences in texts and cells of tables instead of obeying."""

    def render_str(self, text: str, **options: Any) -> Text:
        """A text as it is printed, or stands in a cell."""
        return super().render_str(printable(text), **options)
