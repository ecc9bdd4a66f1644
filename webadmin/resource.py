"""Resource: what to show of one model. It checks itself against the model when it is built."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flask_wtf import FlaskForm
from sqlalchemy import Column as TableColumn
from sqlalchemy import Table, inspect
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import Mapper

from webadmin.columns import Column

NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
# First path segments of webadmin's own pages.
RESERVED_NAMES = frozenset(
    "account accounts bootstrap healthz history readyz setup sign-in sign-out static".split()
)


class ResourceError(ValueError):
    """A Resource does not fit its model; the message names the field and the nearest name."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Resource:
    """What to show of one model.

    Attributes:
        model: A class mapped with SQLAlchemy's declarative ORM.
        name: The first part of its URLs. Default: the name of its table.
        labels: What one record and several are called. Default: made from the class and `name`.
        list_display: Names of the columns of its list. Default: the first six.
        search_fields: Text columns that the search box looks in. Default: those displayed.
        list_filter: Columns that its list can be filtered by. Default: none.
        ordering: Columns that its list is sorted by at first, "-age" descending.
            Default: the primary key.
        form: A FlaskForm whose fields bear names of columns. Default: made from the model.
    """

    model: type[Any]
    name: str = ""
    labels: tuple[Any, Any] = ("", "")
    list_display: tuple[str, ...] = ()
    search_fields: tuple[str, ...] | None = None
    list_filter: tuple[str, ...] = ()
    ordering: tuple[str, ...] = ()
    form: type[FlaskForm] | None = None
    columns: dict[str, Column] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._set("columns", self._read_columns())
        self._set("name", self.name or self.table.name.lower())
        if not NAME.fullmatch(self.name) or self.name in RESERVED_NAMES:
            raise ResourceError(
                f"{self._who}: name={self.name!r} cannot begin a URL of its own. Use a small "
                f"letter, then small letters, digits, - and _, and none of "
                f"{', '.join(sorted(RESERVED_NAMES))}."
            )
        self._set("labels", self._checked_labels())
        for option in ("list_display", "search_fields", "list_filter", "ordering"):
            self._check_names(option, getattr(self, option))
        self._set("list_display", self.list_display or tuple(self.columns)[:6])
        if self.search_fields is None:
            shown = (name for name in self.list_display if self._is_text(name))
            self._set("search_fields", tuple(shown))
        self._check_kinds()
        self._check_form()

    def _set(self, option: str, value: object) -> None:
        object.__setattr__(self, option, value)

    @property
    def _who(self) -> str:
        return f"Resource({getattr(self.model, '__name__', self.model)!s})"

    def _read_columns(self) -> dict[str, Column]:
        try:
            mapper = inspect(self.model)
            if not isinstance(mapper, Mapper):
                raise NoInspectionAvailable
        except NoInspectionAvailable:
            raise ResourceError(
                f"{self._who}: model={self.model!r} is not a class mapped with SQLAlchemy."
            ) from None
        return {
            attribute.key: Column(attribute.key, attribute.class_attribute)
            for attribute in mapper.column_attrs
            if isinstance(attribute.columns[0], TableColumn)
        }

    def _checked_labels(self) -> tuple[Any, Any]:
        if isinstance(self.labels, str) or len(tuple(self.labels)) != 2:
            raise ResourceError(
                f"{self._who}: labels={self.labels!r} must be two texts: one record, several."
            )
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", self.model.__name__)
        one, many = self.labels
        return (
            one or words.capitalize(),
            many or re.sub(r"[-_]+", " ", self.name).strip().capitalize(),
        )

    def _check_names(self, option: str, names: Iterable[str] | None) -> None:
        if isinstance(names, str):
            raise ResourceError(
                f"{self._who}: {option}={names!r} is a text. Write a tuple: ({names!r},)."
            )
        for name in names or ():
            bare = name.removeprefix("-") if option == "ordering" else name
            if bare not in self.columns:
                near = difflib.get_close_matches(bare, self.columns, 1, cutoff=0)[0]
                raise ResourceError(
                    f"{self._who}: {option} names {bare!r}, which is no column of the model. "
                    f"The nearest is {near!r}."
                )

    def _is_text(self, name: str) -> bool:
        return self.columns[name].kind.name in ("string", "text")

    def _check_kinds(self) -> None:
        for name in self.search_fields or ():
            if not self._is_text(name):
                raise ResourceError(
                    f"{self._who}: search_fields names {name!r}, which holds no text."
                )
        for name in self.ordering:
            if not self.columns[name.removeprefix("-")].kind.sortable:
                raise ResourceError(
                    f"{self._who}: ordering names {name!r}, whose type cannot be sorted."
                )

    def _check_form(self) -> None:
        if self.form is None:
            return
        if not (isinstance(self.form, type) and issubclass(self.form, FlaskForm)):
            raise ResourceError(f"{self._who}: form={self.form!r} is not a subclass of FlaskForm.")
        declared = [
            name for name in dir(self.form) if hasattr(getattr(self.form, name), "field_class")
        ]
        self._check_names("form", declared)

    @cached_property
    def table(self) -> Table:
        """The model's table."""
        table: Table = inspect(self.model).local_table
        return table

    @cached_property
    def key_columns(self) -> tuple[Column, ...]:
        """The columns of the primary key, in the order of the key."""
        by_source = {column.source: column for column in self.columns.values()}
        return tuple(by_source[source] for source in inspect(self.model).primary_key)

    @cached_property
    def label_column(self) -> Column:
        """The column whose value names a record: its first text that is displayed."""
        shown = [self.columns[name] for name in self.list_display]
        plain = [column for column in shown if not column.primary_key and not column.reference]
        texts = [column for column in plain if column.kind.name in ("string", "text")]
        return (texts or plain or [self.key_columns[0]])[0]
