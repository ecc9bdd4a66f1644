"""A record and those beside it, read in one statement where a list is sorted by its key alone."""

import re
import uuid
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import lists
import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import DeclarativeBase

from webadmin import bulk, keys, neighbours, records
from webadmin.database import db, writing
from webadmin.listing import ListState
from webadmin.resource import Resource
from webadmin.users import USERS


class Base(DeclarativeBase):
    pass


KINDS: dict[str, tuple[Any, list[Any]]] = {
    "integer": (sa.Integer, [-2, 1, 30]),
    "string": (sa.String(20), ["", "B", "a", "z"]),
    "decimal": (sa.Numeric(8, 3), [Decimal("-1.5"), Decimal("2.125"), Decimal("10")]),
    "date": (sa.Date, [date(1999, 12, 31), date(2000, 1, 1), date(2024, 2, 29)]),
    "datetime": (sa.DateTime, [datetime(2000, 1, 1, 0, second) for second in (1, 2, 30)]),
    "uuid": (sa.Uuid, [uuid.UUID(int=number) for number in (1, 2**100, 2**127)]),
    "choice": (sa.Enum("small", "large", "medium", name="size"), ["small", "large", "medium"]),
}


def model(kind: str) -> Any:
    column = sa.Column(KINDS[kind][0], primary_key=True, autoincrement=False)
    parts = {"__tablename__": f"keyed_by_{kind}", "key": column, "name": sa.Column(sa.String(20))}
    return type(f"KeyedBy{kind.title()}", (Base,), parts)


RESOURCES = {kind: Resource(model=model(kind)) for kind in KINDS}


class Long(Base):
    """A text as the key, of which MariaDB does not sort a part alone as of others."""

    __tablename__ = "keyed_by_text"
    key = sa.Column(sa.Text().with_variant(sa.String(300), "mysql", "mariadb"), primary_key=True)
    name = sa.Column(sa.String(20))


RESOURCES["text"] = Resource(model=Long)


@pytest.fixture
def tables(site: Flask) -> Iterator[Flask]:
    with site.app_context():
        Base.metadata.create_all(db.engine)
        yield site
        db.session.rollback()
        Base.metadata.drop_all(db.engine)


@pytest.mark.parametrize("kind", RESOURCES)
@pytest.mark.parametrize("sort", [(), ("-key",)])
def test_records_stand_between_those_beside_them(
    tables: Flask, kind: str, sort: tuple[str, ...]
) -> None:
    resource = RESOURCES[kind]
    values = KINDS[kind][1] if kind in KINDS else ["a", "b" * 50, "b" * 101, "b" * 102, "c" * 200]
    rows = [{"key": value, "name": kind} for value in values]
    db.session.execute(sa.insert(resource.model), rows)
    db.session.commit()
    state = ListState(resource, sort=sort)
    there = [None, *(record.key for record in records.page(state).records), None]
    for before, key, after in zip(there, there[1:], there[2:], strict=False):
        parts = keys.parse_key(resource, str(key), records.dialect())
        assert parts is not None
        with lists.statements() as run:
            found = neighbours.between(state, ("name",), parts)
        assert found == (records.Record(str(key), (kind,)), before, after, False)
        assert len(run) == 1


def test_a_record_that_is_gone_has_no_neighbours(tables: Flask) -> None:
    assert neighbours.between(ListState(RESOURCES["integer"]), ("name",), (1,)) is None
    by_name = ListState(RESOURCES["integer"], sort=("name",))
    assert neighbours.between(by_name, ("name",), (1,)) is None


def test_the_history_is_asked_for_where_there_is_some(site: Flask) -> None:
    client = site.test_client()
    with lists.kept(site, USERS, [{"name": "Ada"}, {"name": "Eve"}]):
        ada, eve = re.findall(r'id="record-(\d+)"', client.get("/users/").text)
        nothing = "Nothing has been changed yet."
        assert nothing in client.get(f"/users/{ada}").text
        with site.app_context(), writing():
            bulk.update(USERS, [((int(ada),), {"name": "Ann"})])
            db.session.commit()
        assert nothing not in client.get(f"/users/{ada}").text
        assert nothing in client.get(f"/users/{eve}").text
