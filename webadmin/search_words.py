"""The words of a search: the conditions that each makes, and the values that these are bound to.

All values have names, and `form` is what else the conditions depend on: so the statement of one
search serves every other one of its form.
"""

import re
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.mysql import match
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from webadmin import folding, search_indexes
from webadmin.database import dialect, read
from webadmin.filters import escaped, like
from webadmin.folding import SHORT
from webadmin.resource import Resource

# What stands before a word within a text, for MariaDB's LIKE.
BEFORE = (" ", "-", "'", "(", ".")
# What InnoDB leaves out of its FULLTEXT indexes (MariaDB manual, Full-Text Index Stopwords).
_STOPWORDS = (
    "a about an are as at be by com de en for from how i in is it la of on or that the this to was "
    "what when where who will with und www"
)
STOPWORDS = frozenset(_STOPWORDS.split())
QUERY = "webadmin_words"  # the name of what FTS5 or FULLTEXT is asked


@dataclass(frozen=True)
class Word:
    """The word at a place in a search."""

    place: int
    text: str

    @property
    def pieces(self) -> list[str]:
        """What MariaDB's index takes for words in it."""
        return re.findall(r"\w+", self.text)

    @property
    def tokens(self) -> list[str]:
        """The pieces that the index may have as they are: no short ones, no stop words."""
        return [
            each for each in self.pieces if len(each) >= SHORT and each.lower() not in STOPWORDS
        ]

    @property
    def part(self) -> str:
        """The part of a search text that tells that it is there."""
        return _postgresql_part(self.text) if dialect() == "postgresql" else folding.part(self.text)

    @property
    def is_sign(self) -> bool:
        """Whether no index finds it inside of words: the records that others find are read."""
        if is_mariadb() or not folding.is_sign(self.text):
            return False
        return dialect() == "postgresql" or len(self.text) < SHORT

    def patterns(self) -> dict[str, str]:
        """Return the patterns of LIKE that find it, by their names."""
        name = f"webadmin_word_{self.place}"
        if not is_mariadb():
            return {name: f"%{escaped(self.text if self.is_sign else self.part)}%"}
        plain = escaped(self.text)
        begun = {f"{name}_{i}": f"%{before}{plain}%" for i, before in enumerate(BEFORE)}
        return {name: f"%{plain}%", f"{name}_first": f"{plain}%", **begun}


def words(q: str) -> list[Word]:
    """Return the words of a search."""
    return [Word(place, text) for place, text in enumerate(q.split())]


def form(given: Sequence[Word]) -> Hashable:
    """Return what the conditions of words that are no numbers depend on, besides their values."""
    if dialect() == "postgresql":
        return tuple(None if each.is_sign else folding.MARK[0] in each.part for each in given)
    if is_mariadb():
        return tuple((bool(each.tokens), bool(each.pieces)) for each in given)
    return tuple(each.is_sign for each in given)


def values(given: Sequence[Word]) -> dict[str, str]:
    """Return what the conditions of words are bound to, by their names."""
    found = {QUERY: _query(given)}
    for each in given:
        found |= each.patterns()
    return found


def is_mariadb() -> bool:
    """Return whether the DBMS is MariaDB, or MySQL."""
    return dialect() in ("mysql", "mariadb")


def number(resource: Resource, word: Word) -> Any:
    """Return the condition for the record whose key a word is, or None."""
    keys = resource.key_columns
    if len(keys) == 1 and keys[0].kind.name == "integer":
        with suppress(ValueError):  # too large for the column: it is nobody's key
            if re.fullmatch("[0-9]{1,18}", word.text):
                return keys[0].attribute == keys[0].parse(word.text)
    return None


def has_number(resource: Resource, given: Sequence[Word]) -> bool:
    """Return whether a word may be a key."""
    return any(number(resource, each) is not None for each in given)


def either(resource: Resource, word: Word, found: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return the condition that one of some is met, or that the word is the key."""
    key = number(resource, word)
    parts = found if key is None else [*found, key]
    return or_(*parts) if parts else false()


def contains(resource: Resource, word: Word) -> list[ColumnElement[bool]]:
    """Return the conditions that a column holds a word, where there is no index."""
    return [like(each, f"%{escaped(word.text)}%") for each in _columns(resource)]


def begins(resource: Resource, word: Word) -> list[ColumnElement[bool]]:
    """Return the conditions that a word of a column begins so, for MariaDB."""
    _, *begun = word.patterns().items()
    return [_like(each, *pattern) for each in _columns(resource) for pattern in begun]


def in_text(resource: Resource, word: Word) -> list[ColumnElement[bool]]:
    """Return the conditions that the search text of a column holds a word."""
    ((name, pattern),) = word.patterns().items()
    columns = _columns(resource)
    texts = columns if word.is_sign else map(search_text, columns)
    return [_like(each, name, pattern) for each in texts]


def walked(resource: Resource, word: Word) -> list[ColumnElement[bool]]:
    """Return what `in_text` does, for records that are looked at one by one without an index.

    PostgreSQL makes most of a search text in a language of its own, which takes three times as
    long as the functions it calls there. They are enough for a word that has no mark.
    """
    if dialect() != "postgresql" or word.is_sign or folding.MARK[0] in word.part:
        return in_text(resource, word)
    ((name, pattern),) = word.patterns().items()
    return [_like(folded(each), name, pattern) for each in _columns(resource)]


class _Unaccent(FunctionElement[str]):
    """PostgreSQL's unaccent, in a schema that SQLAlchemy's own functions would not quote."""

    type = String()
    inherit_cache = False

    def __init__(self, schema: str, dictionary: str, column: Any) -> None:
        super().__init__(column)
        self.called = f"{schema}.unaccent({dictionary}, ".replace("%", "%%")


@compiles(_Unaccent)
def _unaccent(element: _Unaccent, compiler: Any, **options: Any) -> str:
    return f"{element.called}{compiler.process(element.clauses, **options)})"


def folded(column: Any) -> Any:
    """Return PostgreSQL's search text of a column without its marks."""
    bare = _Unaccent(*search_indexes.unaccent(), column)
    return func.lower(case((func.octet_length(column) == func.length(column), column), else_=bare))


def search_text(column: Any) -> Any:
    """Return the search text of a column, as an index keeps it."""
    return getattr(func, search_indexes.FUNCTION)(column, type_=String())


def query(given: Sequence[Word]) -> Any:
    """Return what FTS5 or FULLTEXT is asked for words (SQLite manual, Full-text Query Syntax)."""
    return bindparam(QUERY, _query(given), String())


def fulltext(resource: Resource, given: Sequence[Word]) -> list[list[ColumnElement[bool]]]:
    """Return the conditions of which MariaDB has an index for each: one of them is to be met.

    FULLTEXT knows no word of one or two letters, but longer ones that begin with them. So short
    words are also looked for where a text begins; one by itself in the midst of it is not found.
    """
    held = [held_to(resource, each) for each in given]
    found = []
    if any(each.pieces for each in given):
        asked = match(*_columns(resource), against=query(given)).in_boolean_mode()
        found.append([asked, *held])
    if not any(each.tokens for each in given):
        for i, each in enumerate(given):
            _, first, *_ = each.patterns().items()
            starts = or_(*(_like(column, *first) for column in _columns(resource)))
            found.append([starts, *held[:i], *held[i + 1 :]])
    return found


def held_to(resource: Resource, word: Word) -> ColumnElement[bool]:
    """Return the condition that MariaDB's index cannot tell by itself."""
    if not word.tokens:
        return or_(*begins(resource, word))
    found, *_ = word.patterns().items()
    return or_(*(_like(column, *found) for column in _columns(resource)))


def _query(given: Sequence[Word]) -> str:
    if is_mariadb():
        # A short word may be a whole one, which the index lacks: only asked for where all are.
        tokens = [each for word in given for each in word.tokens]
        pieces = tokens or [each for word in given for each in word.pieces]
        return " ".join(f"+{piece}*" for piece in pieces)
    phrases = (each.part.replace('"', '""') for each in given if not each.is_sign)
    return " ".join(f'"{phrase}"' for phrase in phrases)


def _columns(resource: Resource) -> list[Any]:
    return [resource.columns[name].attribute for name in resource.search_fields or ()]


def _like(text: Any, name: str, pattern: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = text.like(bindparam(name, pattern, String()), escape="/")
    return found


@lru_cache(maxsize=1000)
def postgresql_text(text: str) -> str:
    """Return what `folding.search_text` does, as PostgreSQL's own rules fold letters."""
    bare = text.replace(folding.MARK[0], "")
    made: str = read(select(getattr(func, search_indexes.FUNCTION)(bare))).scalar_one()
    return made


def _postgresql_part(word: str) -> str:
    """Return what `folding.part` does."""
    made = postgresql_text(word)
    short = len(made) < len(folding.MARK) + SHORT
    return made if short else made.removeprefix(folding.MARK)
