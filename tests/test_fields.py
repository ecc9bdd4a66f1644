"""Fields: what is shown in a control, and what comes back from a browser, for each kind."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import html5lib
import pytest
import sqlalchemy as sa
from browser_form import entries, fill, form_of
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st
from test_texts import TYPES, VALUES
from test_values import same
from werkzeug.datastructures import MultiDict
from wtforms import Form

from library import Mood
from webadmin import create_app
from webadmin.fields import (
    Between,
    MaxLength,
    NoControlCharacters,
    Required,
    TextField,
    TypedField,
    WholeNumberField,
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.mktemp("fields")
    return create_app(
        {"SECRET_KEY": "x", "INSTANCE_PATH": str(folder), "TIMEZONE": "Europe/Berlin"}
    )


def a_form(type_: Any, validators: Any = (), **arguments: Any) -> type[Form]:
    class AForm(Form):
        x = TypedField("X", list(validators), of=type_, **arguments)

    return AForm


def page_of(form: Any) -> str:
    return f'<form method="post">{form.x()}</form>'


def control(form: Any) -> Any:
    """Return the control of the form's field, as a browser finds it in the page."""
    found = [
        each
        for each in form_of(page_of(form)).iter()
        if each.get("name") == "x" and each.get("type") != "hidden"
    ]
    assert len(found) == 1
    return found[0]


def through_browser(form_class: type[Form], value: Any) -> Any:
    """Return the field after a browser was shown a value and sent the form back untouched."""
    sent = MultiDict(entries(form_of(page_of(form_class(data={"x": value})))))
    form: Any = form_class(sent, data={"x": value})
    form.x.stored = True
    assert form.validate(), form.errors
    return form.x


STORED = VALUES | {
    "string": st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    "float": st.floats(),
    "json": st.recursive(st.text(st.characters()) | st.floats() | st.booleans(), st.lists),
}


@pytest.mark.parametrize("name", TYPES)
def test_a_form_sent_back_untouched_keeps_the_value(app: Flask, name: str) -> None:
    choices = [(text, text) for text in ("CALM", "WILD", "a_b", "c d")] if "o" in name else []
    choices = choices if isinstance(TYPES[name], sa.Enum) else []
    forms = [
        a_form(TYPES[name], [Required(), MaxLength(1)], nullable=nullable, choices=choices)
        for nullable in (True, False)
    ]
    with app.test_request_context():

        @given(STORED[name])
        def check(value: Any) -> None:
            for form_class in forms:
                assert same(through_browser(form_class, value).data, value)

        check()
        if name != "boolean":
            assert through_browser(forms[0], None).data is None


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
@example("\n")
@example("\r\n x \r")
@example("  \n  ")
@example("</textarea>")
def test_any_long_text_is_typed_exactly(app: Flask, text: str) -> None:
    form_class = a_form(sa.Text())
    with app.test_request_context():
        sent = fill(form_of(page_of(form_class())), {"x": text})
        form: Any = form_class(sent)
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        assert form.x.data == (lines or None)


@pytest.mark.parametrize(
    ("type_", "value", "tag", "input_type", "text"),
    [
        (sa.String(), "a", "input", "text", "a"),
        (sa.String(), "a\nb", "textarea", None, None),
        (sa.Text(), "a", "textarea", None, None),
        (sa.JSON(), {}, "textarea", None, None),
        (sa.Integer(), 5, "input", "text", "5"),
        (sa.Numeric(), Decimal("1E+3"), "input", "text", "1000"),
        (sa.Date(), None, "input", "date", ""),
        (sa.Date(), date(33, 1, 2), "input", "date", "0033-01-02"),
        (sa.Time(), time(9), "input", "time", "09:00:00"),
        (sa.Time(), time(9, 0, 0, 120000), "input", "time", "09:00:00.120"),
        (sa.Time(), time(9, 0, 0, 120001), "input", "text", "09:00:00.120001"),
        (sa.DateTime(), datetime(2026, 1, 2, 3), "input", "datetime-local", "2026-01-02T03:00:00"),
        (sa.DateTime(), datetime(2026, 1, 2, 3, 0, 0, 1), "input", "text",
         "2026-01-02 03:00:00.000001"),
        (sa.Interval(), timedelta(1), "input", "text", "1 00:00:00"),
        (sa.Uuid(), UUID(int=1), "input", "text", str(UUID(int=1))),
    ],
)  # fmt: skip
def test_the_control_can_hold_the_value(
    app: Flask, type_: Any, value: Any, tag: str, input_type: str | None, text: str | None
) -> None:
    with app.test_request_context():
        found = control(a_form(type_)(data={"x": value}))
    assert (found.tag, found.get("type"), found.get("value")) == (tag, input_type, text)


@pytest.mark.parametrize(
    ("type_", "typed", "input_type"),
    [
        (sa.Date(), "tomorrow", "text"),
        (sa.Date(), "2026-02-30", "text"),
        (sa.Date(), "2026-02-28", "date"),
        (sa.Time(), "9 o'clock", "text"),
        (sa.Time(timezone=True), "09:00:00+02:00", "text"),
        (sa.DateTime(), "2026-01-02T03:04", "datetime-local"),
        (sa.DateTime(), "2026-01-02 03:04", "datetime-local"),
        (sa.DateTime(timezone=True), "2026-01-02 03:04+01:00", "text"),
    ],
)
def test_what_was_typed_is_shown_again(app: Flask, type_: Any, typed: str, input_type: str) -> None:
    with app.test_request_context():
        form = a_form(type_)(MultiDict({"x": typed}))
        assert control(form).get("type") == input_type
        ((_, value),) = entries(form_of(page_of(form)))
    assert value.replace("T", " ") == typed.replace("T", " ")


@pytest.mark.parametrize(
    ("nullable", "value", "choices"),
    [
        (True, None, ["", "CALM", "WILD"]),
        (True, Mood.CALM, ["", "CALM", "WILD"]),
        (False, None, ["", "CALM", "WILD"]),
        (False, Mood.WILD, ["CALM", "WILD"]),
    ],
)
def test_an_empty_choice_is_offered_where_it_may_be(
    app: Flask, nullable: bool, value: Any, choices: list[str]
) -> None:
    texts = [(each.name, each.name) for each in Mood]
    form_class = a_form(sa.Enum(Mood), [Required()], nullable=nullable, choices=texts)
    with app.test_request_context():
        select = control(form_class(data={"x": value}))
    assert [option.get("value") for option in select] == choices
    # HTML allows `required` only where the first choice is empty.
    assert ("required" in select.attrib) == (choices[0] == "")


def test_a_value_that_is_no_choice_any_more_stays_chosen(app: Flask) -> None:
    form_class = a_form(sa.Integer(), choices=[("1", "One")], nullable=False)
    with app.test_request_context():
        assert through_browser(form_class, 7).data == 7


@pytest.mark.parametrize("value", [True, False, None])
def test_a_box_that_is_not_ticked_is_false(app: Flask, value: Any) -> None:
    form_class = a_form(sa.Boolean(), [Required()], nullable=False)
    with app.test_request_context():
        box = control(form_class(data={"x": value}))
        assert (box.get("type"), "checked" in box.attrib) == ("checkbox", bool(value))
        assert "required" not in box.attrib  # it would mean "must be ticked"
        sent: Any = form_class(MultiDict(entries(form_of(page_of(form_class(data={"x": value}))))))
        assert sent.x.data is bool(value)


def test_a_field_that_is_not_sent_keeps_its_value(app: Flask) -> None:
    with app.test_request_context():
        form: Any = a_form(sa.Integer())(MultiDict({"y": "1"}), data={"x": 7})
        assert form.x.data == 7


def test_html_is_escaped(app: Flask) -> None:
    nasty = "\"'><script>&amp;</textarea><option>"
    for type_, arguments in (
        (sa.String(), {}),
        (sa.Text(), {}),
        (sa.String(), {"choices": [(nasty, nasty)]}),
    ):
        with app.test_request_context():
            form = a_form(type_, **arguments)(data={"x": nasty})
            page = page_of(form)
        tree = html5lib.parse(page, namespaceHTMLElements=False)
        assert not list(tree.iter("script"))
        assert entries(form_of(page)) == [("x", nasty)]


def test_a_type_that_nobody_knows_is_refused(app: Flask) -> None:
    with app.test_request_context():
        form: Any = a_form(sa.PickleType())(MultiDict({"x": "a"}))
        assert not form.validate()
        assert form.x.errors == ["A value of this type cannot be typed."]


class Checked(Form):
    """Each validator of webadmin's own."""

    text = TextField("Text", [Required(), MaxLength(3), NoControlCharacters()])
    number = WholeNumberField("Number", [Between(0, 9)])


@pytest.mark.parametrize(
    ("name", "typed", "messages"),
    [
        ("text", "", ["Fill in this field."]),
        ("text", "   ", ["Fill in this field."]),
        ("text", "abcd", ["at most 3 characters; these are 4"]),
        ("text", "a\tb", ["(U+0009)"]),
        ("text", "a\tbcd", ["at most 3", "(U+0009)"]),
        ("text", "𝒜𝒜𝒜", []),
        ("number", "10", ["from 0 to 9"]),
        ("number", "-1", ["from 0 to 9"]),
        ("number", "ten", ["from 0 to 9"]),
        ("number", "9" * 30, ["from 0 to 9"]),
        ("number", "", []),
        ("number", "9", []),
    ],
)
def test_validators_say_what_would_be_right(
    app: Flask, name: str, typed: str, messages: list[str]
) -> None:
    with app.test_request_context():
        form = Checked(MultiDict({"text": "abc", "number": ""} | {name: typed}))
        form.validate()
        found = [str(error) for error in form[name].errors]
    assert len(found) == len(messages)
    assert all(message in error for message, error in zip(messages, found, strict=True))


def test_what_a_record_held_before_is_let_pass(app: Flask) -> None:
    old = {"text": "long\x01 and old ", "number": 99}
    with app.test_request_context():
        for stored in (True, False):
            sent = {"text": "long\x01 and old ", "number": "99"}
            form: Any = Checked(MultiDict(sent), data=old)
            for field in form:
                field.stored = stored
            assert form.validate() is stored
            assert form.data == old
