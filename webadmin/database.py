"""The database: its URI, and an engine fit for each DBMS."""

import importlib.util
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask, g, has_app_context
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, CursorResult, Executable, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction

from webadmin import context
from webadmin.config import EMBEDDED_DATABASE, ConfigError
from webadmin.idle import Idle
from webadmin.sqlite import SQLite, writers_patience
from webadmin.turns import Turns


class Base(DeclarativeBase):
    """The declarative base of webadmin's own models."""


# Committed records stay readable: rendering after a commit must not take the lock again.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})


def dialect() -> str:
    """Return the name of the DBMS in use: sqlite, postgresql, mysql or mariadb."""
    name: str = context.app().extensions["webadmin_dialect"]
    return name


def read(
    statement: Executable, parameters: Mapping[str, Any] | None = None
) -> CursorResult[*tuple[Any, ...]]:
    """Execute a SELECT of columns, in half the time that the session takes.

    What the session adds to it serves entities.
    """
    return connection().execute(statement, parameters or {})


def connection() -> Connection:
    """Return the connection to read by.

    It is that of the session's transaction, which begins where there is none. A request that only
    reads has one without a session, until something asks for entities: see `release`.
    """
    kept = context.g()
    if kept.get("reading") is None:
        if not kept.get("only_reads") or _session_is_used():
            return session_connection()
        kept.reading = db.engine.connect()
        if dialect() == "postgresql":
            # Each statement has a snapshot of its own in any case (READ COMMITTED): this spares
            # the journeys of BEGIN and ROLLBACK.
            kept.reading = kept.reading.execution_options(isolation_level="AUTOCOMMIT")
    found: Connection = kept.reading
    return found


def session_connection() -> Connection:
    """Return the connection of the session's transaction, which begins where there is none.

    The session itself takes half as long as a statement to find it again.
    """
    session = db.session()
    found: Connection | None = session.info.get("connection")
    return session.connection() if found is None else found


def _begun(session: Session, _transaction: object, connection: Connection) -> None:
    if connection.engine is db.engine:  # models may have others
        session.info["connection"] = connection


def _ended(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop("connection", None)


def _session_is_used() -> bool:
    return db.session.registry.has() and db.session.registry().in_transaction()


def release() -> None:
    """Give the connection of this request back, whether the session has it or not."""
    _stop_reading()
    if db.session.registry.has():
        db.session.rollback()


def _stop_reading(*_: object) -> None:
    """Give the connection back that has no session: one a request is enough."""
    reading = context.g().pop("reading", None) if has_app_context() else None
    if reading is not None:
        reading.close()


def asking() -> Any:
    """Return the account that asks, with its `id`, `email` and `role`; None where nobody does.

    The guard leaves it in `g`; who works without a request leaves it in the session.
    """
    account = db.session.info.get("account") if db.session.registry.has() else None
    return account or context.g().get("account")


def begin_request(safe: bool) -> None:
    """Note whether a request only reads.

    Args:
        safe: Whether its method is safe, so that it must not write.
    """
    _stop_reading()
    g.only_reads = safe


def end_request() -> None:
    """Forget what `begin_request` noted: an application's context may outlast its requests."""
    g.pop("only_reads", None)


def refuse_writes(*_: object) -> None:
    """Refuse to write in a request that is to read only.

    Raises:
        RuntimeError: Its method is safe.
    """
    if context.g().get("only_reads"):
        raise RuntimeError("A request with a safe method cannot write records.")


event.listen(db.session, "before_flush", refuse_writes)
event.listen(db.session, "after_transaction_create", _stop_reading)
event.listen(db.session, "after_begin", _begun)
event.listen(db.session, "after_transaction_end", _ended)


EXAMPLES = (
    "sqlite:///db.sqlite, postgresql://username:password@localhost/dbname "
    "or mariadb://username:password@host:3306/database"
)


def _mysql_driver() -> str:
    """Return mysqldb where it happens to be installed (it is faster), else pymysql."""
    return "mysqldb" if importlib.util.find_spec("MySQLdb") else "pymysql"


# What serves a URI that names no driver.
DRIVERS: dict[str, Callable[[], str]] = {
    "sqlite": lambda: "",
    "postgresql": lambda: "psycopg",
    "mariadb": _mysql_driver,
    "mysql": _mysql_driver,
}


@contextmanager
def writing(patience: float = math.inf) -> Iterator[None]:
    """Let transactions that begin inside take SQLite's write lock at once (BEGIN IMMEDIATE).

    A transaction that reads first and writes later would otherwise lose updates or fail
    with "database is locked": https://www.sqlite.org/lang_transaction.html

    Args:
        patience: Seconds to wait for another writer, where that is less than the setting.
    """
    token = writers_patience.set(patience)
    try:
        yield
    finally:
        writers_patience.reset(token)


@contextmanager
def reading() -> Iterator[None]:
    """Let a request that writes read before its transaction begins, which takes the lock.

    On PostgreSQL that has no lock for all, and a snapshot for each statement (READ COMMITTED):
    one connection does for both.
    """
    if writers_patience.get() is not None and dialect() == "postgresql":
        yield
        return
    kept = context.g()
    before, kept.only_reads = kept.get("only_reads"), True
    token = writers_patience.set(None)
    try:
        yield
    finally:
        writers_patience.reset(token)
        kept.only_reads = before
        if not before:
            _stop_reading()


def database_url(uri: str | None, instance: Path) -> URL:
    """Return the URL to connect to: with a driver, and absolute where it names a file.

    A relative SQLite path is relative to the working directory, as SQLAlchemy reads it.

    Raises:
        ConfigError: The text is no URI of a database that webadmin knows.
    """
    if not uri:
        return URL.create("sqlite", database=str(instance / EMBEDDED_DATABASE))
    try:
        url = make_url(uri)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise ConfigError(
            f"The database URI cannot be read. Write it like {EXAMPLES}; special characters "
            "in a password are percent-encoded (@ is %40)."
        ) from None
    if "@" in (url.host or ""):
        raise ConfigError(
            "The database URI has an @ in its user name or password. Write it as %40: special "
            "characters there are percent-encoded."
        )
    if url.drivername.startswith(("mariadb", "mysql")) and not url.database:
        raise ConfigError(f"The database URI names no database. Write it like {EXAMPLES}.")
    # "postgres" is what hosting services write; SQLAlchemy knows the full name only.
    backend, _, driver = url.drivername.partition("+")
    backend = "postgresql" if backend == "postgres" else backend
    if backend not in DRIVERS:
        raise ConfigError(f"webadmin knows no database {backend!r}. Write a URI like {EXAMPLES}.")
    driver = driver or DRIVERS[backend]()
    url = url.set(drivername=f"{backend}+{driver}" if driver else backend)
    try:
        url.get_dialect().import_dbapi()
    except (ImportError, ArgumentError):
        raise ConfigError(
            f"The driver {driver!r} is not installed. Leave it out of the database URI to use "
            "the one that comes with webadmin."
        ) from None
    if url.get_backend_name() == "sqlite" and sqlite_file(url):
        url = url.set(database=str(Path(str(url.database)).absolute()))
    return url


def sqlite_file(url: URL) -> Path | None:
    """Return the file of a SQLite URL, or None for memory, a `file:` URI or another DBMS."""
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or name in ("", ":memory:") or name.startswith("file:"):
        return None
    return Path(name)


def masked(url: URL) -> str:
    """Return the URL as text with its password hidden."""
    return url.render_as_string(hide_password=True)


def init_app(app: Flask) -> None:
    """Bind `db` to the configured database, each DBMS with the options it needs."""
    url = database_url(app.config["DATABASE_URI"], Path(app.instance_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _engine_options(url, app)
    db.init_app(app)
    app.teardown_appcontext(_stop_reading)
    with app.app_context():
        app.extensions["webadmin_dialect"] = db.engine.dialect.name
        if url.get_backend_name() == "sqlite":
            SQLite(sqlite_file(url), float(app.config["DATABASE_TIMEOUT"])).listen(db.engine)
            app.wsgi_app = Turns(app.wsgi_app)  # type: ignore[method-assign]
        else:
            is_postgresql = url.get_backend_name() == "postgresql"
            prepare = _postgresql_connected if is_postgresql else _mariadb_connected
            event.listen(db.engine, "connect", prepare)
            Idle(db.engine).listen()


def _engine_options(url: URL, app: Flask) -> dict[str, Any]:
    timeout = int(app.config["DATABASE_TIMEOUT"])
    # A compiled statement of a wide list takes a megabyte: the usual 500 of them are too many.
    # What was to be written stands in no log: there are hashes of passwords among it.
    options: dict[str, Any] = {"query_cache_size": 150, "hide_parameters": True}
    if url.get_backend_name() != "sqlite" or sqlite_file(url):  # one in memory has one connection
        options |= {
            "pool_size": app.config["POOL_SIZE"],
            "max_overflow": 0,
            "pool_timeout": timeout,
            "pool_use_lifo": True,
        }
    if url.get_backend_name() == "sqlite":
        return {**options, "connect_args": {"timeout": timeout}}
    options |= {
        "pool_recycle": 1800,
        "connect_args": {"connect_timeout": timeout},
    }
    if url.get_backend_name() != "postgresql":
        options["connect_args"]["charset"] = "utf8mb4"
    return options


def _postgresql_connected(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
    connection.commit()


def _mariadb_connected(connection: Any, _record: object) -> None:
    """UTC, and refuse what does not fit instead of cutting it (MariaDB manual, SQL Mode)."""
    with connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00', sql_mode = 'TRADITIONAL,NO_ENGINE_SUBSTITUTION'")
