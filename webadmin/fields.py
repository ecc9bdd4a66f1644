"""Form fields that turn text into values as `columns.py` says, and never lose what was typed."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, ClassVar

from markupsafe import Markup, escape
from sqlalchemy import types as sa
from wtforms import Field
from wtforms.validators import StopValidation, ValidationError

from webadmin.columns import Kind, kind_of
from webadmin.messages import gettext, lazy_gettext

# What browsers take into an <input> of a type, and how it is read; others they empty.
# https://html.spec.whatwg.org/multipage/common-microsyntaxes.html#dates-and-times
_DAY, _CLOCK = r"(\d{4}-\d\d-\d\d)", r"(\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)0*"
_NATIVE: dict[str, tuple[str, re.Pattern[str], Any]] = {
    "date": ("date", re.compile(_DAY, re.ASCII), date),
    "time": ("time", re.compile(_CLOCK, re.ASCII), time),
    "datetime": ("datetime-local", re.compile(f"{_DAY}[ T]{_CLOCK}", re.ASCII), datetime),
}


class TypedField(Field):
    """A field for a value of a SQLAlchemy type: its text is parsed by the type's kind.

    A text that comes back as it was loaded keeps the loaded value to the last bit, also where
    typing it would be refused: an old record can be mended one field at a time.

    Attributes:
        stored: Whether the loaded value is that of a record, not a default for a new one.
        exact: Whether a text is taken to the letter: it comes from a file, not from a browser.
            None is no value there.

    Args:
        of: The SQLAlchemy type; its kind parses the text and names the control.
        choices: (text, label) of a closed choice; shown as a select.
        nullable: Whether empty means "no value" for a choice.
    """

    stored = False
    exact = False

    def __init__(
        self,
        label: Any = None,
        validators: Sequence[Any] | None = None,
        *,
        of: Any = None,
        choices: Sequence[tuple[str, Any]] = (),
        nullable: bool = True,
        **arguments: Any,
    ) -> None:
        self.of = of if of is not None else sa.String()
        self.kind: Kind = kind_of(self.of)
        self.choices, self.nullable = list(choices), nullable
        super().__init__(label, list(validators or ()), **arguments)

    def process_data(self, value: Any) -> None:
        """Take the stored value."""
        self.data = value
        self.loaded = self.text_of(value)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take what was typed; a field that was not sent keeps its value."""
        if not valuelist:
            return
        if self.exact:
            self.data = None if valuelist[-1] is None else self.parse(valuelist[-1])
            return
        if self._came_back and self.object_data is not None:
            return
        # A check box comes with a hidden "false" before it, so that unticked is sent at all.
        text = browser_lines(valuelist[-1])
        # Only one-line texts lose the spaces around them; in long ones they may be meant.
        if self.widget_name != "textarea" or self.kind.name not in ("string", "text"):
            text = text.strip()
        self.data = None
        if text:
            self.data = self.parse(text)

    @property
    def _came_back(self) -> bool:
        if self.exact or not self.raw_data:
            return not self.raw_data
        return browser_lines(self.raw_data[-1]) == browser_lines(self.loaded)

    @property
    def unchanged(self) -> bool:
        """Whether the value is a record's own, left as it was: nothing is to be checked."""
        return self.stored and self._came_back

    def parse(self, text: str) -> Any:
        """Return the value of a text; raises ValueError."""
        if self.kind.parse is None:
            raise ValueError(gettext("A value of this type cannot be typed."))
        return self.kind.parse(text, self.of)

    def text_of(self, value: Any) -> str:
        """Return the text of a value."""
        try:
            return "" if value is None else self.kind.text(value)
        except (AttributeError, TypeError):
            return str(value)  # SQLite may hold a value that its column's type does not allow

    @property
    def shown(self) -> str:
        """The text in the control: what was typed, else the loaded value."""
        return self.raw_data[-1] if self.raw_data else self.text_of(self.data)

    @property
    def widget_name(self) -> str:
        """The control: select, checkbox, textarea, or the type of an <input>."""
        if self.choices:
            return "select"
        if self.kind.name == "boolean":
            return "select" if self.nullable else "checkbox"
        name = "text" if self.kind.widget == "select" else self.kind.widget
        # A browser drops line breaks from an <input>, and so changes the value.
        if name == "text" and "\n" in browser_lines(self.loaded):
            return "textarea"
        return name

    def widget(self, field: Field, **attributes: Any) -> Markup:  # type: ignore[override]
        """Return the control as HTML."""
        attributes.setdefault("id", self.id)
        if self.flags.required:
            attributes["required"] = True
        control = {"select": self._select, "checkbox": self._checkbox, "textarea": self._textarea}
        return control.get(self.widget_name, self._input)(attributes)

    def _select(self, attributes: dict[str, Any]) -> Markup:
        choices = self.choices or [("true", gettext("Yes")), ("false", gettext("No"))]
        chosen = self.shown
        if chosen and chosen not in {text for text, _ in choices}:
            choices = [(chosen, chosen), *choices]  # else another one would be sent back
        if self.nullable or not chosen:
            choices = [("", "—"), *choices]
        else:
            attributes.pop("required", None)  # HTML allows it only with an empty first choice
        options = [
            _tag("option", {"value": text, "selected": text == chosen}, escape(label))
            for text, label in choices
        ]
        return _tag("select", self._named(attributes), Markup("").join(options))

    def _checkbox(self, attributes: dict[str, Any]) -> Markup:
        attributes["checked"] = self.shown == "true"
        attributes.pop("required", None)  # on a check box it would mean "must be ticked"
        hidden = _tag("input", {"type": "hidden", "name": self.name, "value": "false"})
        return hidden + _tag(
            "input", self._named(attributes | {"type": "checkbox", "value": "true"})
        )

    def _textarea(self, attributes: dict[str, Any]) -> Markup:
        rows = min(20, max(3, self.shown.count("\n") + 2))
        # The line break after the tag is the one that HTML drops; the value may begin with one.
        text = Markup("\n") + self.shown
        return _tag("textarea", self._named(attributes | {"rows": rows}), text)

    def _input(self, attributes: dict[str, Any]) -> Markup:
        text, type_ = self.shown, self.widget_name
        if type_ in _NATIVE:
            type_, text = _native(type_, text)
            if type_ in ("time", "datetime-local"):
                attributes["step"] = "any" if "." in text else "1"
        if self.kind.name == "integer":
            attributes["inputmode"] = "numeric"
        elif self.kind.numeric:
            attributes["inputmode"] = "decimal"
        attributes |= {"type": type_, "value": text}
        return _tag("input", self._named(attributes))

    def _named(self, attributes: dict[str, Any]) -> dict[str, Any]:
        return {"name": self.name} | attributes


def _tag(name: str, attributes: dict[str, Any], content: Markup | None = None) -> Markup:
    """Return an element as HTML, with `class_` and `aria_label` as WTForms lets one write them.

    Its own `html_params` takes ten times as long.

    Args:
        name: Its name.
        attributes: True is a name without a value; what is False is left out.
        content: What stands in it; None: it has no end tag.
    """
    parts = [name]
    for written, value in sorted(attributes.items()):
        attribute = written.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(attribute)
        elif value is not False:
            text = str(escape(value)).replace('"', "&quot;")  # what is HTML already may hold one
            parts.append(f'{attribute}="{text}"')
    end = "" if content is None else f"{content}</{name}>"
    return Markup(f"<{' '.join(parts)}>{end}")  # noqa: S704 - escaped above  # nosec B704


def control_class(field: Any) -> str:
    """Return the class that sets the control of a field."""
    classes = {"select": "form-select", "checkbox": "form-check-input"}
    return classes.get(getattr(field, "widget_name", ""), "form-control")


def helps(field: Any) -> Markup:
    """Return what helps to fill in a field: its description, and what its validators say."""
    found = [field.description, *(getattr(each, "help", "") for each in field.validators)]
    return Markup(" ").join(text for text in found if text)


def _native(kind: str, text: str) -> tuple[str, str]:
    """Return the <input> type that can hold a text, and the text as that type writes it."""
    type_, pattern, reader = _NATIVE[kind]
    if text == "":
        return type_, text
    match = pattern.fullmatch(text)
    try:
        reader.fromisoformat(text)
    except ValueError:
        match = None
    return (type_, "T".join(match.groups())) if match else ("text", text)


def browser_lines(text: str) -> str:
    """Return text with one kind of line end; a browser sends back CR LF for each."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


class TextField(TypedField):
    """A text of one line, without the spaces around it; empty is no value."""

    def __init__(self, label: Any = None, validators: Any = None, **arguments: Any) -> None:
        super().__init__(label, validators, of=sa.String(), **arguments)


class WholeNumberField(TypedField):
    """A whole number in plain digits, or no value."""

    def __init__(self, label: Any = None, validators: Any = None, **arguments: Any) -> None:
        super().__init__(label, validators, of=sa.Integer(), **arguments)


class Check:
    """A validator that lets pass what a record held before."""

    def __call__(self, form: Any, field: Any) -> None:
        """Check a field; raises ValidationError or StopValidation with a message."""
        if not getattr(field, "unchanged", False):
            self.check(field)

    def check(self, field: Any) -> None:
        """Check a value that was typed."""
        raise NotImplementedError


class Required(Check):
    """Refuses an empty field."""

    field_flags: ClassVar[dict[str, bool]] = {"required": True}

    def check(self, field: Any) -> None:
        """Raise StopValidation with a message, or without one where parsing failed already."""
        if field.process_errors:
            raise StopValidation
        if field.data is None or field.data == "":
            raise StopValidation(gettext("Fill in this field."))


class MaxLength(Check):
    """Refuses a text of more characters (Unicode code points, as the databases count)."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.help = lazy_gettext("At most %(count)s characters.", count=most)

    def check(self, field: Any) -> None:
        """Raise ValidationError with a message."""
        if isinstance(field.data, str) and len(field.data) > self.most:
            raise ValidationError(
                gettext(
                    "Write at most %(most)s characters; these are %(length)s.",
                    most=self.most,
                    length=len(field.data),
                )
            )


class Between(Check):
    """Refuses a whole number outside a range, and what is no whole number."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most
        self.help = lazy_gettext("%(least)s to %(most)s.", least=least, most=most)

    def check(self, field: Any) -> None:
        """Raise StopValidation with a message that takes the place of the parser's."""
        fits = field.data is None or self.least <= field.data <= self.most
        if fits and not field.process_errors:
            return
        field.errors = []
        raise StopValidation(
            gettext(
                "Write a whole number in plain digits from %(least)s to %(most)s, or nothing.",
                least=self.least,
                most=self.most,
            )
        )


class NoControlCharacters(Check):
    """Refuses characters of the Unicode category Cc: line breaks, tabs, escapes."""

    def check(self, field: Any) -> None:
        """Raise ValidationError with a message that names the first one."""
        if not field.data or field.data.isprintable():
            return  # none of them is printable
        for character in field.data:
            if unicodedata.category(character) == "Cc":
                raise ValidationError(
                    gettext(
                        "Leave out control characters such as line breaks and tabs (%(code)s).",
                        code=f"U+{ord(character):04X}",
                    )
                )
