"""Which indexes the sorts and filters of a list need, and which of them the database has.

An index serves a sort where it begins with its columns and those of the primary key, in order. On
SQLite the rowid closes every index by itself, on InnoDB the primary key does.
"""

import hashlib
import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from flask import current_app
from sqlalchemy import Table, text

from webadmin import search_indexes, sorting
from webadmin.columns import Column
from webadmin.database import db, dialect, read
from webadmin.resource import Resource

REMEMBERED = 300.0
LONGEST_NAME = 60  # PostgreSQL's names have 63 bytes, MariaDB's 64 characters
# Bytes of an entry: PostgreSQL refuses to store a record whose entry is longer (manual, B-Trees),
# InnoDB to make the index.
LONGEST_ENTRY = {"postgresql": 2704, "mysql": 3072, "mariadb": 3072}
PRIMARY = "the primary key"
# Name of an index, whether it is unique, one column after the other; NULL for what is no plain
# column in ascending order, as it is compared where nothing else is said.
_EXISTING = {
    "sqlite": """
        SELECT l.name, l."unique", CASE WHEN x.coll = 'BINARY' AND NOT x."desc" THEN x.name END
        FROM pragma_index_list(:table) AS l, pragma_index_xinfo(l.name) AS x
        WHERE x.key AND NOT l.partial ORDER BY l.name, x.seqno""",
    "postgresql": """
        SELECT c.relname, i.indisunique, a.attname
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
        CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS k(n)
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n]
          AND a.attcollation = i.indcollation[k.n] AND i.indoption[k.n] = 0
          AND EXISTS (SELECT FROM pg_opclass o WHERE o.oid = i.indclass[k.n] AND o.opcdefault)
        WHERE i.indrelid = to_regclass(:quoted) AND i.indisvalid AND i.indpred IS NULL
          AND m.amname = 'btree'
        ORDER BY c.relname, k.n""",
    "mariadb": """
        SELECT index_name, non_unique = 0, CASE WHEN index_type = 'BTREE' AND sub_part IS NULL
          AND collation = 'A' THEN column_name END
        FROM information_schema.statistics
        WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :table
        ORDER BY index_name, seq_in_index""",
}


@dataclass(frozen=True)
class Index:
    """An index that a database has: names of columns, those that close it included."""

    name: str
    columns: tuple[str, ...]
    unique: int = 0  # the number of leading columns that are the same in no two records


@dataclass(frozen=True)
class Need:
    """A sort or a filter of a list, and the index that it needs.

    Attributes:
        resource: The resource whose list it is of.
        purpose: What it is, such as "sort by name".
        columns: The names of the table's columns in the index to make.
        leading: With how many of them an index has to begin, to serve.
        served_by: The index that the database has for it, "" where there is none.
        reason: Why no plain index can serve it, "" where one can.
    """

    resource: Resource
    purpose: str
    columns: tuple[str, ...]
    leading: int
    served_by: str = ""
    reason: str = ""

    @property
    def missing(self) -> bool:
        """Whether an index can be made that would serve it."""
        return not (self.served_by or self.reason)

    @property
    def index_name(self) -> str:
        """The name of the index to make."""
        keys = [each.source.name for each in self.resource.key_columns]
        own = [each for each in self.columns if each not in keys] or list(self.columns)
        name = "_".join(["ix", self.resource.table.name, *own])
        if len(name.encode()) <= LONGEST_NAME:
            return name
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        return f"{name.encode()[: LONGEST_NAME - 9].decode(errors='ignore')}_{digest}"


def existing(table: Table, run: Callable[..., Any] = read) -> list[Index]:
    """Return the indexes of a table that are in plain order, the primary key the first.

    Args:
        table: The table; without it in the database there are no indexes.
        run: What executes a statement with its parameters.

    Raises:
        sqlalchemy.exc.DBAPIError: The database cannot be read.
    """
    name = dialect()
    quoted = db.engine.dialect.identifier_preparer.format_table(table)
    statement = text(_EXISTING.get(name, _EXISTING["mariadb"]))
    given = {"table": table.name, "quoted": quoted, "schema": table.schema}
    used = {each: given[each] for each in statement.compile().params}
    rows = run(statement, used).all()
    key = tuple(column.name for column in table.primary_key.columns)
    closing: tuple[str, ...] = () if name == "postgresql" else key
    found = [Index(PRIMARY, key, unique=len(key))]
    for index, parts in itertools.groupby(rows, key=lambda row: row[0]):
        own = [*parts]
        names = _plain(own)
        unique = len(names) if own[0][1] and len(names) == len(own) else 0
        if len(names) == len(own):
            names = (*names, *(each for each in closing if each not in names))
        found.append(Index(index, names, unique))
    return [index for index in found if index.columns]


def _plain(parts: Iterable[Any]) -> tuple[str, ...]:
    """Return the leading columns of an index, as far as they are in plain order."""
    return tuple(part[2] for part in itertools.takewhile(lambda part: part[2], parts))


def serving(columns: tuple[str, ...], leading: int, table: Table, have: list[Index]) -> str:
    """Return the name of an index that begins with the first `leading` columns, or ""."""
    for index in have:
        if index.columns[:leading] == columns[:leading]:
            return index.name
        # Behind what no two records have in common there is nothing left to sort.
        alone = 0 < index.unique <= leading and not any(
            table.c[name].nullable for name in columns[: index.unique]
        )
        if alone and index.columns[: index.unique] == columns[: index.unique]:
            return index.name
    return ""


def needs(resource: Resource) -> list[Need]:
    """Return what the sorts and filters of a resource's list need, and what serves each.

    Raises:
        sqlalchemy.exc.DBAPIError: The database cannot be read.
    """
    have = existing(resource.table)
    shown = [name for name in resource.list_display if resource.columns[name].kind.sortable]
    found = [_sort(resource, (name,), f"sort by {name}") for name in shown]
    own = resource.ordering
    if own and not (len(own) == 1 and own[0].removeprefix("-") in shown):
        found.append(_sort(resource, own, f"sort by {', '.join(own)}"))
    for name in resource.list_filter:
        found += _filters(resource, resource.columns[name])
    return [_served(need, have) for need in found]


def _served(need: Need, have: list[Index]) -> Need:
    if need.reason or need.served_by:
        return need
    by = serving(need.columns, need.leading, need.resource.table, have)
    return Need(need.resource, need.purpose, need.columns, need.leading, by)


def _sort(resource: Resource, sort: tuple[str, ...], purpose: str) -> Need:
    keys = sorting.sort_keys(resource, sort, dialect())
    columns = tuple(key.column.source.name for key in keys)
    reasons = [_unfit(resource, key.column, sorts=True) for key in keys]
    if len({key.descending for key in keys}) > 1:
        reasons.append("its directions differ")
    if any(key.nullable for key in keys[1:]):
        reasons.append("a second column that may be empty is sorted by an expression")
    return Need(resource, purpose, columns, len(columns), reason=next(filter(None, reasons), ""))


def _filters(resource: Resource, column: Column) -> list[Need]:
    # Of a model that inherits the key may be in its parent's table alone.
    every = (each for key in resource.key_columns for each in key.attribute.property.columns)
    key = tuple(each.name for each in every if each.table is resource.table)
    name = column.source.name
    columns = (name, *(each for each in key if each != name))
    reason = _unfit(resource, column, sorts=False)
    purpose = f"filter by {column.name}"
    found = [Need(resource, purpose, columns, 1, reason=reason)]
    if "startswith" in column.kind.operators:
        begins = Need(resource, f"{purpose}, starts with", columns, 1, reason=reason)
        found.append(_searched(begins, column) if dialect() == "postgresql" else begins)
        inside = "an index finds beginnings only"
        found.append(Need(resource, f"{purpose}, contains", columns, 1, reason=reason or inside))
    return found


def _searched(need: Need, column: Column) -> Need:
    """Return what PostgreSQL has for a beginning: its search index, which folds upper case."""
    index = search_indexes.made(need.resource.table)
    if index is not None and column.source.name in index.columns:
        return replace(need, served_by=index.name_of(column.source.name))
    folded = "it takes upper and lower case as equal"
    return replace(need, reason=need.reason or folded)


def _unfit(resource: Resource, column: Column, sorts: bool) -> str:
    """Return why no plain index can serve a column, "" where one can."""
    name, kind = dialect(), column.kind.name
    if column.source.table is not resource.table:
        return f"{column.name} is in another table, {column.source.table.name}"
    if kind in ("json", "binary", "unknown"):
        return f"{column.name} is of a type that is not indexed"
    if sorts and name in ("mysql", "mariadb") and sorting.sorted_as_text(column, name):
        return f"MariaDB sorts {column.name} by a text made of it"
    longest = LONGEST_ENTRY.get(name)
    if longest and column.is_text and not 0 < (column.max_length or 0) * 4 <= longest - 100:
        return f"texts in {column.name} may be longer than an entry of an index"
    return ""


def unindexed(resource: Resource, name: str) -> Need | None:
    """Return what a sort by a column lacks, None where an index serves it.

    The database is asked once in some minutes.
    """
    memory: dict[str, tuple[float, dict[str, Need]]]
    memory = current_app.extensions.setdefault("webadmin_unindexed", {})
    then, lacking = memory.get(resource.name, (0.0, {}))
    if resource.name not in memory or time.monotonic() - then > REMEMBERED:
        have = existing(resource.table)
        sortable = (each for each, column in resource.columns.items() if column.kind.sortable)
        found = {each: _served(_sort(resource, (each,), ""), have) for each in sortable}
        lacking = {each: need for each, need in found.items() if not need.served_by}
        memory[resource.name] = (time.monotonic(), lacking)
    return lacking.get(name)
