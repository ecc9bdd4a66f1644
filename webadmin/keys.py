"""Keys of records in URLs: the parts in order, each percent-encoded, joined by commas.

Servers decode a path once before Flask sees it, so `key_text` is encoded once more when it is
put into a URL: a slash in a key arrives as %2F and does not end the path segment.
"""

import re
from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import quote, unquote_to_bytes

from webadmin.columns import Column
from webadmin.resource import Resource

# What `new` and its like mean in a path; a text key of that name has its first letter encoded.
PAGE_WORDS = frozenset({"new", "bulk", "import", "export.csv", "export.jsonl", "export.xlsx"})
EMPTY = "%"
SAFE = "!$'()*:;=@+ "
_PLAIN_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)


class Keyed(Protocol):
    """What has a key: a resource, or a table."""

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The columns of the key, in their order."""


def key_text(resource: Keyed, parts: Sequence[Any]) -> str:
    """Return the text of a key, given the values of its columns."""
    if len(parts) == 1 and type(parts[0]) is int:
        return str(parts[0])
    texts = [
        quote(column.text(value), safe=SAFE)
        for column, value in zip(resource.key_columns, parts, strict=True)
    ]
    text = ",".join(texts)
    if text == "":
        return EMPTY
    if text in PAGE_WORDS or set(text) == {"."}:
        return f"%{ord(text[0]):02X}{text[1:]}"
    return text


def readable(resource: Resource, text: str) -> str:
    """Return the text of a key as people write it, its parts separated by commas."""
    parts = [text] if len(resource.key_columns) == 1 else text.split(",")
    return ", ".join("" if part == EMPTY else unquote_to_bytes(part).decode() for part in parts)


def in_url(text: str) -> str:
    """Return the text of a key as a path segment of a URL."""
    return text if text.isascii() and text.isalnum() else quote(text, safe="!$'()*:;=@+,")


def parse_key(resource: Keyed, text: str, dialect: str) -> tuple[Any, ...] | None:
    """Return the values of a key, or None where no record can have it."""
    columns = resource.key_columns
    texts = [text] if len(columns) == 1 else text.split(",")
    if len(texts) != len(columns):
        return None
    try:
        return tuple(
            _part(column, "" if part == EMPTY else unquote_to_bytes(part).decode(), dialect)
            for column, part in zip(columns, texts, strict=True)
        )
    except ValueError:  # UnicodeDecodeError is one
        return None


def _part(column: Column, text: str, dialect: str) -> Any:
    if column.kind.name == "integer":
        if not _PLAIN_NUMBER.fullmatch(text):
            raise ValueError("not in its one plain form")
        if dialect == "sqlite":
            # SQLite keeps 64 bits in an INTEGER column, whatever the model calls it.
            if not -(2**63) <= int(text) < 2**63:
                raise ValueError("no key of SQLite's")
            return int(text)
    value = column.parse(text)
    if column.text(value) != text:
        raise ValueError("not in its one plain form")
    return value
