"""Form fields that turn text into values as `columns.py` says, and never lose what was typed."""

import unicodedata
from collections.abc import Sequence
from typing import Any

from flask_babel import gettext, lazy_gettext
from markupsafe import Markup
from sqlalchemy import types as sa
from wtforms import Field
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import html_params

from webadmin.columns import Kind, kind_of

LONG_TEXT = 255


class TypedField(Field):
    """A field for a value of a SQLAlchemy type: its text is parsed by the type's kind.

    A text that comes back as it was loaded keeps the loaded value to the last bit, also where
    typing it would be refused: an old record can be mended one field at a time.

    Args:
        of: The SQLAlchemy type; its kind parses the text and names the control.
        choices: (text, label) of a closed choice; shown as a select.
        nullable: Whether empty means "no value" for a choice.
    """

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
        text = self._sent(valuelist)
        if text == browser_lines(self.loaded) and self.object_data is not None:
            return
        self.data = None
        # Only one-line texts lose the spaces around them; in long ones they may be meant.
        text = text if self.widget_name == "textarea" else text.strip()
        if text.strip():
            self.data = self.parse(text)

    def _sent(self, valuelist: list[str]) -> str:
        # A check box comes with a hidden "false" before it, so that unticked is sent at all.
        return browser_lines(valuelist[-1])

    def parse(self, text: str) -> Any:
        """Return the value of a text; raises ValueError."""
        assert self.kind.parse is not None
        return self.kind.parse(text, self.of)

    def text_of(self, value: Any) -> str:
        """Return the text of a value."""
        return "" if value is None else self.kind.text(value)

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
        # A browser would drop line breaks from an <input>, and so change the value.
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
        if self.nullable or chosen not in {text for text, _ in choices}:
            choices = [("", "—"), *choices]
        options = Markup("").join(
            Markup("<option {}>{}</option>").format(
                Markup(html_params(value=text, selected=text == chosen)), label
            )
            for text, label in choices
        )
        return Markup("<select {}>{}</select>").format(_params(attributes, self.name), options)

    def _checkbox(self, attributes: dict[str, Any]) -> Markup:
        attributes["checked"] = self.shown == "true"
        attributes.pop("required", None)  # on a check box it would mean "must be ticked"
        return Markup('<input type="hidden" {}><input type="checkbox" {}>').format(
            Markup(html_params(name=self.name, value="false")),
            _params(attributes | {"value": "true"}, self.name),
        )

    def _textarea(self, attributes: dict[str, Any]) -> Markup:
        rows = min(20, max(3, self.shown.count("\n") + 2))
        # The line break after the tag is the one that HTML drops; the value may begin with one.
        return Markup("<textarea {}>\n{}</textarea>").format(
            _params(attributes | {"rows": rows}, self.name), self.shown
        )

    def _input(self, attributes: dict[str, Any]) -> Markup:
        text, type_ = self.shown, self.widget_name
        if type_ in ("datetime", "time", "date"):
            type_, text = _native(type_, text)
            if type_ != "text":
                attributes["step"] = None if type_ == "date" else "1" if "." not in text else "any"
        if self.kind.name == "integer":
            attributes["inputmode"] = "numeric"
        elif self.kind.numeric:
            attributes["inputmode"] = "decimal"
        attributes = {name: value for name, value in attributes.items() if value is not None}
        return Markup("<input {}>").format(
            _params(attributes | {"type": type_, "value": text}, self.name)
        )


def _params(attributes: dict[str, Any], name: str) -> Markup:
    return Markup(html_params(name=name, **attributes))


def _native(kind: str, text: str) -> tuple[str, str]:
    """Return the <input> type that can hold a text: browsers empty one they cannot read.

    https://html.spec.whatwg.org/#local-date-and-time-state-(type=datetime-local)
    """
    fraction = text.partition(".")[2]
    if len(fraction) > 3 and not fraction.endswith("000"):
        return "text", text
    if fraction:
        text = text[: len(text) - len(fraction) + 3]
    if kind != "datetime":
        return kind, text
    date, _, time = text.partition(" ")
    if "+" in time or "-" in time or (text and not time):
        return "text", text  # with an offset, or something that was typed wrong
    return "datetime-local", f"{date}T{time}" if time else text


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


class Required:
    """Refuses an empty field."""

    field_flags = {"required": True}

    def __call__(self, form: Any, field: Any) -> None:
        """Raise StopValidation with a message, or without one where parsing failed already."""
        if field.process_errors:
            raise StopValidation
        if field.data is None or field.data == "":
            raise StopValidation(gettext("Fill in this field."))


class MaxLength:
    """Refuses a text of more characters (Unicode code points, as the databases count)."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.help = lazy_gettext("At most %(count)s characters.", count=most)

    def __call__(self, form: Any, field: Any) -> None:
        """Raise ValidationError with a message."""
        if isinstance(field.data, str) and len(field.data) > self.most:
            raise ValidationError(
                gettext(
                    "Write at most %(most)s characters; these are %(length)s.",
                    most=self.most,
                    length=len(field.data),
                )
            )


class Between:
    """Refuses a number outside a range."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most
        self.help = lazy_gettext("%(least)s to %(most)s.", least=least, most=most)

    def __call__(self, form: Any, field: Any) -> None:
        """Raise ValidationError with a message."""
        if field.data is not None and not self.least <= field.data <= self.most:
            raise ValidationError(
                gettext(
                    "Write a whole number from %(least)s to %(most)s, or nothing.",
                    least=self.least,
                    most=self.most,
                )
            )


class NoControlCharacters:
    """Refuses characters of the Unicode category Cc: line breaks, tabs, escapes."""

    def __call__(self, form: Any, field: Any) -> None:
        """Raise ValidationError with a message that names the first one."""
        for character in field.data or "":
            if unicodedata.category(character) == "Cc":
                raise ValidationError(
                    gettext(
                        "Leave out control characters such as line breaks and tabs (%(code)s).",
                        code=f"U+{ord(character):04X}",
                    )
                )
