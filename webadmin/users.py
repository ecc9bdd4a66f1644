"""Users: the model, its form, and the resource. Copy this file for the next model."""

from flask_wtf import FlaskForm
from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webadmin.database import db
from webadmin.fields import (
    Between,
    MaxLength,
    NoControlCharacters,
    Required,
    TextField,
    WholeNumberField,
)
from webadmin.messages import lazy_gettext as _l
from webadmin.resource import Resource


class User(db.Model):  # type: ignore[name-defined,misc]
    """A person: the `users` table of the SQLAlchemy tutorial, NULLs and all."""

    __tablename__ = "users"
    # What its list is sorted and filtered by; `webadmin indexes` tells what a list lacks.
    __table_args__ = (Index("ix_users_name", "name", "id"), Index("ix_users_age", "age", "id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(255))
    age: Mapped[int | None]


class UserForm(FlaskForm):  # type: ignore[misc]
    """What may be written to a user."""

    name = TextField(_l("Name"), [Required(), MaxLength(255), NoControlCharacters()])
    age = WholeNumberField(_l("Age"), [Between(0, 150)])


USERS = Resource(
    model=User,
    labels=(_l("User"), _l("Users")),
    list_display=("id", "name", "age"),
    search_fields=("name",),
    list_filter=("name", "age"),
    form=UserForm,
)
