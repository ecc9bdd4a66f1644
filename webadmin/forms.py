"""The form of a resource: the one it names, or one made from its model."""

from collections import Counter
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from flask import current_app, has_request_context
from flask_wtf import FlaskForm
from flask_wtf.csrf import generate_csrf
from itsdangerous import BadData, URLSafeSerializer
from wtforms import Field
from wtforms.validators import ValidationError

from webadmin import context, records, references
from webadmin.columns import Column
from webadmin.config import secret_keys
from webadmin.fields import Check, MaxLength, Required, TypedField
from webadmin.messages import gettext, lazy_gettext
from webadmin.resource import Resource
from webadmin.resource import attribute_name as attribute_name  # noqa: PLC0414 - callers say forms.


class Fits(Check):
    """Refuses what a column cannot hold, so that no database has to.

    Args:
        column: The column that the field stands for.
    """

    def __init__(self, column: Column) -> None:
        self.column = column

    def check(self, field: Any) -> None:
        """Raise ValidationError with a message."""
        problem = self.column.problem(field.data)
        if problem and not field.errors:
            raise ValidationError(problem)


class ReferenceField(TypedField):
    """A foreign key: a select of a few records, or the key or name of one of many.

    Args:
        column: The column with the foreign key.
    """

    def __init__(
        self, label: Any = None, validators: Any = None, *, column: Column, **arguments: Any
    ) -> None:
        self.column = column
        self.target = references.resource_of(column)
        choices = references.choices(self.target) if self.target else None
        texts = _told_apart([(column.text(key), _named(name, key)) for key, name in choices or ()])
        super().__init__(
            label, validators, of=column.type, choices=texts, nullable=column.nullable, **arguments
        )

    def parse(self, text: str) -> Any:
        """Return the key of the record that a text names; raises ValueError."""
        try:
            key = self.kind.parse(text, self.of) if self.kind.parse else None
        except ValueError:
            key = None
        if self.target is None:
            return key if key is not None else super().parse(text)
        if key is not None and records.exists(self.target, (key,)):
            return key
        found = references.with_label(self.target, text)
        if len(found) == 1:
            return found[0]
        label = self.target.labels[1]
        if found:
            raise ValueError(
                gettext("Several of “%(label)s” have this name. Write the key.", label=label)
            )
        raise ValueError(gettext("“%(label)s” has no record with this key or name.", label=label))

    @property
    def current_label(self) -> str:
        """The name of the record that is chosen now, "" where a select shows it."""
        if self.choices or self.data is None:
            return ""
        return str(references.labels(self.column, [self.data]).get(self.data, ""))


_FILLED_IN = lazy_gettext("Left empty, it is filled in automatically.")


def _named(label: Any, key: Any) -> str:
    return str(key) if label in (None, "") else str(label)


def _told_apart(choices: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return choices whose labels differ: those that would not get their key as well."""
    times = Counter(label for _, label in choices)
    return [(key, f"{label} ({key})" if times[label] > 1 else label) for key, label in choices]


def csrf_token() -> str:
    """Return the token of this session's forms."""
    secret = context.session().get("csrf_token")
    if secret is None:
        return str(generate_csrf())
    token = _signed(secret, str(context.app().secret_key))
    context.g().csrf_token = token  # where forms look for it first
    return token


@lru_cache(maxsize=1000)
def _signed(_secret: str, _key: str) -> str:
    """Return the token that stands for a session's secret, which it signs: always the same one."""
    return str(generate_csrf())


@cache
def label_of(resource: Resource, name: str) -> Any:
    """Return the label of a column: its form field's, else made from its name."""
    field = getattr(resource.form, attribute_name(name), None) if resource.form else None
    if field is not None:
        given = field.args[0] if field.args else field.kwargs.get("label")
        if given:
            return given
    if "label" in resource.columns[name].source.info:
        return resource.columns[name].source.info["label"]
    if name == "id":
        return "ID"
    if resource.columns[name].reference is not None:
        name = name.removesuffix("_id")  # what is shown is the record's name
    return name.replace("_", " ").strip().capitalize()


def _field(resource: Resource, column: Column) -> Any:
    validators: list[Any] = []
    optional = column.nullable or column.has_default
    if not optional and column.kind.name != "boolean":
        validators.append(Required())
    if column.max_length:
        validators.append(MaxLength(column.max_length))
    arguments: dict[str, Any] = {
        "name": column.name,
        "default": column.prefilled,
        "description": column.source.comment or "",
    }
    if column.has_default and column.prefilled is None:
        arguments["description"] = column.source.comment or _FILLED_IN
    label = label_of(resource, column.name)
    if column.reference is not None:
        return ReferenceField(label, validators, column=column, **arguments)
    return TypedField(
        label,
        validators,
        of=column.type,
        nullable=column.nullable or (column.has_default and column.prefilled is None),
        choices=[(text, text.replace("_", " ")) for text in column.choices],
        **arguments,
    )


@cache
def form_class(resource: Resource) -> type[FlaskForm]:
    """Return the form class of a resource."""
    if resource.form is not None:
        return resource.form
    fields = {
        attribute_name(column.name): _field(resource, column)
        for column in resource.columns.values()
        if column.writable
    }
    return type(f"{resource.model.__name__}Form", (FlaskForm,), fields)


def build(resource: Resource, values: Mapping[str, Any] | None = None, **options: Any) -> FlaskForm:
    """Return the form, filled with what the request sends, else with `values`.

    Args:
        resource: What the form is of.
        values: The values of the record being edited; None for a new one. The key of a record
            stays what it is, so its fields are left out of the edit form.
        options: What else the form class takes, such as `formdata`.
    """
    data = {
        attribute_name(name): resource.columns[name].exact(value)
        for name, value in (values or {}).items()
    }
    if has_request_context():
        csrf_token()
    form = form_class(resource)(data=data, **options)
    if values is not None:
        for column in resource.key_columns:
            form._fields.pop(attribute_name(column.name), None)
    for field in fields(resource, form):
        column = resource.columns[field.name]
        field.validators = [*field.validators, Fits(column)]
        if values is not None and isinstance(field, TypedField):
            field.stored = True
            field.nullable = field.nullable and column.nullable
    return form


def fields(resource: Resource, form: FlaskForm) -> list[Field]:
    """Return the fields of a form that stand for columns, in order."""
    return [field for field in form if field.name in resource.columns]


def names(resource: Resource) -> list[str]:
    """Return the columns that the edit form of a resource writes."""
    form, keys = form_class(resource), resource.key_columns
    return [
        name
        for name, column in resource.columns.items()
        if column not in keys and hasattr(getattr(form, attribute_name(name), None), "field_class")
    ]


def values(resource: Resource, form: FlaskForm) -> dict[str, Any]:
    """Return the values of a form by column."""
    return {field.name: field.data for field in fields(resource, form)}


def _serializer(resource: Resource, key: str) -> URLSafeSerializer:
    # The salt binds the values to one record: those of another are refused.
    return URLSafeSerializer(secret_keys(current_app), salt=f"original:{resource.name}:{key}")


def sign(resource: Resource, key: str, loaded: Mapping[str, Any]) -> str:
    """Return the values that a form was loaded with, signed."""
    data = {name: resource.columns[name].dump(value) for name, value in loaded.items()}
    signed: str = _serializer(resource, key).dumps(data)
    return signed


def unsign(resource: Resource, key: str, text: str) -> dict[str, Any] | None:
    """Return the values that `sign` was given, or None where they were not signed here."""
    try:
        data = _serializer(resource, key).loads(text)
        return {name: resource.columns[name].load(value) for name, value in data.items()}
    except (BadData, ValueError, KeyError):
        return None
