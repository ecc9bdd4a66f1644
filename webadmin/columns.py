"""One table: column type -> how it is shown, filtered, edited and parsed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property
from typing import Any

from sqlalchemy import types as sa
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

from webadmin import texts, values
from webadmin.messages import gettext

RANGE = ("exact", "gt", "gte", "lt", "lte", "isnull")
TEXT = ("exact", "startswith", "contains", "gt", "gte", "lt", "lte", "isnull")
CHOICE = ("exact", "isnull")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How columns of some SQLAlchemy types are handled.

    Attributes:
        name: The word for it, also the CSS class of its cells.
        types: The SQLAlchemy types, found with isinstance.
        parse: Text -> value; raises ValueError with a message for people. None: read-only.
        text: Value -> the one text that `parse` turns back into it.
        operators: What a list can be filtered by.
        widget: The control in forms: text, textarea, checkbox, select, date, datetime, time.
    """

    name: str
    types: tuple[type[TypeEngine[Any]], ...]
    parse: Callable[[str, Any], Any] | None
    text: Callable[[Any], str] = str
    operators: tuple[str, ...] = ()
    sortable: bool = True
    widget: str = "text"
    numeric: bool = False


# The first row whose types match wins: Enum and Text are Strings, Float is a Numeric.
KINDS = (
    Kind(name="choice", types=(sa.Enum,), parse=texts.parse_enum, text=texts.enum_text,
         operators=CHOICE, widget="select"),
    Kind(name="text", types=(sa.Text,), parse=texts.parse_text, operators=TEXT, widget="textarea"),
    Kind(name="string", types=(sa.String,), parse=texts.parse_text, operators=TEXT),
    Kind(name="boolean", types=(sa.Boolean,), parse=texts.parse_boolean, text=texts.boolean_text,
         operators=CHOICE, widget="checkbox"),
    Kind(name="integer", types=(sa.Integer,), parse=texts.parse_integer, operators=RANGE,
         numeric=True),
    Kind(name="float", types=(sa.Float,), parse=texts.parse_float, text=repr, operators=RANGE,
         numeric=True),
    Kind(name="decimal", types=(sa.Numeric,), parse=texts.parse_decimal, text=texts.decimal_text,
         operators=RANGE, numeric=True),
    Kind(name="datetime", types=(sa.DateTime,), parse=texts.parse_datetime,
         text=texts.datetime_text, operators=RANGE, widget="datetime"),
    Kind(name="date", types=(sa.Date,), parse=texts.parse_date, operators=RANGE, widget="date"),
    Kind(name="time", types=(sa.Time,), parse=texts.parse_time, operators=RANGE, widget="time"),
    Kind(name="interval", types=(sa.Interval,), parse=texts.parse_interval,
         text=texts.interval_text, operators=RANGE),
    Kind(name="uuid", types=(sa.Uuid,), parse=texts.parse_uuid, operators=CHOICE),
    Kind(name="json", types=(sa.JSON,), parse=texts.parse_json, text=texts.json_text,
         operators=("isnull",), sortable=False, widget="textarea"),
    Kind(name="binary", types=(sa.LargeBinary,), parse=None, operators=("isnull",),
         sortable=False, numeric=True),
)  # fmt: skip
UNKNOWN = Kind(name="unknown", types=(), parse=None, operators=("isnull",), sortable=False)


def kind_of(type_: TypeEngine[Any]) -> Kind:
    """Return the row of the table for a type, or `UNKNOWN`: shown as text, never written."""
    return next((kind for kind in KINDS if isinstance(type_, kind.types)), UNKNOWN)


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a resource's model, by the name of its mapped attribute."""

    name: str
    attribute: InstrumentedAttribute[Any]

    @cached_property
    def source(self) -> Any:
        """The column of the table."""
        return self.attribute.property.columns[0]

    @cached_property
    def type(self) -> TypeEngine[Any]:
        """The SQLAlchemy type."""
        found: TypeEngine[Any] = self.source.type
        return found

    @cached_property
    def kind(self) -> Kind:
        """The row of `KINDS`."""
        return kind_of(self.type)

    @cached_property
    def nullable(self) -> bool:
        """Whether NULL may be stored."""
        return bool(self.source.nullable)

    @cached_property
    def primary_key(self) -> bool:
        """Whether it is a part of the key."""
        return bool(self.source.primary_key)

    @cached_property
    def has_default(self) -> bool:
        """Whether a record can be made without naming a value."""
        # Where one table inherits from another, the key is generated in the first.
        generated = any(
            each.autoincrement is not False
            and each is getattr(each.table, "autoincrement_column", None)
            for each in self.attribute.property.columns
        )
        given = self.source.default is not None or self.source.server_default is not None
        return generated or given or self.discriminates or self._repeats

    @cached_property
    def discriminates(self) -> bool:
        """Whether it says of which model a record is: that is set, not asked for."""
        mapper = self.attribute.parent
        own = any(each is mapper.polymorphic_on for each in self.attribute.property.columns)
        return own and mapper.polymorphic_identity is not None

    @cached_property
    def inherited(self) -> bool:
        """Whether it is a key that a model that inherits has from its ancestor."""
        mapper = getattr(self.attribute, "parent", None)  # a column of a table alone has none
        return self.primary_key and getattr(mapper, "inherits", None) is not None

    @cached_property
    def _repeats(self) -> bool:
        """Whether it is the ancestor's key once more, under another name."""
        keys = set(self.attribute.parent.primary_key)
        return self.inherited and keys.isdisjoint(self.attribute.property.columns)

    @cached_property
    def writable(self) -> bool:
        """Whether forms may offer it."""
        return (
            self.kind.parse is not None
            and self.source.computed is None
            and not (self.source.identity is not None and self.source.identity.always)
            and not (self.primary_key and self.has_default)
            and not (self.discriminates or self._repeats)
        )

    @cached_property
    def prefilled(self) -> Any:
        """The value that the form of a new record begins with: the model's, or None."""
        default = self.source.default
        return default.arg if default is not None and default.is_scalar else None

    @cached_property
    def is_text(self) -> bool:
        """Whether it holds free text."""
        return self.kind.name in ("string", "text")

    @cached_property
    def max_length(self) -> int | None:
        """The longest text in characters, or None."""
        length = getattr(self.type, "length", None)
        return length if self.is_text and length else None

    @cached_property
    def reference(self) -> Any:
        """The table's column that its only foreign key names, or None.

        An ancestor's row is no other record: the key that joins it is none.
        """
        keys = list(self.source.foreign_keys)
        return keys[0].column if len(keys) == 1 and not self.inherited else None

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """The texts of an enumeration, in its order."""
        if not isinstance(self.type, sa.Enum):
            return ()
        if self.type.enum_class:
            return tuple(self.type.enum_class.__members__)
        return tuple(self.type.enums)

    def parse(self, text: str) -> Any:
        """Return the value that a text stands for.

        Raises:
            ValueError: With a message that says what would be right.
        """
        if self.kind.parse is None:
            raise ValueError(gettext("A value of this type cannot be typed."))
        return self.kind.parse(text, self.type)

    def problem(self, value: Any) -> str:
        """Return what is wrong with a value before a database is asked, "" where nothing is."""
        if value is None or self.kind.parse is None:
            return ""
        if self.max_length and len(str(value)) > self.max_length:
            return str(
                gettext(
                    "Write at most %(most)s characters; these are %(length)s.",
                    most=self.max_length,
                    length=len(str(value)),
                )
            )
        try:
            self.parse(self.text(value))
        except (ValueError, TypeError, AttributeError) as error:
            return str(error)
        return ""

    def text(self, value: Any) -> str:
        """Return the text that stands for a value: in forms, filters and keys; NULL is empty."""
        return "" if value is None else self.kind.text(self.exact(value))

    def exact(self, value: Any) -> Any:
        """Return a value read from any DBMS as PostgreSQL gives it: zoned times are in UTC."""
        if isinstance(value, datetime) and getattr(self.type, "timezone", False):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return value

    def dump(self, value: Any) -> Any:
        """Return JSON data for a value of this column (see `values.dump`)."""
        value = self.exact(value)
        return value.name if isinstance(value, Enum) else values.dump(value)

    def load(self, data: Any) -> Any:
        """Return the value that `dump` was given; raises ValueError."""
        value = values.load(data)
        if value is not None and self.kind.name == "choice":
            return self.parse(value)
        return value
