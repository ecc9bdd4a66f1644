"""Databases with tables and no records: made once in a process, and clean for each test.

Making the tables takes a third of a second, on MariaDB one. On SQLite a file with them is copied.
On a server they stay, and are emptied before each test; where a test has changed more than
records, its database is dropped and made anew.
"""

import os
import re
import tempfile
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, MetaData, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from webadmin import create_app, schema
from webadmin.database import db

NAME = f"webadmin_test_{os.getpid()}"
VERSION = f"SELECT version_num FROM {schema.VERSION_TABLE}"


def run(url: URL, *statements: str) -> None:
    """Run statements outside of transactions, such as those that make a database."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def drop(server: URL, name: str) -> None:
    """Drop a database, if there is one with that name."""
    force = " WITH (FORCE)" if server.get_backend_name() == "postgresql" else ""
    run(server, f"DROP DATABASE IF EXISTS {name}{force}")


def make(server: URL, name: str) -> URL:
    """Make an empty database on a server, in place of one with that name."""
    drop(server, name)
    run(server, f"CREATE DATABASE {name}")
    if server.get_backend_name() == "postgresql":
        # A machine that loses its power loses the test as well.
        run(server, f"ALTER DATABASE {name} SET synchronous_commit = off")
    return server.set(database=name)


@dataclass(frozen=True)
class Template:
    """What has its tables in a database: webadmin, resources of modules, and `more`."""

    resources: tuple[str, ...] = ()
    more: MetaData | None = None

    def fill(self, uri: str) -> None:
        """Make the tables in an empty database."""
        with tempfile.TemporaryDirectory() as folder:
            given = {"DATABASE_URI": uri, "INSTANCE_PATH": folder, "SECRET_KEY": "only for tests"}
            app = create_app(given | {"RESOURCES": self.resources})
            with app.app_context():
                schema.upgrade()
                if self.more is not None:
                    self.more.create_all(db.engine)
                db.engine.dispose()


class Kept(ABC):
    """A database on a server, whose tables stay.

    Args:
        server: The URL of another database there.
        name: What it is called.
        template: What makes its tables.
    """

    def __init__(self, server: URL, name: str, template: Template) -> None:
        self.server, self.name, self.template = server, name, template
        self.engine = create_engine(server.set(database=name), isolation_level="AUTOCOMMIT")
        self.tables: list[str] = []
        self.made = ""

    def clean(self) -> str:
        """Return its URI, once it has all tables and no records."""
        uri = self.engine.url.render_as_string(hide_password=False)
        if self.made:
            with suppress(SQLAlchemyError), self.engine.connect() as connection:
                if self.shape(connection) == self.made:
                    self.empty(connection)
                    return uri
        self.engine.dispose()
        make(self.server, self.name)
        self.template.fill(uri)
        with self.engine.connect() as connection:
            found = MetaData()
            found.reflect(connection)
            names = [table.name for table in reversed(found.sorted_tables)]
            self.tables = [name for name in names if name != schema.VERSION_TABLE]
            self.made = self.shape(connection)
        return uri

    @abstractmethod
    def shape(self, connection: Connection) -> str:
        """Return a text that changes with everything but records."""

    @abstractmethod
    def empty(self, connection: Connection) -> None:
        """Delete all records; keys are counted from 1 on again."""


# A change of anything in the catalog gives its row there another xmin. What the planner has
# learned, and the pages that many deleted records leave, are not how a test begins either.
POSTGRESQL_SHAPE = """
SELECT concat('class ', oid, ' ', xmin, ' ', reltuples, ' ',
              relkind = 'r' AND pg_relation_size(oid) > 1000000) FROM pg_class WHERE oid >= 16384
UNION ALL SELECT concat('column ', attrelid, ' ', attnum, ' ', xmin)
          FROM pg_attribute WHERE attrelid >= 16384
UNION ALL SELECT concat('constraint ', oid, ' ', xmin) FROM pg_constraint WHERE oid >= 16384
UNION ALL SELECT concat('trigger ', oid, ' ', xmin) FROM pg_trigger WHERE oid >= 16384
UNION ALL SELECT concat('function ', oid, ' ', xmin) FROM pg_proc WHERE oid >= 16384
UNION ALL SELECT concat('extension ', oid, ' ', xmin) FROM pg_extension WHERE oid >= 16384
UNION ALL SELECT concat('statistic ', starelid, ' ', staattnum)
          FROM pg_statistic WHERE starelid >= 16384
UNION ALL SELECT concat('setting ', setconfig) FROM pg_db_role_setting"""
RESTART = "SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence"


class OnPostgreSQL(Kept):
    """TRUNCATE would take thirty times as long as DELETE."""

    def shape(self, connection: Connection) -> str:
        """Return the state of the catalog."""
        found = connection.exec_driver_sql(f"{POSTGRESQL_SHAPE} UNION ALL {VERSION}").scalars()
        return "\n".join(sorted(found))

    def empty(self, connection: Connection) -> None:
        """Delete; where a key refers to its own table in a way that forbids it, that fails."""
        deletes = [f'DELETE FROM "{table}"' for table in self.tables]
        connection.exec_driver_sql("; ".join([*deletes, RESTART]))


class OnMariaDB(Kept):
    """Only TRUNCATE, which takes 20 ms, sets a counter back to 1."""

    def shape(self, connection: Connection) -> str:
        """Return all definitions."""
        tables = sorted(connection.exec_driver_sql("SHOW TABLES").scalars())
        shown = [f"SHOW CREATE TABLE `{table}`" for table in tables]
        shown += ["SHOW CREATE DATABASE " + self.name, "SHOW TRIGGERS", VERSION]
        found = [str(connection.exec_driver_sql(each).all()) for each in shown]
        return re.sub(r" AUTO_INCREMENT=\d+", "", "\n".join(found))

    def empty(self, connection: Connection) -> None:
        """Truncate where keys were counted, and delete elsewhere."""
        counted = connection.exec_driver_sql(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND auto_increment > 1"
        ).scalars()
        truncated = set(counted)
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        for table in self.tables:
            how = "TRUNCATE" if table in truncated else "DELETE FROM"
            connection.exec_driver_sql(f"{how} `{table}`")


_files: dict[Template, bytes] = {}
_kept: dict[tuple[str, Template], Kept] = {}


def copied(template: Template, file: Path) -> str:
    """Return the URI of a new SQLite database with the tables of a template."""
    uri = f"sqlite:///{file}"
    if template not in _files:
        template.fill(uri)  # whose last connection leaves all in the one file
        _files[template] = file.read_bytes()
    file.write_bytes(_files[template])
    return uri


def kept(template: Template, server: URL) -> str:
    """Return the URI of the database on a server that has the tables of a template."""
    kind = server.get_backend_name()
    if (kind, template) not in _kept:
        on = OnPostgreSQL if kind == "postgresql" else OnMariaDB
        _kept[kind, template] = on(server, f"{NAME}_{len(_kept)}", template)
    return _kept[kind, template].clean()


def drop_kept() -> None:
    """Drop the databases that were kept on servers."""
    for each in _kept.values():
        each.engine.dispose()
        drop(each.server, each.name)
    _kept.clear()
