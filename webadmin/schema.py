"""The schema: what version the database is at, and bringing it up to date.

Only the command line alters a schema. A web request asks `is_current()`, so Alembic, which
takes 100 ms to import, is imported where it is used. Flask-Migrate's `Migrate` gives Alembic's
configuration; its own commands are not used, because they would run outside `_alone()`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import Connection, Table, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from webadmin import counts, records
from webadmin.config import ConfigError
from webadmin.database import db, sqlite_file, writing

HEAD = "0006"
VERSION_TABLE = "webadmin_version"
MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_NAME = "webadmin-schema"
LOCK_KEY = 0x77656261  # "weba": the same lock for PostgreSQL, which numbers its locks
LOCK_TIMEOUT = 60
# Both spellings: SQLAlchemy reads those of the dialect's name. The general collation of older
# servers holds all emoji equal (MariaDB manual, Unicode).
TABLE_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (
        ("engine", "InnoDB"),
        ("charset", "utf8mb4"),
        ("collate", "utf8mb4_unicode_520_ci"),
    )
}


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `check` found.

    Attributes:
        server: The DBMS and its version.
        version: The schema's version, or None in a database that webadmin has not seen.
        pending: Titles of the migrations that are still to be run.
        missing: Names of tables that resources need and the database lacks.
        counts: The number of records by the name of their resource, None without a table.
    """

    server: str
    version: str | None
    pending: list[str]
    missing: list[str]
    counts: dict[str, counts.Count | None]

    @property
    def current(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.pending or self.missing)


def current_version() -> str | None:
    """Return the version of the database's schema, or None where webadmin has made none.

    Raises:
        sqlalchemy.exc.DBAPIError: The database cannot be read.
    """
    with db.engine.connect() as connection:
        return _version(connection)


def is_current() -> bool:
    """Return whether the database has the schema that this webadmin works with."""
    return current_version() == HEAD


def upgrade() -> list[str]:
    """Bring the database up to date and return what was done, in words; nothing is an empty list.

    Several processes may do so at once. Tables that exist are never altered or dropped.

    Raises:
        ConfigError: The database was made by a newer webadmin, a table lacks a column, or
            another process holds the lock for over `LOCK_TIMEOUT` seconds.
        sqlalchemy.exc.DBAPIError: The database refuses.
    """
    _make_instance_folder()
    with db.engine.connect() as connection:
        if _version(connection) == HEAD and not _missing_tables(connection):
            return []
    done: list[str] = []
    with _alone() as connection:
        _migrate(connection, done)
        _create_missing(connection, done)
    return done


def check() -> Report:
    """Return the state of the database, changing nothing.

    Raises:
        ConfigError: There is no such SQLite file, or a newer webadmin made the database.
        sqlalchemy.exc.DBAPIError: The database cannot be read.
    """
    file = sqlite_file(_url())
    if file and not file.exists():
        raise ConfigError(f"The SQLite file {file} does not exist yet. Make it: webadmin init")
    with db.engine.connect() as connection:
        version = _version(connection)
        missing = [table.fullname for table in _missing_tables(connection)]
        server = _server(connection)
    found = {
        name: None if resource.table.fullname in missing else counts.of_table(resource)
        for name, resource in records.resources().items()
    }
    db.session.rollback()  # whoever asks again sees what has been made since
    pending = _pending(version)
    return Report(server=server, version=version, pending=pending, missing=missing, counts=found)


def _url() -> URL:
    url: URL = current_app.config["SQLALCHEMY_DATABASE_URI"]
    return url


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608  # nosec B608
    return version


def _server(connection: Connection) -> str:
    dialect = connection.dialect
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    # The `mysql` dialect serves both: `is_mariadb` tells what answered.
    mysql = "MariaDB" if getattr(dialect, "is_mariadb", False) else "MySQL"
    version = ".".join(str(part) for part in dialect.server_version_info or ())
    return f"{names.get(dialect.name, mysql)} {version}"


def _make_instance_folder() -> None:
    """Make the folder of the embedded database; one that a person names must exist."""
    file, folder = sqlite_file(_url()), Path(current_app.instance_path)
    if file is None or file.parent != folder:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The folder {folder} cannot be made ({error.strerror}). Make it writable, or name "
            "another one in WEBADMIN_INSTANCE_PATH, or a database in WEBADMIN_DATABASE_URI."
        ) from None


@contextmanager
def _alone() -> Iterator[Connection]:
    """Yield a connection in a transaction that no other process can be in at the same time."""
    if db.engine.dialect.name == "sqlite":
        with writing(), db.engine.begin() as connection:
            yield connection
    elif db.engine.dialect.name == "postgresql":
        with db.engine.begin() as connection:
            _lock_postgresql(connection)
            yield connection
    else:
        # MariaDB commits at every CREATE: the lock belongs to the connection instead.
        with db.engine.connect() as connection:
            name = {"name": f"{LOCK_NAME}.{_url().database}"[:64]}
            statement = text("SELECT GET_LOCK(:name, :timeout)")
            if connection.scalar(statement, {**name, "timeout": LOCK_TIMEOUT}) != 1:
                raise _busy()
            try:
                yield connection
                connection.commit()
            finally:
                connection.rollback()
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), name)


def _lock_postgresql(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'"))
    try:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") == "55P03":  # lock_not_available
            raise _busy() from None
        raise


def _busy() -> ConfigError:
    return ConfigError(
        f"Another process has been changing the tables for over {LOCK_TIMEOUT} seconds. "
        "Wait until it is done, then try again."
    )


def _migrate(connection: Connection, done: list[str]) -> None:
    from alembic import command

    if not _pending(_version(connection)):
        return
    config = _alembic_config()
    config.attributes["connection"] = connection
    config.attributes["done"] = done
    command.upgrade(config, "head")
    done.append(f"The schema is now at version {HEAD}.")


def _alembic_config() -> Any:
    from flask_migrate import Migrate

    return Migrate(current_app, db, directory=str(MIGRATIONS)).get_config()


def _pending(version: str | None) -> list[str]:
    """Return the titles of the migrations after `version`, the first to be run first."""
    if version == HEAD:
        return []
    from alembic.script import ScriptDirectory

    scripts = list(ScriptDirectory.from_config(_alembic_config()).walk_revisions())
    revisions = [script.revision for script in scripts]
    if version is not None and version not in revisions:
        raise ConfigError(
            f"This database was made by a newer webadmin: its schema has version {version}, and "
            f"this webadmin knows no version after {HEAD}. Upgrade webadmin."
        )
    newer = scripts[: revisions.index(version)] if version else scripts
    return [f"{script.revision} {script.doc}" for script in reversed(newer)]


def _missing_tables(connection: Connection) -> list[Table]:
    inspector = inspect(connection)
    return [
        table
        for table in _needed_tables()
        if not inspector.has_table(table.name, schema=table.schema)
    ]


def _needed_tables() -> list[Table]:
    """Return the tables of resources, and those that their keys and relationships lead to."""
    needed: dict[Table, None] = {}
    waiting: list[Any] = []
    for resource in records.resources().values():
        mapper = inspect(resource.model)
        waiting += mapper.tables
        for relationship in mapper.relationships:
            waiting += [relationship.secondary, relationship.target]
    while waiting:
        table = waiting.pop(0)
        if isinstance(table, Table) and table not in needed:
            needed[table] = None
            waiting += [key.column.table for key in table.foreign_keys]
    return list(needed)


def _create_missing(connection: Connection, done: list[str]) -> None:
    missing = _missing_tables(connection)
    for table in missing:
        for option, value in TABLE_OPTIONS.items():
            table.dialect_kwargs.setdefault(option, value)
    for metadata in {table.metadata: None for table in missing}:
        metadata.create_all(connection, [table for table in missing if table.metadata is metadata])
    done += [f"Made the table {table.fullname}." for table in missing]
