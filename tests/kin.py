"""Houses, people and pets: every way in which one record can refer to another."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import URL, Column, ForeignKey, String, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from conftest import database_with_tables, site_on
from webadmin.database import db
from webadmin.history import Change
from webadmin.resource import Resource


class Kin(DeclarativeBase):
    pass


membership = Table(
    "membership",
    Kin.metadata,
    Column("person_id", ForeignKey("person.id"), primary_key=True),
    Column("club_id", ForeignKey("club.id"), primary_key=True),
)


class House(Kin):
    __tablename__ = "house"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))


class Person(Kin):
    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    age: Mapped[int | None]
    story: Mapped[str | None] = mapped_column(sa.Text)
    password: Mapped[str | None] = mapped_column(String(50), info={"secret": True})
    picture: Mapped[bytes | None]
    house_id: Mapped[int | None] = mapped_column(ForeignKey("house.id", ondelete="SET NULL"))
    clubs: Mapped[list["Club"]] = relationship(secondary=membership)
    letters: Mapped[list["Letter"]] = relationship(cascade="all, delete-orphan")


class Letter(Kin):
    """The model takes it along; the database would not."""

    __tablename__ = "letter"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(50))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))


class Pet(Kin):
    """The database takes it along."""

    __tablename__ = "pet"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))


class Toy(Kin):
    """It belongs to a pet, and is no resource."""

    __tablename__ = "toy"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    pet_id: Mapped[int] = mapped_column(ForeignKey("pet.id", ondelete="CASCADE"))


class Permit(Kin):
    """It keeps a person from being deleted."""

    __tablename__ = "permit"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))


class Club(Kin):
    __tablename__ = "club"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))


HOUSES = Resource(model=House)
PERSONS = Resource(model=Person, list_filter=("name", "age", "house_id"))
PETS = Resource(model=Pet, list_filter=("person_id",))
LETTERS = Resource(model=Letter)
PERMITS = Resource(model=Permit)
CLUBS = Resource(model=Club)


@pytest.fixture
def kin(database_kind: str, tmp_path: Path, servers: dict[str, URL | str]) -> Iterator[Flask]:
    """A site with an empty family on each database."""
    uri = database_with_tables(database_kind, tmp_path, servers, ["kin"], Kin.metadata)
    with site_on(uri, tmp_path, RESOURCES=["kin"], WTF_CSRF_ENABLED=False) as app:
        yield app


def family() -> None:
    """Store two houses, and in the first one a person with everything that goes along."""
    db.session.add_all([House(id=1, name="Elm"), House(id=2, name="Oak"), Club(id=1, name="Chess")])
    db.session.flush()
    ada = Person(id=1, name="Ada", age=36, story="Once upon a time", house_id=1)
    ada.clubs.append(db.session.get_one(Club, 1))
    db.session.add_all([ada, Person(id=2, name="Bob", house_id=1)])
    db.session.flush()
    db.session.add_all([Pet(id=1, name="Rex", person_id=1), Letter(id=1, text="Hi", person_id=1)])
    db.session.flush()
    db.session.add(Toy(id=1, name="Ball", pet_id=1))
    db.session.commit()


def changes(*columns: str) -> list[tuple[object, ...]]:
    """Return columns of all changes, in their order."""
    found = [getattr(Change, name) for name in columns]
    return [tuple(row) for row in db.session.execute(sa.select(*found).order_by(Change.id))]


def everything() -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of all tables."""
    return {
        table.name: sorted((tuple(row) for row in db.session.execute(sa.select(table))), key=repr)
        for table in Kin.metadata.sorted_tables
    }
