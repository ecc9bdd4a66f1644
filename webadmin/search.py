"""Search: the words of a list's search box, found by the search index where there is one.

Each word is in some search field, in any order; a number is also looked for in the key. With an
index, words of one or two letters are looked for at the beginning of words; MariaDB finds every
word there, and looks inside of words only where it found nothing.
"""

from collections.abc import Hashable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Executable,
    Integer,
    Select,
    String,
    bindparam,
    column,
    literal_column,
    or_,
    select,
    table,
    tuple_,
    union,
)
from sqlalchemy.ext.compiler import compiles

from webadmin import context, counts, prepared, search_indexes, search_words
from webadmin.counts import BOUND, Count
from webadmin.database import db, dialect, read
from webadmin.filters import Filter, escaped
from webadmin.resource import Resource
from webadmin.search_words import Word, is_mariadb, words
from webadmin.time_limit import TookTooLongError, limited

# Estimates are rough: what is thought to be so many more than the bound is not counted.
SURELY = 3
# Seconds in which MariaDB says how many records hold a word; a common one takes longer.
PROBE = 0.1


def opened(resource: Resource, q: str) -> tuple[Hashable, dict[str, str]] | None:
    """Return the form of a search, and the values by the names that its conditions bind them by.

    None where its statements are no use to another search.
    """
    given = words(q)
    if not given:
        return (), {}
    if search_words.has_number(resource, given) or not is_served(resource, q):
        return None
    return search_words.form(given), search_words.values(given)


def criteria(resource: Resource, q: str, walk: bool = False) -> list[ColumnElement[bool]]:
    """Return the conditions that the records with all words meet.

    Args:
        resource: What is searched.
        q: The words, separated by spaces.
        walk: Whether records are looked at one by one, in the order of a sort, since very many
            have the words; else the search index finds them.
    """
    given = words(q)
    if not given:
        return []
    if not is_served(resource, q):
        return _all(resource, given, search_words.contains)
    if walk:
        return _all(resource, given, search_words.begins if is_mariadb() else search_words.walked)
    if dialect() == "postgresql":
        return _all(resource, given, search_words.in_text)
    if not is_mariadb() and not search_words.has_number(resource, given):
        return [_key(resource).in_(*_matches(resource, given))]
    found = union(*_variants(resource, given)).subquery()
    keys = [each.attribute for each in resource.key_columns]
    return [(tuple_(*keys) if len(keys) > 1 else keys[0]).in_(select(found))]


def _all(resource: Resource, given: Sequence[Word], one: Any) -> list[ColumnElement[bool]]:
    return [search_words.either(resource, word, one(resource, word)) for word in given]


def streams(resource: Resource, q: str) -> Any:
    """Return the column that runs through the keys of what is found, in their order, or None.

    SQLite's FTS5 gives records by their key as it finds them: no other DBMS does.
    """
    if not q or dialect() != "sqlite" or not is_served(resource, q):
        return None
    if search_words.has_number(resource, words(q)):
        return None
    return _fts(resource).c.rowid


def streamed(resource: Resource, q: str) -> list[ColumnElement[bool]]:
    """Return the conditions that go with `streams`: they join the index to the table."""
    given = words(q)
    return [
        _fts(resource).c.rowid == _key(resource),
        _match(resource, given),
        *_signs(resource, given),
    ]


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
        now[asked] = _probe(resource, words(q))
        counts.keep_beyond(resource, q, now[asked])
    return now[asked]


def _probe(resource: Resource, given: Sequence[Word]) -> Count:
    if dialect() == "postgresql":
        guess = _run(_expected, resource, given)[0]["Plan"]["Plan Rows"]
        if guess > SURELY * BOUND:
            return Count(guess, "about")
    if not is_mariadb():
        return counts.told(_run(_counting, resource, given))
    try:
        with limited(PROBE):
            return counts.told(_run(_counting, resource, given))
    except TookTooLongError:
        return Count(BOUND, "more")


def _run(build: Any, resource: Resource, given: Sequence[Word]) -> Any:
    """Return the one value of a statement about words, which is kept if it has no numbers."""
    if search_words.has_number(resource, given):
        return read(build(resource, given)).scalar_one()
    asked = build, resource, search_words.form(given), dialect()
    statement = prepared.kept(asked, lambda: build(resource, given))
    return prepared.rows(statement, search_words.values(given), planned=False)[0][0]


def _counting(resource: Resource, given: Sequence[Word]) -> Select[Any]:
    return counts.bounding(_found(resource, given))


def _expected(resource: Resource, given: Sequence[Word]) -> Any:
    return _Explain(_found(resource, given))


def _found(resource: Resource, given: Sequence[Word]) -> Select[Any]:
    parts = _variants(resource, given)
    return select(union(*parts).subquery()) if len(parts) > 1 else parts[0]


def is_served(resource: Resource, q: str) -> bool:
    """Return whether an index finds the words: else each record has to be looked at.

    PostgreSQL's trigrams are those of letters and digits, SQLite's of three of any signs, and
    MariaDB's index may know no word that begins as one does.
    """
    if not search_indexes.present(resource):
        return False
    if is_mariadb():
        return probe(resource, q) != Count(0)
    return not all(each.is_sign for each in words(q))


class _Explain(Executable, ClauseElement):
    """What PostgreSQL expects of a statement, asked with its values."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(_Explain)
def _explain(element: _Explain, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


def _key(resource: Resource) -> Any:
    return resource.key_columns[0].attribute


def begun(resource: Resource, by: Filter) -> list[ColumnElement[bool]]:
    """Return the condition by which PostgreSQL's search index finds what begins with a text."""
    if by.operator != "startswith" or dialect() != "postgresql":
        return []
    index = search_indexes.made(resource.table)
    if index is None or by.column.source.name not in index.columns:
        return []
    pattern = f"{escaped(search_words.postgresql_text(by.value))}%"
    # Written into the statement: PostgreSQL plans one whose value it knows.
    bound: Any = bindparam(None, pattern, String(), literal_execute=True)
    return [search_words.search_text(by.column.attribute).like(bound, escape="/")]


def _variants(resource: Resource, given: Sequence[Word]) -> list[Select[Any]]:
    """Return the SELECTs of keys that together find the words; each has an index."""
    found = _matches(resource, given)
    keys = [each.attribute for each in resource.key_columns]
    for word in {each.text: each for each in given}.values():
        key = search_words.number(resource, word)
        if key is not None:
            rest = [each for each in given if each.text != word.text]
            found.append(select(*keys).where(key, *_all(resource, rest, _one)))
    return found


def _one(resource: Resource, word: Word) -> list[ColumnElement[bool]]:
    if is_mariadb():
        return [search_words.held_to(resource, word)]
    return search_words.in_text(resource, word)


def _matches(resource: Resource, given: Sequence[Word]) -> list[Select[Any]]:
    """Return the SELECTs of the keys of the records whose texts have all words, by the index."""
    if dialect() == "sqlite":
        found = select(_fts(resource).c.rowid).where(_match(resource, given))
        signs = _signs(resource, given)
        return [found.where(_fts(resource).c.rowid == _key(resource), *signs) if signs else found]
    keys = select(*(each.attribute for each in resource.key_columns))
    if dialect() == "postgresql":
        return [keys.where(*(or_(*search_words.in_text(resource, word)) for word in given))]
    return [keys.where(*met) for met in search_words.fulltext(resource, given)]


def _signs(resource: Resource, given: Sequence[Word]) -> list[ColumnElement[bool]]:
    """Return the conditions for the words that SQLite's index cannot find."""
    return _all(resource, [each for each in given if each.is_sign], search_words.in_text)


def _fts(resource: Resource) -> Any:
    index = search_indexes.wanted(resource)
    return _table(index.name if index else "")


@cache
def _table(name: str) -> Any:
    """Return SQLite's table: the same one each time, so that its conditions go together."""
    return table(name, column("rowid", Integer()))


def _match(resource: Resource, given: Sequence[Word]) -> ColumnElement[bool]:
    name = db.engine.dialect.identifier_preparer.quote(_fts(resource).name)
    return literal_column(name).op("MATCH", is_comparison=True)(search_words.query(given))
