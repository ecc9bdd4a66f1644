"""The schema: made, adopted, upgraded by several processes at once; never altered by a page."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import (
    Engine,
    ForeignKey,
    Integer,
    NullPool,
    String,
    Table,
    create_engine,
    inspect,
    text,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from webadmin import schema
from webadmin.config import ConfigError
from webadmin.database import database_url, db
from webadmin.resource import Resource

ROOT = Path(__file__).parent.parent
PEOPLE = [(1, "Ada", 36), (2, None, None), (7, "Žofie", None), (8, None, 40)]


class Tutorial(DeclarativeBase):
    """The base of the plain SQLAlchemy script that shares the table."""


class Person(Tutorial):
    """A user, as the tutorial has it."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str | None] = mapped_column(String(255))
    age: Mapped[int | None] = mapped_column(Integer)


@pytest.fixture
def engine(database_uri: str, tmp_path: Path) -> Iterator[Engine]:
    """A plain engine of SQLAlchemy's, without webadmin."""
    engine = create_engine(database_url(database_uri, tmp_path), poolclass=NullPool)
    yield engine
    engine.dispose()


def make_tutorial_table(engine: Engine) -> None:
    """Make the table of the tutorial, VARCHAR without a length where the DBMS lets one."""
    varchar = "VARCHAR(255)" if engine.dialect.name == "mariadb" else "VARCHAR"
    key = {"sqlite": "INTEGER", "postgresql": "SERIAL", "mariadb": "INTEGER AUTO_INCREMENT"}
    with engine.begin() as connection:
        connection.execute(
            text(
                f"CREATE TABLE users (id {key[engine.dialect.name]} PRIMARY KEY, "
                f"name {varchar}, age INTEGER)"
            )
        )
        for person in PEOPLE:
            connection.execute(
                text("INSERT INTO users VALUES (:id, :name, :age)"),
                dict(zip(("id", "name", "age"), person, strict=True)),
            )
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT setval('users_id_seq', 8)"))


def definition(engine: Engine) -> list[tuple[str, str, bool]]:
    """What the DBMS says of the columns of users."""
    return [
        (column["name"], str(column["type"]), column["nullable"])
        for column in inspect(engine).get_columns("users")
    ]


def test_head_is_alembics() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def test_the_site_does_not_import_alembic() -> None:
    code = "import sys, webadmin, webadmin.cli; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_upgrade_of_an_empty_database(empty_app: Flask) -> None:
    with empty_app.app_context():
        assert schema.current_version() is None
        assert not schema.is_current()
        done = schema.upgrade()
        assert "Made the table users." in done
        assert "Made the table webadmin_submission." in done
        assert schema.current_version() == schema.HEAD
        assert schema.is_current()
        assert schema.upgrade() == []


# What makes searches quick is no part of a model.
OF_SEARCH = ("webadmin_search", "webadmin_letter")


def test_migrations_make_what_the_models_say(app: Flask) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": schema.VERSION_TABLE,
                "compare_type": True,
                "include_name": lambda name, *_: not str(name).startswith(OF_SEARCH),
            },
        )
        assert compare_metadata(context, db.metadata) == []


@pytest.mark.parametrize("database_kind", ["mariadb"], indirect=True)
def test_mariadb_tables_hold_every_character(app: Flask) -> None:
    books, _ = library("charset")
    app.extensions["webadmin"][books.name] = books
    with app.app_context(), db.engine.connect() as connection:
        # A database from the time before utf8mb4.
        connection.execute(text("ALTER DATABASE CHARACTER SET latin1"))
        connection.execute(text("DROP TABLE users"))
        connection.commit()
        schema.upgrade()
        rows = connection.execute(
            text(
                "SELECT engine, table_collation FROM information_schema.tables WHERE "
                "table_schema = DATABASE() AND table_name IN ('users', 'charset_book')"
            )
        ).all()
    assert rows == [("InnoDB", "utf8mb4_unicode_520_ci")] * 2


def test_a_tutorial_table_is_adopted(engine: Engine, empty_app: Flask) -> None:
    make_tutorial_table(engine)
    before = definition(engine)
    with empty_app.app_context():
        assert "Kept the table users as it was, with its records." in schema.upgrade()
        schema.upgrade()
    assert definition(engine) == before
    with Session(engine) as session:  # the plain script goes on
        people = session.query(Person).order_by(Person.id).all()
        assert [(person.id, person.name, person.age) for person in people] == PEOPLE
        session.add(Person(name="Grace", age=85))
        people[1].name = "Named"
        session.commit()
    with empty_app.app_context(), db.engine.connect() as connection:
        rows = connection.execute(text("SELECT id, name, age FROM users ORDER BY id")).all()
    assert rows == [PEOPLE[0], (2, "Named", None), *PEOPLE[2:], (9, "Grace", 85)]


@pytest.mark.parametrize("lacking", ["name", "age"])
def test_a_table_that_lacks_a_column(engine: Engine, empty_app: Flask, lacking: str) -> None:
    make_tutorial_table(engine)
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE users DROP COLUMN {lacking}"))
    with empty_app.app_context():
        with pytest.raises(ConfigError, match=f"no column {lacking}:"):
            schema.upgrade()
        assert schema.current_version() is None


def test_a_newer_database(app: Flask) -> None:
    with app.app_context():
        with db.engine.begin() as connection:
            connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
        assert not schema.is_current()
        with pytest.raises(ConfigError, match=r"newer webadmin.*9999.*Upgrade webadmin"):
            schema.upgrade()
        with pytest.raises(ConfigError, match="newer webadmin"):
            schema.check()


def test_an_upgrade_that_broke_off_is_taken_up_again(
    empty_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OperationalError("CREATE INDEX", None, OSError("the power went"))

    with empty_app.app_context():
        with monkeypatch.context() as patch:
            patch.setattr("alembic.op.create_index", broken)
            with pytest.raises(OperationalError):
                schema.upgrade()
        assert not schema.is_current()
        schema.upgrade()
        assert schema.is_current()
        indexes = inspect(db.engine).get_indexes("webadmin_submission")
        assert [index["column_names"] for index in indexes] == [["created_at"]]


def test_submissions_move_into_the_history(app: Flask) -> None:
    name = "ix_webadmin_change_submission"
    with app.app_context():
        with db.engine.begin() as connection:
            on = " ON webadmin_change" if db.engine.dialect.name in ("mysql", "mariadb") else ""
            for sql in (
                f"DROP INDEX {name}{on}",
                "ALTER TABLE webadmin_change DROP COLUMN submission",
                f"UPDATE {schema.VERSION_TABLE} SET version_num = '0005'",
                "INSERT INTO webadmin_submission VALUES ('first account', '', '2026-01-01')",
                "INSERT INTO webadmin_submission VALUES ('other', '1', '2026-01-01')",
            ):
                connection.execute(text(sql))
        assert schema.upgrade()[0] == "The history keeps which form made a record."
        with db.engine.connect() as connection:
            left = connection.execute(text("SELECT digest FROM webadmin_submission")).scalars()
            assert list(left) == ["first account"]
        indexes = {each["name"]: each for each in inspect(db.engine).get_indexes("webadmin_change")}
        assert indexes[name]["unique"]
        assert schema.upgrade() == []


UPGRADERS = """
import os, sys
import alembic.command
from webadmin import create_app, schema
waiting, go = os.pipe()
children = []
for _ in range(8):
    children.append(os.fork())
    if not children[-1]:
        os.close(go)
        app = create_app(
            {"DATABASE_URI": sys.argv[1], "SECRET_KEY": "x", "INSTANCE_PATH": sys.argv[2]}
        )
        os.write(1, b"ready\\n")  # by one call: print makes two of it, and others come between
        os.read(waiting, 1)
        with app.app_context():
            os.write(1, f"{schema.upgrade()}\\n".encode())
        os._exit(0)
sys.stdin.readline()
os.close(go)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""


def test_eight_processes_at_once(engine: Engine, database_uri: str, tmp_path: Path) -> None:
    make_tutorial_table(engine)
    with subprocess.Popen(
        [sys.executable, "-c", UPGRADERS, database_uri, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(8)] == ["ready\n"] * 8
        answers = process.communicate("go\n", timeout=60)[0].splitlines()
    assert process.returncode == 0
    assert len(answers) == 8
    # One did the work; each of the others found it done.
    assert sorted(answer == "[]" for answer in answers) == [False] + [True] * 7
    with Session(engine) as session:
        assert session.query(Person).count() == len(PEOPLE)


def library(name: str) -> tuple[Resource, Table]:
    """A resource of another metadata: a book with an author and tags; nothing is made yet."""

    class Base(DeclarativeBase):
        pass

    class Author(Base):
        __tablename__ = f"{name}_author"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Tag(Base):
        __tablename__ = f"{name}_tag"
        id: Mapped[int] = mapped_column(primary_key=True)

    class BookTag(Base):
        __tablename__ = f"{name}_book_tag"
        book_id: Mapped[int] = mapped_column(ForeignKey(f"{name}_book.id"), primary_key=True)
        tag_id: Mapped[int] = mapped_column(ForeignKey(f"{name}_tag.id"), primary_key=True)

    class Book(Base):
        __tablename__ = f"{name}_book"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str] = mapped_column(String(200))
        author_id: Mapped[int] = mapped_column(ForeignKey(f"{name}_author.id"))
        tags: Mapped[list[Tag]] = relationship(secondary=f"{name}_book_tag")

    class Unrelated(Base):
        __tablename__ = f"{name}_unrelated"
        id: Mapped[int] = mapped_column(primary_key=True)

    return Resource(model=Book), Author.__table__  # type: ignore[return-value]


def test_tables_of_added_resources(app: Flask) -> None:
    books, authors = library("lib")
    app.extensions["webadmin"][books.name] = books
    with app.app_context():
        authors.create(db.engine)  # one that exists is left alone
        with db.engine.begin() as connection:
            connection.execute(authors.insert(), [{"id": 5}])
        assert set(schema.check().missing) == {"lib_book", "lib_tag", "lib_book_tag"}
        assert set(schema.upgrade()) == {
            "Made the table lib_book.",
            "Made the table lib_tag.",
            "Made the table lib_book_tag.",
        }
        assert schema.upgrade() == []
        assert not inspect(db.engine).has_table("lib_unrelated")
        assert schema.check().missing == []
        with db.engine.connect() as connection:
            assert connection.execute(authors.select()).all() == [(5,)]


def test_check_counts_records(app: Flask) -> None:
    with app.app_context():
        report = schema.check()
        assert report.current
        assert report.pending == report.missing == []
        assert report.server.split()[0] in ("SQLite", "PostgreSQL", "MariaDB")
        count = report.counts["users"]
        assert count is not None
        assert (count.number, count.kind) == (0, "exact")


def test_check_changes_nothing(engine: Engine, empty_app: Flask) -> None:
    if engine.dialect.name == "sqlite":
        Path(str(engine.url.database)).touch()
    with empty_app.app_context():
        report = schema.check()
        assert not report.current
        assert [title[:5] for title in report.pending] == [
            f"000{number} " for number in range(1, 7)
        ]
        assert report.counts == {"users": None, "accounts": None}
        assert inspect(db.engine).get_table_names() == []
