"""Where people read: what others wrote is shown, never obeyed."""

from collections.abc import Iterable
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

__all__ = ["PlainConsole"]

_CONTROLS: Final = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if code != ord("\n")}


class PlainConsole(Console):
    """A console on which no text moves the cursor, renames the window or changes colours.

    Labels, comments and messages come from senders and other people; a terminal would carry out what control characters
    in them say.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Segments as `Console` renders them; control characters of texts are replaced, those of styles are not."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(segment.text.translate(_CONTROLS), segment.style)
