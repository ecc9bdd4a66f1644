"""The form of a resource: made from its model, or the one it names; and its signed values."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from browser_form import send, shown
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from library_site import Site, library_app, library_site  # noqa: F401 - fixtures
from sqlalchemy import String
from wtforms import StringField
from wtforms.validators import ValidationError

from library import AUTHORS, BOOKS, LINKS, Author, Book, Mood, Tag
from webadmin import form_views, forms
from webadmin.fields import Required, TextField, TypedField, WholeNumberField
from webadmin.users import USERS


def built(site: Site, values: dict[str, Any] | None = None) -> FlaskForm:
    with site.app.test_request_context():
        return forms.build(BOOKS, values)


def test_the_form_is_made_from_the_model(site: Site) -> None:
    names = [field.name for field in forms.fields(BOOKS, built(site))]
    assert names == [name for name, column in BOOKS.columns.items() if column.writable]
    with site.app.test_request_context():
        assert forms.names(BOOKS) == names
        assert forms.names(LINKS) == ["note"]  # a key stays what it is
        assert {field.name for field in forms.fields(LINKS, forms.build(LINKS))} == {
            "book_id", "author_id", "note",
        }  # fmt: skip


def test_what_must_be_filled_in_is_marked(site: Site) -> None:
    page = site.client.get("/book/new").text
    required = {field.name for field in built(site) if field.flags.required}
    assert required == {"title"}  # a default, NULL, or a box that may stay empty does for others
    assert page.count('class="required"') == 1
    assert "At most 40 characters." in page
    assert page.count("Left empty, it is filled in automatically.") == 2


def test_names_that_forms_have_themselves_are_fields_all_the_same(site: Site) -> None:
    clashing = {"data": "d", "errors": "1", "sort": "2", "q": "3", "validate": "true"}
    page = site.client.get("/book/1/edit").text
    assert set(clashing) | {"_private"} <= set(shown(page))
    send(site.client, "/book/1/edit", **clashing, _private="p")
    book = site.stored(Book, 1)
    assert {name: book[name] for name in [*clashing, "_private"]} == {
        "data": "d", "errors": 1, "sort": 2, "q": "3", "validate": True, "_private": "p",
    }  # fmt: skip
    labels = {name: str(forms.label_of(BOOKS, name)) for name in ("data", "_private", "author_id")}
    assert labels == {"data": "Data", "_private": "Private", "author_id": "Author"}


class Named(FlaskForm):
    """A form whose labels stand in every way that WTForms knows."""

    title = TextField(lazy_gettext("Heading"))
    isbn = TextField(label="ISBN")
    subtitle = TextField()
    column_data = TextField("Facts", name="data")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("title", "Heading"),
        ("isbn", "ISBN"),
        ("subtitle", "Subtitle"),
        ("data", "Facts"),
        ("errors", "Errors"),
        ("id", "ID"),
        ("_private", "Private"),
    ],
)
def test_labels_are_those_of_the_form_or_made_from_the_name(
    site: Site, name: str, label: str
) -> None:
    resource = replace(BOOKS, form=Named)
    with site.app.test_request_context():
        assert str(forms.label_of(resource, name)) == label
        assert forms.names(resource) == ["title", "isbn", "subtitle", "data"]


ORIGINALS: dict[str, Any] = {
    "title": "é\r\n",
    "volume": -1,
    "price": Decimal("0.10"),
    "height": 0.1,
    "sold_at": datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    "mood": Mood.WILD,
    "genre": "play",
    "extra": {"a": ["\ud800", None, 1.5]},
    "lent": None,
    "in_print": False,
}


def test_signed_values_come_back_exactly(site: Site) -> None:
    with site.app.test_request_context():
        signed = forms.sign(BOOKS, "1", ORIGINALS)
        assert repr(forms.unsign(BOOKS, "1", signed)) == repr(ORIGINALS)
        naive = ORIGINALS | {"sold_at": ORIGINALS["sold_at"].replace(tzinfo=None)}
        assert forms.unsign(BOOKS, "1", forms.sign(BOOKS, "1", naive)) == ORIGINALS


def test_values_of_another_record_or_hand_are_refused(site: Site) -> None:
    with site.app.test_request_context():
        signed = forms.sign(BOOKS, "1", {"title": "a"})
        others = [
            forms.unsign(BOOKS, "2", signed),
            forms.unsign(AUTHORS, "1", signed),
            *(forms.unsign(BOOKS, "1", text) for text in ("", "x", signed[:-1], signed + "x", "é")),
            forms.unsign(BOOKS, "1", forms.sign(AUTHORS, "1", {"name": "a"})),
        ]
    assert others == [None] * len(others)
    response = site.client.post("/book/1/edit", data={"title": "x", "_original": signed[:-3]})
    assert response.status_code == 400
    assert "Plain" in response.text
    assert site.stored(Book, 1)["title"] == "Plain"


def test_a_form_is_made_once_for_a_resource(site: Site) -> None:
    assert forms.form_class(BOOKS) is forms.form_class(BOOKS)
    assert forms.form_class(BOOKS) is not forms.form_class(AUTHORS)


class TwoDates(FlaskForm):
    """A form with a check across fields, which must also see the field that did not change."""

    pages = WholeNumberField("Pages", [Required()])
    volume = WholeNumberField("Volume")

    def validate_volume(self, field: Any) -> None:
        if field.data is not None and field.data > self.pages.data:
            raise ValidationError("More volumes than pages.")


def test_checks_across_fields_see_what_did_not_change(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add(Book, {"id": 2, "title": "Two", "pages": 5, "volume": 3, "in_print": True})
    monkeypatch.setattr(forms, "form_class", lambda resource: TwoDates)
    response = send(site.client, "/book/2/edit", pages="2")
    assert response.status_code == 422
    assert "More volumes than pages." in response.text
    assert send(site.client, "/book/2/edit", pages="4").status_code == 303


def test_a_select_tells_records_of_one_name_apart(site: Site) -> None:
    site.add(
        Book, *({"id": 10 + i, "title": "Same", "volume": i, "in_print": True} for i in (0, 1))
    )
    page = site.client.get("/book_author/new").text
    assert "Same (10)" in page
    assert "Same (11)" in page
    assert ">Plain<" in page


def test_a_reference_to_itself(site: Site) -> None:
    site.add(Tag, {"name": "a"}, {"name": "b", "parent": "a"})
    assert shown(site.client.get("/tag/b/edit").text)["parent"] == "a"
    assert send(site.client, "/tag/b/edit", parent="b").status_code == 303
    assert site.stored(Tag, "b")["parent"] == "b"


def test_an_author_from_first_to_last(site: Site) -> None:
    response = send(
        site.client, "/author/new", name="Grace", website="https://x", born="1906-12-09"
    )
    key = int(response.headers["Location"].rpartition("-")[2])
    assert site.stored(Author, key)["website"] == "https://x"
    twice = send(site.client, "/author/new", name="Grace")
    assert twice.status_code == 422
    assert "<mark>https</mark>://x" in site.client.get("/author/?q=https").text
    assert send(site.client, f"/author/{key}/delete").status_code == 303


class DayForm(FlaskForm):
    """Begins with another text each time."""

    name = TextField("Name", default=lambda: "today")


class WordsForm(FlaskForm):
    """Has a field that webadmin does not know."""

    name = StringField("Name")


class Live:
    """Choices that are looked up each time."""

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield "1", "One"


class LiveForm(FlaskForm):
    """Has choices that are looked up each time."""

    name = TypedField("Name", of=String(), choices=Live())


class StyledForm(FlaskForm):
    """Has a field that is shown in a way of its own."""

    name = TypedField("Name", of=String(), widget=lambda field, **_: field.name)


class OwnForm(FlaskForm):
    """Is made in a way of its own."""

    name = TextField("Name")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)


def test_only_forms_that_look_nothing_up_are_kept_as_html(site: Site) -> None:
    with site.app.test_request_context():
        for resource in (USERS, AUTHORS):
            assert form_views._begins_alike(resource)
        for form in (DayForm, WordsForm, LiveForm, StyledForm, OwnForm):
            assert not form_views._begins_alike(replace(AUTHORS, form=form))
        assert not form_views._begins_alike(LINKS)  # its references are chosen among records


def test_a_form_that_is_kept_speaks_the_language_of_who_asks(site: Site) -> None:
    for language, word in (("en", "must be filled in"), ("de", "muss ausgefüllt werden")) * 2:
        page = site.client.get("/author/new", headers={"Accept-Language": language}).text
        assert word in page
        assert page.count('name="name"') == 1


def test_a_form_with_errors_and_the_next_blank_one(site: Site) -> None:
    refused = send(site.client, "/author/new", name="", website="kept")
    assert 'value="kept"' in refused.text
    blank = site.client.get("/author/new").text
    assert "kept" not in blank
    assert "field-wrong" not in blank
