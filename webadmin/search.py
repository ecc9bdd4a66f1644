"""Search: the words of a list's search box, found by the search index where there is one.

Each word is in some search field, in any order; a number is also looked for in the key. With an
index, words of one or two letters are looked for at the beginning of words; MariaDB finds every
word there, and looks inside of words only where it found nothing.
"""

import re
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Executable,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    column,
    false,
    func,
    literal_column,
    or_,
    select,
    table,
    tuple_,
    union,
)
from sqlalchemy.dialects.mysql import match
from sqlalchemy.ext.compiler import compiles

from webadmin import context, counts, folding, search_indexes
from webadmin.counts import BOUND, Count
from webadmin.database import db, dialect, read
from webadmin.filters import Filter, escaped, like
from webadmin.folding import SHORT
from webadmin.resource import Resource
from webadmin.time_limit import TookTooLongError, limited

# Estimates are rough: what is thought to be so many more than the bound is not counted.
SURELY = 3
# Seconds in which MariaDB says how many records hold a word; a common one takes longer.
PROBE = 0.1
# What stands before a word within a text, for MariaDB's LIKE.
BEFORE = (" ", "-", "'", "(", ".")
# What InnoDB leaves out of its FULLTEXT indexes (MariaDB manual, Full-Text Index Stopwords).
_STOPWORDS = (
    "a about an are as at be by com de en for from how i in is it la of on or that the this to was "
    "what when where who will with und www"
)
STOPWORDS = frozenset(_STOPWORDS.split())


def criteria(resource: Resource, q: str, walk: bool = False) -> list[ColumnElement[bool]]:
    """Return the conditions that the records with all words meet.

    Args:
        resource: What is searched.
        q: The words, separated by spaces.
        walk: Whether records are looked at one by one, in the order of a sort, since very many
            have the words; else the search index finds them.
    """
    words = q.split()
    if not words:
        return []
    if not search_indexes.present(resource) or finds_nothing(resource, q):
        return [_either(resource, word, _contains(resource, word)) for word in words]
    if walk or dialect() == "postgresql":
        one = _begins if _is_mariadb() else _in_text
        return [_either(resource, word, one(resource, word)) for word in words]
    if not _is_mariadb() and not _has_number(resource, words):
        return [_key(resource).in_(_matches(resource, words))]
    found = union(*_variants(resource, words)).subquery()
    keys = [each.attribute for each in resource.key_columns]
    return [(tuple_(*keys) if len(keys) > 1 else keys[0]).in_(select(found))]


def streams(resource: Resource, q: str) -> Any:
    """Return the column that runs through the keys of what is found, in their order, or None.

    SQLite's FTS5 gives records by their key as it finds them: no other DBMS does.
    """
    words = q.split()
    indexed = bool(words) and dialect() == "sqlite" and search_indexes.present(resource)
    if not indexed or _has_number(resource, words):
        return None
    return _fts(resource).c.rowid


def streamed(resource: Resource, q: str) -> list[ColumnElement[bool]]:
    """Return the conditions that go with `streams`: they join the index to the table."""
    return [_fts(resource).c.rowid == _key(resource), _match(resource, q.split())]


def probe(resource: Resource, q: str) -> Count:
    """Return in how many records of the table an index finds the words, as far as it takes no time.

    A number beyond `counts.BOUND` is remembered for a while; a smaller one for this request.
    """
    known = counts.beyond(resource, q)
    if known is not None:
        return known
    now: dict[tuple[str, str], Count] = context.g().setdefault("webadmin_search", {})
    asked = (resource.name, q)
    if asked not in now:
        now[asked] = _probe(resource, q.split())
        counts.keep_beyond(resource, q, now[asked])
    return now[asked]


def _probe(resource: Resource, words: list[str]) -> Count:
    parts = _variants(resource, words)
    statement = select(union(*parts).subquery()) if len(parts) > 1 else parts[0]
    if dialect() == "postgresql":
        guess = _estimate(statement)
        if guess > SURELY * BOUND:
            return Count(guess, "about")
    if not _is_mariadb():
        return counts.bounded(statement)
    try:
        with limited(PROBE):
            return counts.bounded(statement)
    except TookTooLongError:
        return Count(BOUND, "more")


def finds_nothing(resource: Resource, q: str) -> bool:
    """Return whether MariaDB's index knows no such words, so that LIKE has to look for them."""
    return _is_mariadb() and probe(resource, q) == Count(0)


class _Explain(Executable, ClauseElement):
    """What PostgreSQL expects of a statement, asked with its values."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(_Explain)
def _explain(element: _Explain, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


def _estimate(statement: Select[Any]) -> int:
    """Return how many records PostgreSQL's statistics lead it to expect."""
    return int(read(_Explain(statement)).scalar_one()[0]["Plan"]["Plan Rows"])


def _is_mariadb() -> bool:
    return dialect() in ("mysql", "mariadb")


def _key(resource: Resource) -> Any:
    return resource.key_columns[0].attribute


def _columns(resource: Resource) -> list[Any]:
    return [resource.columns[name].attribute for name in resource.search_fields or ()]


def _number(resource: Resource, word: str) -> Any:
    """Return the condition for the record whose key a word is, or None."""
    keys = resource.key_columns
    if len(keys) == 1 and keys[0].kind.name == "integer" and re.fullmatch("[0-9]{1,18}", word):
        with suppress(ValueError):  # too large for the column: it is nobody's key
            return keys[0].attribute == keys[0].parse(word)
    return None


def _has_number(resource: Resource, words: list[str]) -> bool:
    return any(_number(resource, word) is not None for word in words)


def _either(resource: Resource, word: str, found: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    key = _number(resource, word)
    parts = found if key is None else [*found, key]
    return or_(*parts) if parts else false()


def _contains(resource: Resource, word: str) -> list[ColumnElement[bool]]:
    return [like(each, f"%{escaped(word)}%") for each in _columns(resource)]


def _begins(resource: Resource, word: str) -> list[ColumnElement[bool]]:
    begun = (f"{escaped(word)}%", *(f"%{before}{escaped(word)}%" for before in BEFORE))
    return [like(each, pattern) for each in _columns(resource) for pattern in begun]


def _in_text(resource: Resource, word: str) -> list[ColumnElement[bool]]:
    """Return the conditions on the search texts of columns: PostgreSQL has an index of them."""
    made = getattr(func, search_indexes.FUNCTION)
    part = _postgresql_part(word) if dialect() == "postgresql" else folding.part(word)
    # Written into the statement: PostgreSQL plans one that it knows the words of.
    pattern: Any = bindparam(None, f"%{escaped(part)}%", String(), literal_execute=True)
    return [made(each, type_=String()).like(pattern, escape="/") for each in _columns(resource)]


def begun(resource: Resource, by: Filter) -> list[ColumnElement[bool]]:
    """Return the condition by which PostgreSQL's search index finds what begins with a text."""
    if by.operator != "startswith" or dialect() != "postgresql":
        return []
    index = search_indexes.made(resource.table)
    if index is None or by.column.source.name not in index.columns:
        return []
    pattern = f"{escaped(_postgresql_text(by.value))}%"
    bound: Any = bindparam(None, pattern, String(), literal_execute=True)  # as in `_in_text`
    made = getattr(func, search_indexes.FUNCTION)(by.column.attribute, type_=String())
    return [made.like(bound, escape="/")]


@lru_cache(maxsize=1000)
def _postgresql_text(text: str) -> str:
    """Return what `folding.search_text` does, as PostgreSQL's own rules fold letters."""
    bare = text.replace(folding.MARK[0], "")
    made: str = read(select(getattr(func, search_indexes.FUNCTION)(bare))).scalar_one()
    return made


def _postgresql_part(word: str) -> str:
    """Return what `folding.part` does."""
    made = _postgresql_text(word)
    short = len(made) < len(folding.MARK) + SHORT
    return made if short else made.removeprefix(folding.MARK)


def _variants(resource: Resource, words: list[str]) -> list[Select[Any]]:
    """Return the SELECTs of keys that together find the words; each has an index."""
    found = [_matches(resource, words)]
    one = _contains if _is_mariadb() else _in_text
    for word in dict.fromkeys(words):
        key = _number(resource, word)
        if key is not None:
            keys = [each.attribute for each in resource.key_columns]
            rest = [each for each in words if each != word]
            texts = [_either(resource, each, one(resource, each)) for each in rest]
            found.append(select(*keys).where(key, *texts))
    return found


def _matches(resource: Resource, words: list[str]) -> Select[Any]:
    """Return the SELECT of the keys of the records whose texts have all words, by the index."""
    if dialect() == "sqlite":
        return select(_fts(resource).c.rowid).where(_match(resource, words))
    keys = [each.attribute for each in resource.key_columns]
    if dialect() == "postgresql":
        return select(*keys).where(*(or_(*_in_text(resource, word)) for word in words))
    return select(*keys).where(and_(*_fulltext(resource, words)))


def _fts(resource: Resource) -> Any:
    index = search_indexes.wanted(resource)
    return _table(index.name if index else "")


@cache
def _table(name: str) -> Any:
    """Return SQLite's table: the same one each time, so that its conditions go together."""
    return table(name, column("rowid", Integer()))


def _match(resource: Resource, words: list[str]) -> ColumnElement[bool]:
    """Return FTS5's condition (SQLite manual, FTS5, Full-text Query Syntax)."""
    phrases = (folding.part(word).replace('"', '""') for word in words)
    wanted = " ".join(f'"{phrase}"' for phrase in phrases)
    name = db.engine.dialect.identifier_preparer.quote(_fts(resource).name)
    return literal_column(name).op("MATCH", is_comparison=True)(wanted)


def _fulltext(resource: Resource, words: list[str]) -> list[ColumnElement[bool]]:
    """Return MariaDB's conditions: the index finds beginnings, LIKE holds them to the words."""
    found: list[ColumnElement[bool]] = []
    tokens: list[str] = []
    for word in words:
        mine = [
            each
            for each in re.findall(r"\w+", word)
            if len(each) >= SHORT and each.lower() not in STOPWORDS
        ]
        tokens += mine
        found.append(or_(*(_contains if mine else _starts)(resource, word)))
    if tokens:
        wanted = " ".join(f"+{token}*" for token in tokens)
        found.insert(0, match(*_columns(resource), against=wanted).in_boolean_mode())
    return found


def _starts(resource: Resource, word: str) -> list[ColumnElement[bool]]:
    return [like(each, f"{escaped(word)}%") for each in _columns(resource)]
