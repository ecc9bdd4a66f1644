"""SQLAdmin on the table of users: what its own documentation shows."""

import os

from sqladmin import Admin, ModelView
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.applications import Starlette

engine = create_engine(os.environ["BENCH_URI"])
app = Starlette()


class Base(DeclarativeBase):
    """The declarative base."""


class User(Base):
    """A person."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    age: Mapped[int | None]


class UserAdmin(ModelView, model=User):
    """The pages of users."""

    column_list = ("id", "name", "age")
    column_default_sort = "id"
    column_sortable_list = ("id", "name", "age")
    column_searchable_list = ("name",)
    column_details_list = ("id", "name", "age")
    page_size = 50
    page_size_options = (50,)


Admin(app, engine).add_view(UserAdmin)


def prepare() -> None:
    """Nothing is needed."""
