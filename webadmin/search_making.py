"""Search indexes made: the statements of each DBMS.

SQLite's index is an FTS5 table of trigrams, kept by triggers, so that rows which other programs
write are found too (SQLite manual, FTS5). A trigger folds letters by a table of its own: it knows
no function that only webadmin's connections have.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from webadmin import folding, search_indexes
from webadmin.search_indexes import EVENTS, FUNCTION, PAUSED, Index, quoted

FOLD = "webadmin_search_fold"  # PostgreSQL's function for texts that are not ASCII
LETTERS = "webadmin_letter"
CHUNK = 50_000  # records indexed by one statement
# A trigger folds letter by letter, and the rest of a longer text not at all.
MOST_FOLDED = 2000


class NoIndexError(Exception):
    """A search index cannot be made; the message says why."""


def create(connection: Connection, index: Index) -> Iterator[tuple[int, int]]:
    """Make an index, or make it anew; yield how many records are done, of how many.

    In a transaction of the caller's; MariaDB commits by itself.

    Raises:
        NoIndexError: The DBMS has nothing for it.
        sqlalchemy.exc.DBAPIError: The database refuses.
    """
    make = {"sqlite": _sqlite, "postgresql": _postgresql}.get(connection.dialect.name, _mariadb)
    try:
        yield from make(connection, index)
    finally:
        search_indexes.forget()


def _sqlite(connection: Connection, index: Index) -> Iterator[tuple[int, int]]:
    info = connection.exec_driver_sql(
        "SELECT name, upper(type) FROM pragma_table_info(?) WHERE pk > 0", (index.table,)
    ).all()
    if [tuple(row) for row in info] != [(index.key, "INTEGER")]:
        raise NoIndexError("Its primary key is no INTEGER, by which FTS5 could find records.")
    modules = connection.exec_driver_sql("PRAGMA module_list").scalars().all()
    if "fts5" not in modules or connection.dialect.server_version_info < (3, 34):  # type: ignore[operator]
        raise NoIndexError("This SQLite has no trigrams of FTS5: it needs version 3.34 or later.")
    name, table, key = (quoted(connection, each) for each in (index.name, index.table, index.key))
    columns = [quoted(connection, column) for column in index.columns]
    for event in EVENTS:
        connection.exec_driver_sql(f'DROP TRIGGER IF EXISTS "{index.name}_{event}"')
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
    connection.exec_driver_sql(
        f"CREATE VIRTUAL TABLE {name} USING fts5({', '.join(columns)}, tokenize='trigram', "
        "columnsize=0)"
    )
    connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {PAUSED} (name TEXT PRIMARY KEY)")
    _letters(connection)
    yield from _fill(connection, index, name, table, key, columns)
    _triggers(connection, index, name, table, key, columns)


def _letters(connection: Connection) -> None:
    """Write the table of letters that triggers fold by."""
    connection.exec_driver_sql(
        f"CREATE TABLE IF NOT EXISTS {LETTERS} (letter TEXT PRIMARY KEY, plain TEXT NOT NULL) "
        "WITHOUT ROWID"
    )
    connection.exec_driver_sql(
        f"INSERT OR REPLACE INTO {LETTERS} (letter, plain) VALUES (?, ?)",  # nosec B608
        list(folding.LETTERS.items()),
    )


def _fill(
    connection: Connection, index: Index, name: str, table: str, key: str, columns: list[str]
) -> Iterator[tuple[int, int]]:
    """Index the records that there are; a Python function folds faster than a trigger."""
    last = connection.exec_driver_sql(f"SELECT max({key}), count(*) FROM {table}").one()  # nosec B608
    texts = ", ".join(f"{FUNCTION}({column})" for column in columns)
    after, done = -(2**63), 0
    while last[0] is not None and after < last[0]:
        # The chunk ends at the key of its last record: keys may have gaps of any size.
        found = connection.exec_driver_sql(
            f"SELECT max(k), count(*) FROM (SELECT {key} AS k FROM {table} WHERE {key} > ? "  # nosec B608
            f"ORDER BY {key} LIMIT {CHUNK})",
            (after,),
        ).one()
        connection.exec_driver_sql(
            f"INSERT INTO {name} (rowid, {', '.join(columns)}) SELECT {key}, {texts} FROM {table} "  # nosec B608
            f"WHERE {key} > ? AND {key} <= ?",
            (after, found[0]),
        )
        after, done = found[0], done + found[1]
        yield done, last[1]


def _triggers(
    connection: Connection, index: Index, name: str, table: str, key: str, columns: list[str]
) -> None:
    """Let every program that writes to the table write to the index."""
    put = (
        f"INSERT OR REPLACE INTO {name} (rowid, {', '.join(columns)}) "
        f"VALUES (new.{key}, {', '.join(_folded(f'new.{column}') for column in columns)});"
    )
    forget = f"DELETE FROM {name} WHERE rowid = old.{key};"  # nosec B608
    paused = f"EXISTS (SELECT 1 FROM {PAUSED} WHERE name = '{index.name}')"  # nosec B608
    changed = " OR ".join(f"old.{each} IS NOT new.{each}" for each in (key, *columns))
    for event, when, condition, deeds in (
        ("insert", "INSERT", f"NOT {paused}", put),
        (
            "update",
            f"UPDATE OF {', '.join((key, *columns))}",
            f"({changed}) AND NOT {paused}",
            f"{forget} {put}",
        ),
        ("delete", "DELETE", "1", forget),
    ):
        connection.exec_driver_sql(
            f'CREATE TRIGGER "{index.name}_{event}" AFTER {when} ON {table} WHEN {condition} '
            f"BEGIN {deeds} END"
        )


def _folded(value: str) -> str:
    """Return the SQL that makes a search text of a value, as `folding.search_text` does."""
    special = f"\u0300-\u036f\u00c0-\u052f\u1e00-\u1fff{folding.IDEOGRAPHS}"
    letter = f"substr({value}, place, 1)"
    low, high, hangul, last = (
        folding.IDEOGRAPHS[0], folding.IDEOGRAPHS[2], folding.IDEOGRAPHS[3], folding.IDEOGRAPHS[5]
    )  # fmt: skip
    one = (
        f"CASE WHEN {letter} = ' ' THEN char(32, 31, 31) "
        f"WHEN {letter} BETWEEN '{low}' AND '{high}' OR {letter} BETWEEN '{hangul}' AND '{last}' "
        f"THEN char(31, 31) || {letter} "
        f"ELSE coalesce((SELECT plain FROM {LETTERS} WHERE letter = {letter}), {letter}) END"  # nosec B608
    )
    letters = (
        "(WITH RECURSIVE letters (place, done) AS (SELECT 1, '' UNION ALL "  # nosec B608
        f"SELECT place + 1, done || {one} FROM letters "
        f"WHERE place <= min(length({value}), {MOST_FOLDED})) "
        f"SELECT done || substr({value}, {MOST_FOLDED + 1}) FROM letters "
        "ORDER BY place DESC LIMIT 1)"
    )
    plain = f"replace({value}, ' ', char(32, 31, 31))"
    return (
        f"CASE WHEN {value} IS NULL THEN NULL ELSE char(31, 31) || "
        f"CASE WHEN {value} GLOB '*[{special}]*' THEN {letters} ELSE {plain} END END"
    )


def _postgresql(connection: Connection, index: Index) -> Iterator[tuple[int, int]]:
    prepare_postgresql(connection)
    for done, (column, statement) in enumerate(postgresql_statements(connection, index).items(), 1):
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {_where(connection, index, column)}")
        connection.exec_driver_sql(statement)
        yield done, len(index.columns)
    connection.exec_driver_sql(f"ANALYZE {_table(connection, index)}")


def _table(connection: Connection, index: Index) -> str:
    parts = [index.schema, index.table] if index.schema else [index.table]
    return ".".join(quoted(connection, str(part)) for part in parts)


def _where(connection: Connection, index: Index, column: str) -> str:
    parts = [index.schema] if index.schema else []
    return ".".join(quoted(connection, str(part)) for part in [*parts, index.name_of(column)])


def postgresql_statements(
    connection: Connection, index: Index, concurrently: bool = False
) -> dict[str, str]:
    """Return the CREATE INDEX of each column.

    Args:
        connection: That of the database.
        index: The index.
        concurrently: Whether writers go on meanwhile; then it must not be in a transaction.
    """
    word = "CONCURRENTLY " if concurrently else ""
    return {
        column: f"CREATE INDEX {word}{quoted(connection, index.name_of(column))} ON "
        f"{_table(connection, index)} USING gin "
        f"({FUNCTION}({quoted(connection, column)}::text) gin_trgm_ops)"
        for column in index.columns
    }


def prepare_postgresql(connection: Connection) -> None:
    """Make the extensions and the function that PostgreSQL's search indexes need.

    unaccent is no immutable function by itself, since its rules may be changed.

    Raises:
        NoIndexError: The extensions are not there, or may not be made.
    """
    for extension in ("pg_trgm", "unaccent"):
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        except DBAPIError as error:
            reason = str(error.orig).partition("\n")[0]
            raise NoIndexError(f"The extension {extension} cannot be made: {reason}.") from None
    statement = text(
        "SELECT quote_ident(n.nspname), quote_ident(current_schema()) FROM pg_extension e "
        "JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'unaccent'"
    )
    extensions, own = connection.execute(statement).one()
    # Names with their schemas: a restored dump has no search path.
    connection.exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION {own}.{FOLD}(given text) RETURNS text LANGUAGE plpgsql "
        "IMMUTABLE STRICT PARALLEL SAFE AS $$ DECLARE made text := replace(lower("
        f"{extensions}.unaccent('{extensions}.unaccent'::regdictionary, given)), "
        f"' ', ' {folding.MARK}'); BEGIN IF made ~ '[{folding.IDEOGRAPHS}]' THEN made := "
        f"regexp_replace(made, '([{folding.IDEOGRAPHS}])', E'{folding.MARK}\\\\1', 'g'); END IF; "
        f"RETURN '{folding.MARK}' || made; END $$"
    )
    # This one becomes a part of the statement: a call of a function costs several times as much.
    connection.exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION {own}.{FUNCTION}(given text) RETURNS text LANGUAGE sql "
        "IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN octet_length(given) = length(given) THEN "
        f"'{folding.MARK}' || replace(lower(given), ' ', ' {folding.MARK}') "
        f"ELSE {own}.{FOLD}(given) END $$"
    )


def _mariadb(connection: Connection, index: Index) -> Iterator[tuple[int, int]]:
    quote, table = quoted(connection, index.name), _table(connection, index)
    columns = ", ".join(quoted(connection, column) for column in index.columns)
    connection.exec_driver_sql(f"ALTER TABLE {table} DROP INDEX IF EXISTS {quote}")
    connection.exec_driver_sql(f"ALTER TABLE {table} ADD FULLTEXT INDEX {quote} ({columns})")
    yield 1, 1
