"""What may not leave of a text: secrets, addresses, numbers and tokens, each replaced by what it was.

Each pattern takes time linear in the text: what is consumed is not given back, and no search begins within it.
"""

import functools
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

__all__ = ["LOOKED_AT", "MOST_CHARACTERS", "cut", "names_a_secret", "quotes_data", "scrub", "scrub_name"]

MOST_CHARACTERS: Final = 1_024

LOOKED_AT: Final = 4 * MOST_CHARACTERS
"""Of a longer text the rest is dropped before it is looked at, so that looking takes no time to speak of."""

Scrub: TypeAlias = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_NEW: Final = r"(?!(?:secret|token)>)"
"""No replacement of an earlier pattern, and yet the tag of `<password>…`."""
_WORDS: Final = (
    "auth|authorization|bearer|basic|token|apikey|api[_-]key|secret|password|passwd|passphrase|passwort|pwd|"
    "credentials?|signature|jwt"
)
"""Whatever stands behind one of these is taken for a secret."""
_PARTS: Final = (
    "password|passwd|passphrase|passwort|secret|token|api_?key|signature|credential|private_?key|access_?key"
)
"""These also within a longer name, if a value is assigned to it: `dbPassword=…`, `accessTokenV2: …`."""
_CODES: Final = (
    "pass|pin|otp|tan|cvv|cvc|ssn|iban|sid|session(?:[_ -]?id)?|(?:private|access|encryption)[_ -]key|"
    "(?:verification|security|confirmation|one-time|access|login|sms)[_ -](?:code|pin)"
)
"""These only if a value is assigned to them: they are words of the language too."""
_NAMED: Final = rf"(?:{_PARTS})\w{{0,16}}+|(?<![a-z])(?:{_WORDS})"
_PREFIXES: Final = "whsec|sk|rk|pk|ghp|gho|ghs|ghu|github_pat|shpat|shpss|shppa|xox[abeprs]|SG"
_BETWEEN: Final = rf"(?:[\s=:>(\[{{\"']|(?<![a-z])(?:is|was|are|equals|of|for|[bru](?=[\"'])|{_WORDS})(?![a-z]))"
_ASSIGNED: Final = r"[\"']?+\s{0,16}+(?:[=:]|(?<![a-z])(?:is|was)(?![a-z]))"
_OF_WHOM: Final = rf"(?:\s{{1,8}}+(?!(?:is|was)(?![a-z]))[\w@.-]{{1,64}}+){{1,4}}+{_ASSIGNED}"
"""The password *for joe* is …, the secret *key of the app*: …"""
_QUOTED: Final = r"(?:\"(?:[^\"\\]|\\.)*+|'(?:[^'\\]|\\.)*+)"
_VALUE: Final = r"(?:[^\s\"',;]++)"
_HAS_A_DIGIT: Final = r"(?=(?:[^\W\d]|-)*+\d)"
_HAS_A_LETTER: Final = r"(?=(?:[^\WA-Za-z]|-)*+[A-Za-z])"
_SHORTEST_NUMBER: Final = 8
_HEX: Final = "[0-9a-f]{1,4}"


def _number(match: re.Match[str]) -> str:
    return "<number>" if len(match[1]) >= _SHORTEST_NUMBER else match[0]


_SCRUBS: Final[Sequence[Scrub]] = (
    (re.compile(r"-----BEGIN [A-Z].*+", re.DOTALL), "<secret>"),
    (re.compile(r"(?i)(?<![a-z])(?:(?:proxy-)?authorization|(?:set-)?cookie)[\"']?+\s*+[=:][^\r\n]*+"), "<secret>"),
    (re.compile(rf"(?i){_NEW}(?:{_PARTS})\w{{0,16}}+{_ASSIGNED}\s*+[\[({{][^\])}}]*+"), "<secret>"),
    (re.compile(rf"(?i){_NEW}(?:{_PARTS})\w{{0,16}}+{_ASSIGNED}[\sbru]*+{_QUOTED}"), "<secret>"),
    (re.compile(rf"(?i){_NEW}(?:{_PARTS})\w{{0,16}}+{_ASSIGNED}{_BETWEEN}*+{_VALUE}?+"), "<secret>"),
    (re.compile(rf"(?i){_NEW}(?:{_NAMED}){_OF_WHOM}(?:\s*+{_QUOTED}|{_BETWEEN}*+{_VALUE}?+)"), "<secret>"),
    (re.compile(rf"(?i)(?<![a-z]){_NEW}(?:{_CODES})(?![a-z]){_ASSIGNED}[\s\"'(\[{{]*+{_VALUE}?+"), "<secret>"),
    (re.compile(r"(?<![\w.+-])[\w.+-]++(?:@|%40)[\w-]++(?:\.[\w-]++)++"), "<email>"),
    (re.compile(rf"(?i)(?<![a-z]){_NEW}(?:{_WORDS})(?![a-z]){_BETWEEN}++{_VALUE}?+"), "<secret>"),
    (re.compile(rf"\b(?:{_PREFIXES})[_.-][\w.-]{{6,}}"), "<token>"),
    (re.compile(r"(?<![a-z0-9+.-])[0-9+.-]*+[a-z][a-z0-9+.-]*+://[^\s\"'<>]++", re.IGNORECASE), "<url>"),
    (re.compile(rf"(?i)(?<![\w:])(?:{_HEX}:){{5,7}}{_HEX}(?![\w:])"), "<address>"),
    (re.compile(rf"(?i)(?<![\w:])(?:{_HEX}:){{1,7}}:(?:{_HEX}:){{0,6}}{_HEX}(?![\w:])"), "<address>"),
    (re.compile(r"(?<![\w.])[+(]{0,2}(\d++(?!\w)(?:[\s().-]++\d++(?!\w))*+)"), _number),
)  # fmt: skip
_TOKEN: Final[Scrub] = (
    re.compile(rf"(?<![\w-]){_HAS_A_DIGIT}{_HAS_A_LETTER}[\w-]{{20,}}+(?:\.[\w-]++)*+"),
    "<token>",
)
_ID_IN_A_NAME: Final[Scrub] = (
    re.compile(
        r"(?i)(?<![a-z0-9])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
        r"|(?=(?:[a-z]*+\d){3})(?=\d*+[a-z])[a-z0-9]{20,}+)(?![a-z0-9])"
    ),
    "<token>",
)
"""In a name, words joined by `_` or `-` are words, however long it is: `signature_validation_step_2`."""
_NEIGHBOURS_WITH_DATA_IN_MESSAGES: Final = ("redis.", "pydantic", "fastapi.exceptions.RequestValidationError")
"""Their messages quote keys, values and bodies, so only the type of such an error is sent, and of Redis' why it is."""
_SECRET_NAME: Final = re.compile(rf"(?i)(?:^|[._-])(?:{_WORDS}|{_CODES}|cookie|set-cookie)$|(?:{_PARTS})$")


def scrub(text: str) -> str:
    """The text without secrets, e-mail addresses, phone numbers, URLs and tokens; cut at 1,024 characters."""
    return cut(_replaced(text[:LOOKED_AT], (*_SCRUBS, _TOKEN)))


def scrub_name(name: str) -> str:
    """A name, such as a span's, without whatever personal somebody has put into it."""
    return _scrubbed_name(name if len(name) <= LOOKED_AT else name[:LOOKED_AT])


@functools.lru_cache(maxsize=4_096)
def _scrubbed_name(name: str) -> str:
    return cut(_replaced(name, (*_SCRUBS, _ID_IN_A_NAME)))


@functools.lru_cache(maxsize=1_024)
def names_a_secret(key: str) -> bool:
    """Whether the value of an attribute of this name is a secret whatever it looks like: `db.password`, `userToken`."""
    return _SECRET_NAME.search(key[:LOOKED_AT]) is not None


def quotes_data(error_type: str) -> bool:
    """Whether the messages of exceptions of a type, with its module, quote keys, values and bodies."""
    return error_type.startswith(_NEIGHBOURS_WITH_DATA_IN_MESSAGES)


def cut(text: str) -> str:
    """The first 1,024 characters. Half of a surrogate pair, for which a whole batch could not be sent, becomes `?`."""
    text = text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS]
    return text if text.isascii() else text.encode(errors="replace").decode()


def _replaced(text: str, scrubs: Sequence[Scrub]) -> str:
    for pattern, replacement in scrubs:
        text = pattern.sub(replacement, text)
    return text
