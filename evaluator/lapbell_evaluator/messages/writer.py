"""Writes the message of a receiver: in its form, within its limit, by its template if it has one."""

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from lapbell_evaluator.messages.fitting import fitted
from lapbell_evaluator.messages.html import html, html_text
from lapbell_evaluator.messages.lines import markdown, markdown_text, plain, plain_text
from lapbell_evaluator.messages.message import Message
from lapbell_evaluator.messages.samples import SAMPLES
from lapbell_evaluator.messages.templates import MessageTemplate, MessageTemplateError
from lapbell_evaluator.messages.wording import cut

__all__ = ["Form", "Writer", "read_template"]

_log: Final = logging.getLogger(__name__)


class Form(StrEnum):
    """How text is marked up."""

    PLAIN = "plain"
    MARKDOWN = "markdown"
    HTML = "html"


_ESCAPED: Final[Mapping[Form, Callable[[str], str]]] = {
    Form.PLAIN: plain_text,
    Form.MARKDOWN: markdown_text,
    Form.HTML: html_text,
}
_SUFFIXES: Final = {".txt": Form.PLAIN, ".md": Form.MARKDOWN, ".html": Form.HTML}


def read_template(file: Path) -> tuple[Form, MessageTemplate]:
    """The template in a file, and the form of its text: plain of .txt, Markdown of .md, HTML of .html.

    Raises:
        MessageTemplateError: it can't be read or used, or fails on a message.
    """
    form = _SUFFIXES.get(file.suffix)
    if form is None:
        raise MessageTemplateError(f"{file}: what does it make?", "End its name with .txt, .md or .html.")
    template = MessageTemplate.read(file, _ESCAPED[form])
    for sample in SAMPLES:
        template.render(sample)
    return form, template


class Writer:
    """Writes messages in one form.

    Args:
        form: how text is marked up.
        limit: characters of a text, as `size_of` counts them.
        template: the user's; None: ours. Where it fails, ours is what is written, and a log line says so.
    """

    def __init__(self, form: Form, limit: int, template: MessageTemplate | None = None) -> None:
        self.form: Final = form
        self._limit = limit
        self._template = template

    def write(self, message: Message, *, with_title: bool = True) -> str:
        """The text of a message; never empty.

        Args:
            message: what it says.
            with_title: whether the title is its first line, if that is ours to say; of HTML it always is.
        """
        return self._by_template(message) or self._by_ours(message, with_title=with_title) or message.title

    def _by_template(self, message: Message) -> str | None:
        if self._template is None:
            return None
        try:
            text = fitted(message, self._template.render, self._limit)
        except MessageTemplateError as error:
            _log.warning("%s What lapbell itself would say is sent instead.", error)
            return None
        if text is None:
            _log.warning("A template makes more than %d characters; lapbell's own message is sent", self._limit)
        return text

    def _by_ours(self, message: Message, *, with_title: bool) -> str:
        escaped = _ESCAPED[self.form]

        def rendered(smaller: Message) -> str:
            if self.form is Form.HTML:
                return html(smaller)
            write = markdown if self.form is Form.MARKDOWN else plain
            return write(smaller, with_title=with_title)

        return fitted(message, rendered, self._limit) or escaped(cut(message.title, self._limit // 12))
