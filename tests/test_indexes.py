"""Which index serves which sort and filter, on a table that anybody may have made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lists
import pytest
from flask import Flask
from lists import THINGS
from sqlalchemy import Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from webadmin import indexes, schema
from webadmin.accounts import ACCOUNTS
from webadmin.database import db, dialect, writing
from webadmin.resource import Resource
from webadmin.users import USERS, User

MARIADB = ("mysql", "mariadb")


def run(*statements: str) -> None:
    with writing(), db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def served(resource: Resource) -> dict[str, str]:
    found = {need.purpose: need.served_by for need in indexes.needs(resource)}
    db.session.rollback()
    return found


@contextmanager
def instead(app: Flask, definition: str) -> Iterator[None]:
    """Have another index on users than ix_users_name."""
    with app.app_context():
        kind = db.engine.dialect.name
        on = " ON users" if kind in MARIADB else ""
        run(f"DROP INDEX ix_users_name{on}", definition)
        try:
            yield
        finally:
            run(f"DROP INDEX other{on}", "CREATE INDEX ix_users_name ON users (name, id)")


def test_own_lists_lack_nothing(site: Flask) -> None:
    with site.app_context():
        needs = [*indexes.needs(USERS), *indexes.needs(ACCOUNTS)]
        assert [need for need in needs if need.missing] == []
        assert {need.purpose for need in needs if need.reason} == {"filter by name, contains"}
        own = "webadmin_search_users_name" if dialect() == "postgresql" else "ix_users_name"
        by = served(USERS)
    assert by["filter by name, starts with"] == own
    assert (by["sort by id"], by["sort by name"]) == (indexes.PRIMARY, "ix_users_name")
    assert (by["filter by age"], by["sort by age"]) == ("ix_users_age", "ix_users_age")


@pytest.mark.parametrize(
    ("definition", "sorts", "filters", "kinds"),
    [
        ("INDEX other ON users (name, id, age)", True, True, "sqlite postgresql mysql"),
        ("INDEX other ON users (name)", True, True, "sqlite mysql"),
        ("INDEX other ON users (name)", False, True, "postgresql"),
        ("INDEX other ON users (name, age)", False, True, "sqlite postgresql mysql"),
        ("INDEX other ON users (age, name)", False, False, "sqlite postgresql mysql"),
        # There may be many without a name, and PostgreSQL has nothing that closes an index.
        ("UNIQUE INDEX other ON users (name)", False, True, "postgresql"),
        ("INDEX other ON users (name DESC, id)", False, False, "sqlite postgresql mysql"),
        ("INDEX other ON users (name, id) WHERE age > 3", False, False, "sqlite postgresql"),
        ("INDEX other ON users (name COLLATE NOCASE, id)", False, False, "sqlite"),
        ("INDEX other ON users (lower(name), id)", False, False, "sqlite postgresql"),
        ('INDEX other ON users (name COLLATE "C", id)', False, False, "postgresql"),
        ("INDEX other ON users (name text_pattern_ops, id)", False, False, "postgresql"),
        ("INDEX other ON users USING hash (name)", False, False, "postgresql"),
        ("INDEX other ON users (name(9), id)", False, False, "mysql"),
        ("FULLTEXT INDEX other ON users (name)", False, False, "mysql"),
    ],
)
def test_what_another_index_serves(
    site: Flask, definition: str, sorts: bool, filters: bool, kinds: str
) -> None:
    with site.app_context():
        kind = db.engine.dialect.name
    if ("mysql" if kind in MARIADB else kind) not in kinds.split():
        return  # said of the other databases
    with instead(site, f"CREATE {definition}"):
        by = served(USERS)
    assert by["sort by name"] == ("other" if sorts else "")
    assert by["filter by name"] == ("other" if filters else "")


def test_a_key_of_two_columns(site: Flask) -> None:
    with site.app_context():
        needs = {need.purpose: need for need in indexes.needs(THINGS)}
        kind = db.engine.dialect.name
    assert needs["sort by part"].served_by == indexes.PRIMARY
    assert needs["sort by number"].columns == ("number", "part")
    assert needs["sort by size"].columns == ("size", "part", "number")
    assert needs["sort by size"].index_name == "ix_things_size"
    assert needs["filter by colour"].missing
    # What MariaDB sorts by something else, and what may be too long.
    assert bool(needs["sort by colour"].reason) == (kind in MARIADB)
    assert bool(needs["sort by body"].reason) == (kind != "sqlite")
    assert needs["filter by picture"].reason
    assert "sort by picture" not in needs


def model(**options: Any) -> Resource:
    """A resource whose own sort has several columns, and whose table has a very long name."""

    class Base(DeclarativeBase):
        pass

    class Part(Base):
        __tablename__ = "p" * 50
        id: Mapped[int] = mapped_column(primary_key=True)
        code: Mapped[int] = mapped_column(unique=True)
        weight: Mapped[int]
        colour: Mapped[int | None]
        number_of_the_drawer: Mapped[int]
        remark: Mapped[str | None] = mapped_column(Text)

    return Resource(model=Part, name="parts", **options)


@pytest.mark.parametrize(
    ("ordering", "columns", "reason"),
    [
        (("weight", "code"), ("weight", "code", "id"), ""),
        (("-weight", "-code"), ("weight", "code", "id"), ""),
        (("weight", "-code"), ("weight", "code", "id"), "its directions differ"),
        (("weight", "colour"), ("weight", "colour", "id"), "a second column that may be empty"),
    ],
)
def test_the_order_of_a_resource_itself(
    site: Flask, ordering: tuple[str, ...], columns: tuple[str, ...], reason: str
) -> None:
    resource = model(ordering=ordering, list_display=("code",))
    with site.app_context():
        resource.table.create(db.engine)
        try:
            needs = indexes.needs(resource)
            unique, own = needs
            assert unique.served_by  # no other record has the same
            assert own.purpose == f"sort by {', '.join(ordering)}"
            assert (own.columns, own.served_by) == (columns, "")
            assert own.reason.startswith(reason)
            assert bool(own.reason) == bool(reason)
            db.session.rollback()
        finally:
            resource.table.drop(db.engine)


def test_names_fit_every_database(site: Flask) -> None:
    resource = model(list_display=("number_of_the_drawer", "weight"), list_filter=("weight",))
    with site.app_context():
        names = [need.index_name for need in indexes.needs(resource)]  # without a table
        db.session.rollback()
    assert all(len(name) <= indexes.LONGEST_NAME for name in names)
    assert len(set(names)) == 2


TUTORIAL = {
    "sqlite": "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR, age INTEGER)",
    "postgresql": "CREATE TABLE users (id SERIAL PRIMARY KEY, name VARCHAR, age INTEGER)",
    "mysql": "CREATE TABLE users (id INTEGER AUTO_INCREMENT PRIMARY KEY, name TEXT, age INTEGER)",
}


def test_a_table_made_elsewhere_gets_what_it_lacks(empty_app: Flask) -> None:
    with empty_app.app_context():
        kind = db.engine.dialect.name.replace("mariadb", "mysql")
        run(TUTORIAL[kind], "CREATE INDEX theirs ON users (age, id)")
        done = schema.upgrade()
        assert not any("ix_users_age" in line for line in done)
        name = "Made no index ix_users_name: texts" if kind == "mysql" else "Made the index ix_u"
        assert any(line.startswith(name) for line in done)
        by = served(USERS)
        assert by["sort by age"] == "theirs"
        assert by["sort by name"] == ("" if kind == "mysql" else "ix_users_name")
        assert schema.is_current()


@pytest.mark.parametrize("database_kind", ["postgresql", "mariadb"], indirect=True)
def test_texts_too_long_for_an_index_are_no_obstacle(empty_app: Flask) -> None:
    with empty_app.app_context():
        if db.engine.dialect.name == "postgresql":
            table = TUTORIAL["postgresql"]
            # What cannot be compressed to an entry's length.
            random = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 900) n)"
            run(table, f"INSERT INTO users (name, age) SELECT {random}, 3")
        else:
            run(TUTORIAL["mysql"].replace("TEXT", "VARCHAR(1000)"))
        done = schema.upgrade()
        assert any(line.startswith("Made no index ix_users_name: texts") for line in done)
        assert "Made the index ix_users_age." in done
        assert schema.is_current()


def test_the_model_says_what_is_made() -> None:
    assert {index.name for index in User.__table__.indexes} == {"ix_users_name", "ix_users_age"}


def test_the_database_is_asked_once_in_some_minutes(
    site: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.extensions.pop("webadmin_unindexed", None)
    with site.app_context():
        with lists.statements() as first:
            assert indexes.unindexed(USERS, "age") is None
            assert indexes.unindexed(USERS, "name") is None
        assert len(first) == 1
        later = indexes.time.monotonic() + indexes.REMEMBERED + 1
        monkeypatch.setattr(indexes.time, "monotonic", lambda: later)
        with lists.statements() as again:
            indexes.unindexed(USERS, "age")
        assert len(again) == 1
