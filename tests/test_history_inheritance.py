"""A model that inherits: its record is a row in each of two tables, and one in the history."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import URL, ForeignKey, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from conftest import database_with_tables, site_on
from kin import changes
from webadmin import bulk, undo
from webadmin.database import db, writing
from webadmin.history import Change
from webadmin.resource import Resource


class Own(DeclarativeBase):
    pass


class Worker(Own):
    __tablename__ = "worker"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    kind: Mapped[str] = mapped_column(String(20))
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "worker"}  # noqa: RUF012


class Driver(Worker):
    __tablename__ = "driver"
    id: Mapped[int] = mapped_column(ForeignKey("worker.id"), primary_key=True)
    licence: Mapped[str | None] = mapped_column(String(20))
    __mapper_args__ = {"polymorphic_identity": "driver"}  # noqa: RUF012


class Trip(Own):
    __tablename__ = "trip"
    id: Mapped[int] = mapped_column(primary_key=True)
    driver_id: Mapped[int | None] = mapped_column(ForeignKey("driver.id", ondelete="SET NULL"))


DRIVERS = Resource(model=Driver)
TRIPS = Resource(model=Trip)


@pytest.fixture
def garage(database_kind: str, tmp_path: Path, servers: dict[str, URL | str]) -> Iterator[Flask]:
    uri = database_with_tables(database_kind, tmp_path, servers, [__name__], Own.metadata)
    with site_on(uri, tmp_path, RESOURCES=[__name__], WTF_CSRF_ENABLED=False) as app:
        yield app


def drivers() -> list[tuple[object, ...]]:
    db.session.expire_all()
    statement = select(Driver.id, Driver.name, Driver.licence).order_by(Driver.name)
    return [tuple(row) for row in db.session.execute(statement)]


def test_both_rows_are_one_record(garage: Flask) -> None:
    with garage.app_context(), writing():
        bulk.insert(DRIVERS, [{"name": "Ada", "licence": "A"}, {"name": "Bob", "licence": None}])
        db.session.commit()
        ((ada, *_), (bob, *_)) = drivers()
        bulk.update(DRIVERS, [((ada,), {"name": "Ann", "licence": "B"}), ((bob,), {"name": "Bo"})])
        db.session.add(Trip(id=1, driver_id=ada))
        db.session.commit()
        before = drivers()
        assert [name for _, name, _ in before] == ["Ann", "Bo"]
        assert bulk.delete(DRIVERS, [(ada,), (bob,)]) == 2
        db.session.commit()
        assert drivers() == []
        assert db.session.scalars(select(Trip.driver_id)).all() == [None]
        story = [row for row in changes("resource", "action") if row[0] == "driver"]
        assert [action for _, action in story] == ["create"] * 2 + ["edit"] * 2 + ["delete"] * 2
        created = json.loads(str(changes("after")[0][0]))
        assert (created["name"], created["licence"]) == ("Ada", "A")
        last = db.session.scalar(select(Change.batch).order_by(Change.id.desc()).limit(1))
        assert undo.batch(str(last)).problems == []
        db.session.commit()
        assert drivers() == before
        assert db.session.scalars(select(Trip.driver_id)).all() == [ada]


def test_the_pages_serve_it(garage: Flask) -> None:
    client = garage.test_client()
    with garage.app_context(), writing():
        bulk.insert(DRIVERS, [{"name": "Ada"}, {"name": "Bob"}])
        db.session.commit()
        key = drivers()[0][0]
    page = client.get(f"/driver/{key}/delete")
    assert "btn-danger" in page.text  # its own other row keeps it from nothing
    assert client.get(f"/driver/{key}/history").status_code == 200
    data = {"every": "1", "number": "2", "set": "licence", "licence": "C"}
    assert client.post("/driver/bulk/edit", data=data).status_code == 303
    assert client.post("/driver/bulk/delete", data={"every": "1", "number": "2"}).status_code == 303
    with garage.app_context():
        assert drivers() == []
