"""Resource: what to show of one model. It checks itself against the model when it is built."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flask_wtf import FlaskForm
from sqlalchemy import Column as TableColumn
from sqlalchemy import Table, inspect
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import Mapper

from webadmin.columns import Column
from webadmin.permissions import Action, Permissions, Role

NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
# First path segments of webadmin's own pages.
RESERVED_NAMES = frozenset(
    {
        "account", "bootstrap", "healthz", "history", "readyz", "setup", "sign-in",
        "sign-out", "static",
    }
)  # fmt: skip


def attribute_name(name: str) -> str:
    """Return the form's attribute for a column: not one that FlaskForm has or passes over."""
    return f"column_{name}" if name.startswith("_") or hasattr(FlaskForm, name) else name


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
        permissions: Roles that may take an action, where they are others than usual, such as
            `{Action.DELETE: (Role.EDITOR, Role.ADMIN)}`; an empty tuple: nobody.
        scope: Takes the account that asks (`id`, `email`, `role`), and returns the condition that
            the records it may see meet, or None for all of them.

    A column with `info={"secret": True}` is no column of a resource: no page or file shows it.
    """

    model: type[Any]
    name: str = ""
    labels: tuple[Any, Any] = ("", "")
    list_display: tuple[str, ...] = ()
    search_fields: tuple[str, ...] | None = None
    list_filter: tuple[str, ...] = ()
    ordering: tuple[str, ...] = ()
    form: type[FlaskForm] | None = None
    permissions: Permissions = field(default_factory=dict)
    scope: Callable[[Any], Any] | None = None
    columns: dict[str, Column] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._set("columns", self._read_columns())
        self._check_key()
        self._set("name", self.name or self.table.name.lower())
        self._check_name()
        self._set("labels", self._checked_labels())
        for option in ("list_display", "search_fields", "list_filter", "ordering"):
            if getattr(self, option) is not None or option != "search_fields":
                self._set(option, self._checked_names(option, getattr(self, option)))
        self._set("list_display", self.list_display or tuple(self.columns)[:6])
        if self.search_fields is None:
            shown = tuple(name for name in self.list_display if self.columns[name].is_text)
            self._set("search_fields", shown)
        self._check_kinds()
        self._check_form()
        self._check_permissions()

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
            # The model's own attribute, which brings in its tables and kind, not an ancestor's.
            attribute.key: Column(attribute.key, getattr(self.model, attribute.key))
            for attribute in mapper.column_attrs
            if isinstance(attribute.columns[0], TableColumn)
            and (attribute.columns[0].primary_key or not attribute.columns[0].info.get("secret"))
        }

    def _check_key(self) -> None:
        for column in self.key_columns:
            if column.kind.parse is None:
                raise ResourceError(
                    f"{self._who}: model has the key {column.name!r} of type {column.type!r}, "
                    "which cannot stand in a URL. Use a type that webadmin/columns.py knows."
                )

    def _check_name(self) -> None:
        fits = isinstance(self.name, str) and NAME.fullmatch(self.name)
        if not fits or self.name in RESERVED_NAMES:
            raise ResourceError(
                f"{self._who}: name={self.name!r} cannot begin a URL of its own. Use a small "
                f"letter, then small letters, digits, - and _, and none of "
                f"{', '.join(sorted(RESERVED_NAMES))}."
            )

    def _checked_labels(self) -> tuple[Any, Any]:
        if not isinstance(self.labels, tuple | list) or len(self.labels) != 2:
            raise ResourceError(
                f"{self._who}: labels={self.labels!r} must be two texts: one record, several."
            )
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", self.model.__name__)
        one, many = self.labels
        return (
            one or words.capitalize(),
            many or re.sub(r"[-_]+", " ", self.name).strip().capitalize(),
        )

    def _checked_names(self, option: str, names: Any) -> tuple[str, ...]:
        if isinstance(names, str):
            raise ResourceError(
                f"{self._who}: {option}={names!r} is a text. Write a tuple: ({names!r},)."
            )
        if not isinstance(names, tuple | list) or not all(isinstance(each, str) for each in names):
            raise ResourceError(
                f"{self._who}: {option}={names!r} must be a tuple of names of columns, such as "
                f"({next(iter(self.columns))!r},)."
            )
        bare = [each.removeprefix("-") if option == "ordering" else each for each in names]
        for name in bare:
            self._check_column(option, name)
            if bare.count(name) > 1:
                raise ResourceError(f"{self._who}: {option} names {name!r} twice.")
        return tuple(names)

    def _check_column(self, option: str, name: str) -> None:
        if name not in self.columns:
            near = difflib.get_close_matches(name, self.columns, 1, cutoff=0)[0]
            raise ResourceError(
                f"{self._who}: {option} names {name!r}, which is no column of the model. "
                f"The nearest is {near!r}."
            )

    def _check_kinds(self) -> None:
        for name in self.search_fields or ():
            if not self.columns[name].is_text:
                texts = [each for each, column in self.columns.items() if column.is_text]
                raise ResourceError(
                    f"{self._who}: search_fields names {name!r}, which holds no text. "
                    f"Of text are: {', '.join(texts) or 'none'}."
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
        for attribute in dir(self.form):
            field = getattr(self.form, attribute)
            if not hasattr(field, "field_class"):
                continue
            # WTForms' own way to name a field otherwise than its attribute.
            name = field.name or attribute
            self._check_column("form", name)
            if attribute != attribute_name(name):
                raise ResourceError(
                    f"{self._who}: form has the field {attribute!r} for the column {name!r}. Call "
                    f"it {attribute_name(name)} = {field.field_class.__name__}(name={name!r})."
                )

    def _check_permissions(self) -> None:
        given = self.permissions
        right = isinstance(given, Mapping) and all(
            isinstance(action, Action)
            and isinstance(roles, tuple | list)
            and all(isinstance(role, Role) for role in roles)
            for action, roles in given.items()
        )
        if not right:
            raise ResourceError(
                f"{self._who}: permissions={given!r} must give roles for actions, such as "
                "{Action.DELETE: (Role.EDITOR, Role.ADMIN)}."
            )
        self._set("permissions", {action: tuple(roles) for action, roles in given.items()})
        if self.scope is not None and not callable(self.scope):
            raise ResourceError(
                f"{self._who}: scope={self.scope!r} must be a function that takes an account and "
                "returns a condition, such as lambda account: Book.owner == account.email."
            )

    @cached_property
    def table(self) -> Table:
        """The model's table."""
        table: Table = inspect(self.model).local_table
        return table

    @cached_property
    def key_columns(self) -> tuple[Column, ...]:
        """The columns of the primary key, in the order of the key."""
        # Where one table inherits from another, an attribute stands for a column in each.
        by_source = {
            source: column
            for column in self.columns.values()
            for source in column.attribute.property.columns
        }
        return tuple(by_source[source] for source in inspect(self.model).primary_key)

    @cached_property
    def link_column(self) -> str:
        """The column of its list that is the link to a record: its label, else the first."""
        shown = self.label_column.name in self.list_display
        return self.label_column.name if shown else self.list_display[0]

    @cached_property
    def label_column(self) -> Column:
        """The column whose value names a record: its first text that is displayed."""
        shown = [self.columns[name] for name in self.list_display]
        plain = [
            column
            for column in shown
            if column.kind.sortable
            and not column.primary_key
            and column.reference is None
            and not column.discriminates
        ]
        texts = [column for column in plain if column.is_text]
        return (texts or plain or [self.key_columns[0]])[0]
