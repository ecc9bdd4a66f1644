"""Search indexes: which there are, and what is written to them at once.

SQLite: an FTS5 table of trigrams. PostgreSQL: trigrams in a GIN index (its manual, pg_trgm) of a
text without accents (unaccent). MariaDB: FULLTEXT, which finds words and their beginnings.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import Connection, Table, inspect, text

from webadmin.database import dialect, read
from webadmin.resource import Resource

PREFIX = "webadmin_search"
FUNCTION = "webadmin_search_text"
EVENTS = ("insert", "update", "delete")
PAUSED = "webadmin_search_paused"
ASKED_EVERY = 60.0  # seconds until an index that was not there is looked for again


@dataclass(frozen=True)
class Index:
    """A search index, as it is or should be.

    Attributes:
        table: The name of the table.
        key: Its primary key, where that is one column, else "".
        columns: The columns that are searched.
        schema: The schema of the table, None: the usual one.
    """

    table: str
    key: str
    columns: tuple[str, ...]
    schema: str | None = None

    @property
    def name(self) -> str:
        """The name of SQLite's table and of MariaDB's index."""
        return f"{PREFIX}_{self.table}"[:60]

    def name_of(self, column: str) -> str:
        """Return the name of PostgreSQL's index of a column."""
        return f"{PREFIX}_{self.table}_{column}"[:60]


def wanted(resource: Resource) -> Index | None:
    """Return the index that serves the searches of a resource, None where there is no search.

    A model that inherits has none: its columns are in several tables, or share one with others'.
    """
    if not resource.search_fields or inspect(resource.model).inherits is not None:
        return None
    columns = (resource.columns[name].source.name for name in resource.search_fields)
    return _of(resource.table, tuple(columns))


def _of(table: Table, columns: tuple[str, ...]) -> Index:
    keys = list(table.primary_key.columns)
    return Index(table.name, keys[0].name if len(keys) == 1 else "", columns, table.schema)


def present(resource: Resource) -> bool:
    """Return whether the searches of a resource have their index."""
    index, found = wanted(resource), made(resource.table)
    if index is None or found is None:
        return False
    # SQLite's is searched as a whole: it must hold no other column.
    same = set(index.columns) == set(found.columns)
    return same if dialect() == "sqlite" else set(index.columns) <= set(found.columns)


def made(table: Table, connection: Connection | None = None) -> Index | None:
    """Return the search index of a table: looked for once, and for a missing one now and then.

    Args:
        table: The table.
        connection: Where it is looked for; None: the session's.
    """
    memory: dict[str, tuple[float, Index | None]] = current_app.extensions.setdefault(
        "webadmin_search_indexes", {}
    )
    then, found = memory.get(table.fullname, (-ASKED_EVERY, None))
    if found is None and time.monotonic() - then >= ASKED_EVERY:
        found = _made(table, connection)
        memory[table.fullname] = (time.monotonic(), found)
    return found


def forget() -> None:
    """Let the indexes be looked for again."""
    current_app.extensions.pop("webadmin_search_indexes", None)
    current_app.extensions.pop("webadmin_unaccent", None)


def unaccent() -> tuple[str, str]:
    """Return in SQL where PostgreSQL's extension of that name is: schema and dictionary."""
    known: dict[str, tuple[str, str]] = current_app.extensions
    if "webadmin_unaccent" not in known:
        statement = text(
            "SELECT quote_ident(n.nspname), quote_literal(quote_ident(n.nspname) || '.unaccent') "
            "FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
            "WHERE e.extname = 'unaccent'"
        )
        schema, dictionary = read(statement).one()
        known["webadmin_unaccent"] = schema, f"{dictionary}::regdictionary"
    return known["webadmin_unaccent"]


def _made(table: Table, connection: Connection | None) -> Index | None:
    empty = _of(table, ())
    look = {"sqlite": _sqlite_made, "postgresql": _postgresql_made}.get(dialect(), _mariadb_made)
    statement, names = look(empty)
    ask = connection.execute if connection else read
    rows = {row[0] for row in ask(text(statement).bindparams(**names))}
    if dialect() == "postgresql":
        columns = [each.name for each in table.columns if empty.name_of(each.name) in rows]
    else:
        columns = [each.name for each in table.columns if each.name in rows]
    whole = dialect() != "sqlite" or {f"{empty.name}_{event}" for event in EVENTS} <= rows
    return _of(table, tuple(columns)) if columns and whole else None


def _sqlite_made(index: Index) -> tuple[str, dict[str, str | None]]:
    return (
        "SELECT name FROM pragma_table_info(:name) UNION ALL SELECT name FROM sqlite_master "
        "WHERE type = 'trigger' AND tbl_name = :table AND name LIKE :name || '%'",
        {"name": index.name, "table": index.table},
    )


def _postgresql_made(index: Index) -> tuple[str, dict[str, str | None]]:
    return (
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace "
        "WHERE i.indisvalid AND t.relname = :table AND c.relname LIKE 'webadmin\\_search\\_%' "
        "AND n.nspname = COALESCE(:schema, current_schema())",
        {"table": index.table, "schema": index.schema},
    )


def _mariadb_made(index: Index) -> tuple[str, dict[str, str | None]]:
    return (
        "SELECT column_name FROM information_schema.statistics WHERE index_type = 'FULLTEXT' "
        "AND table_schema = COALESCE(:schema, DATABASE()) AND table_name = :table "
        "AND index_name = :name",
        {"table": index.table, "schema": index.schema, "name": index.name},
    )


def quoted(connection: Connection, name: str) -> str:
    """Return a name as the DBMS quotes it."""
    return connection.dialect.identifier_preparer.quote_identifier(name)


@contextmanager
def paused(connection: Connection, table: Table) -> Iterator[list[Any]]:
    """Index many records at once, which is several times quicker than SQLite's triggers are.

    Yields:
        The list of the keys that are written inside, to be filled by the caller. What is left out
        of it is not found: only for a transaction that is rolled back.
    """
    keys: list[Any] = []
    index = made(table, connection) if connection.dialect.name == "sqlite" else None
    if index is None:
        yield keys
        return
    connection.exec_driver_sql(f"INSERT INTO {PAUSED} (name) VALUES (?)", (index.name,))  # nosec B608
    try:
        yield keys
    finally:
        connection.exec_driver_sql(f"DELETE FROM {PAUSED} WHERE name = ?", (index.name,))  # nosec B608
    if keys:
        _index_again(connection, index, keys)


def _index_again(connection: Connection, index: Index, keys: list[Any]) -> None:
    name, table, key = (quoted(connection, each) for each in (index.name, index.table, index.key))
    columns = [quoted(connection, column) for column in index.columns]
    texts = ", ".join(f"{FUNCTION}({column})" for column in columns)
    connection.exec_driver_sql(
        f"INSERT OR REPLACE INTO {name} (rowid, {', '.join(columns)}) "  # nosec B608
        f"SELECT {key}, {texts} FROM {table} WHERE {key} IN (SELECT value FROM json_each(?))",
        (json.dumps(keys),),
    )
