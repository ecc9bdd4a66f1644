"""Deferred indexes: those of a table, made when many records have come, not kept for each.

Names that come in no order are put all over an index, of which SQLite has two megabytes in memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Table

WORTH = 20_000  # records from which on it pays
# Unique ones stay: they have to refuse what comes.
_INDEXES = """
    SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL
    AND name NOT IN (SELECT name FROM pragma_index_list(?) WHERE "unique")"""


@contextmanager
def deferred(connection: Connection, table: Table, coming: int, again: bool) -> Iterator[None]:
    """Let SQLite do without the indexes of a table inside a transaction, while others read by them.

    It does not where fewer records come than are there, nor where records of the table name
    others of it, which are then looked for. The other DBMS would lock out who reads.

    Args:
        connection: It is in a transaction that writes.
        table: The table.
        coming: About how many records are to be written inside.
        again: Whether to make the indexes at the end; they are there again after a rollback.
    """
    found = _indexes(connection, table) if _is_worth(connection, table, coming) else []
    quote = connection.dialect.identifier_preparer.quote_identifier
    for name, _ in found:
        connection.exec_driver_sql(f"DROP INDEX {quote(name)}")
    yield
    if again:
        for _, sql in found:
            connection.exec_driver_sql(sql)


def _is_worth(connection: Connection, table: Table, coming: int) -> bool:
    if connection.dialect.name != "sqlite" or coming < WORTH:
        return False
    if any(key.column.table is table for key in table.foreign_keys):
        return False
    name = connection.dialect.identifier_preparer.format_table(table)
    some = f"SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT ?)"  # noqa: S608  # nosec B608
    there: int = connection.exec_driver_sql(some, (coming,)).scalar_one()
    return there < coming


def _indexes(connection: Connection, table: Table) -> list[tuple[str, str]]:
    rows = connection.exec_driver_sql(_INDEXES, (table.name, table.name))
    return [(str(name), str(sql)) for name, sql in rows]
