"""What people are told in words: plain text, Markdown and HTML, within bounds."""

from lapbell_evaluator.messages.compose import Composer
from lapbell_evaluator.messages.fitting import size_of
from lapbell_evaluator.messages.lines import markdown_subject, subject
from lapbell_evaluator.messages.message import Entry, Link, Message
from lapbell_evaluator.messages.templates import MessageTemplate, MessageTemplateError
from lapbell_evaluator.messages.wording import cut
from lapbell_evaluator.messages.writer import Form, Writer, read_template

__all__ = [
    "Composer",
    "Entry",
    "Form",
    "Link",
    "Message",
    "MessageTemplate",
    "MessageTemplateError",
    "Writer",
    "cut",
    "markdown_subject",
    "read_template",
    "size_of",
    "subject",
]
