"""Resource checks itself against its model: each mistake is named, and what would be right."""

import dataclasses
from typing import Any

import pytest
import sqlalchemy as sa
from flask_wtf import FlaskForm
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from wtforms import Form, StringField

from library import Author, Book, BookAuthor, Reversed, Tag
from webadmin.resource import RESERVED_NAMES, Resource, ResourceError
from webadmin.users import USERS, User


class Misspelt(FlaskForm):
    titel = StringField("Title")


class Clashing(FlaskForm):
    data = StringField("Data")


class Renamed(FlaskForm):
    column_data = StringField("Data", name="data")
    column__private = StringField("Private", name="_private")


class Wrong(FlaskForm):
    heading = StringField("Title", name="title")


class Unmapped:
    pass


class OtherForm(Form):
    name = StringField("Name")


class Base(DeclarativeBase):
    pass


class Sealed(Base):
    __tablename__ = "sealed"
    id: Mapped[str] = mapped_column(Reversed, primary_key=True)


class Parent(Base):
    __tablename__ = "parent"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "parent"}  # noqa: RUF012


class HTTPChild(Parent):
    __tablename__ = "http-child_records"
    id: Mapped[int] = mapped_column(ForeignKey("parent.id"), primary_key=True)
    payload: Mapped[bytes | None]
    extra: Mapped[Any] = mapped_column(sa.JSON)
    size: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "child"}  # noqa: RUF012


BAD: list[tuple[dict[str, Any], list[str]]] = [
    ({"list_display": ("title", "pagse")}, ["list_display", "'pagse'", "'pages'"]),
    ({"search_fields": ("titel",)}, ["search_fields", "'titel'", "'title'"]),
    ({"list_filter": ("gener",)}, ["list_filter", "'gener'", "'genre'"]),
    ({"ordering": ("-titel",)}, ["ordering", "'titel'", "'title'"]),
    ({"ordering": ("",)}, ["ordering", "''"]),
    ({"ordering": ("--title",)}, ["ordering", "'-title'", "'title'"]),
    ({"list_display": "title"}, ["list_display", "is a text", "('title',)"]),
    ({"search_fields": "title"}, ["search_fields", "is a text", "('title',)"]),
    ({"list_filter": "title"}, ["list_filter", "is a text", "('title',)"]),
    ({"ordering": "-title"}, ["ordering", "is a text", "('-title',)"]),
    ({"list_display": 5}, ["list_display=5", "tuple", "('id',)"]),
    ({"list_display": {"title"}}, ["list_display", "tuple"]),
    ({"list_display": (Book.title,)}, ["list_display", "names of columns"]),
    ({"list_filter": None}, ["list_filter=None", "tuple"]),
    ({"ordering": ("title", "-title")}, ["ordering", "'title'", "twice"]),
    ({"list_display": ("id", "id")}, ["list_display", "'id'", "twice"]),
    ({"ordering": ("extra",)}, ["ordering", "'extra'", "cannot be sorted"]),
    ({"ordering": ("-cover",)}, ["ordering", "'-cover'", "cannot be sorted"]),
    ({"search_fields": ("pages",)}, ["search_fields", "'pages'", "no text", "title", "summary"]),
    ({"form": Misspelt}, ["form", "'titel'", "'title'"]),
    ({"form": "BookForm"}, ["form", "FlaskForm"]),
    ({"form": OtherForm}, ["form", "FlaskForm"]),
    ({"form": Clashing}, ["form", "'data'", "column_data = StringField(name='data')"]),
    ({"form": Wrong}, ["form", "'heading'", "title = StringField(name='title')"]),
    ({"name": "Books"}, ["name='Books'", "small"]),
    ({"name": "a/b"}, ["name='a/b'", "small"]),
    ({"name": "bücher"}, ["name='bücher'"]),
    ({"name": "1st"}, ["name='1st'"]),
    ({"name": 5}, ["name=5"]),
    *(({"name": name}, [f"name={name!r}", "none of"]) for name in sorted(RESERVED_NAMES)),
    ({"labels": "Book"}, ["labels='Book'", "two texts"]),
    ({"labels": ("Book",)}, ["labels=('Book',)", "two texts"]),
    ({"labels": 5}, ["labels=5", "two texts"]),
    ({"model": Unmapped}, ["Unmapped", "not a class mapped"]),
    ({"model": Book.__table__}, ["not a class mapped"]),
    ({"model": "Book"}, ["'Book'", "not a class mapped"]),
    ({"model": Sealed}, ["Sealed", "'id'", "cannot stand in a URL"]),
]


@pytest.mark.parametrize(("options", "said"), BAD, ids=lambda each: str(each)[:60])
def test_each_mistake_is_named(options: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(ResourceError) as caught:
        Resource(**{"model": Book} | options)
    message = str(caught.value)
    assert message.startswith("Resource(")
    assert [each for each in said if each not in message] == []


def test_it_is_small_frozen_and_keyword_only() -> None:
    assert sum(field.init for field in dataclasses.fields(Resource)) <= 10
    with pytest.raises(dataclasses.FrozenInstanceError):
        USERS.name = "people"  # type: ignore[misc]
    with pytest.raises(TypeError):
        Resource(User)  # type: ignore[misc]


def test_what_is_left_out_is_made_from_the_model() -> None:
    link = Resource(model=BookAuthor)
    assert (link.name, link.labels) == ("book_author", ("Book author", "Book author"))
    assert link.list_display == ("book_id", "author_id", "note")
    assert link.search_fields == ("note",)
    assert (link.list_filter, link.ordering, link.form) == ((), (), None)
    assert [column.name for column in link.key_columns] == ["book_id", "author_id"]
    assert Resource(model=Book).list_display == tuple(Resource(model=Book).columns)[:6]


def test_a_list_does_for_a_tuple_and_nothing_stays_nothing() -> None:
    resource = Resource(model=Author, list_display=["name"], search_fields=())  # type: ignore[arg-type]
    assert resource.list_display == ("name",)
    assert resource.search_fields == ()


def test_a_form_may_name_columns_that_forms_cannot() -> None:
    assert Resource(model=Book, form=Renamed).form is Renamed


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({"model": Author}, "name"),
        ({"model": Author, "list_display": ("id", "born")}, "born"),
        ({"model": Book, "list_display": ("cover", "extra", "pages")}, "pages"),
        ({"model": Book, "list_display": ("cover", "author_id")}, "id"),
        ({"model": Tag}, "uses"),
        ({"model": BookAuthor, "list_display": ("book_id",)}, "book_id"),
    ],
)
def test_a_record_is_called_by_its_first_text(options: dict[str, Any], label: str) -> None:
    assert Resource(**options).label_column.name == label


def test_a_model_that_inherits_its_table() -> None:
    child = Resource(model=HTTPChild, name="children")
    assert [column.name for column in child.key_columns] == ["id"]
    assert set(child.columns) == {"id", "kind", "payload", "extra", "size"}
    assert child.labels == ("Httpchild", "Children")
