"""How bad it is, seen from afar."""

from typing import Final

from lapbell_evaluator.messages import Message

__all__ = ["color_of"]

_GREEN: Final = 0x1B6E3C
_BLUE: Final = 0x1F5FA8
_RED: Final = 0xB3261E
_COLORS: Final = {"critical": _RED, "page": _RED, "error": _RED, "warning": 0xD08700, "info": _BLUE}


def color_of(message: Message) -> int:
    """Red, amber or blue of what fires, green of what is over, as 0xRRGGBB."""
    return _GREEN if message.status == "resolved" else _COLORS.get(message.severity.lower(), _BLUE)
