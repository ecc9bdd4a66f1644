"""A model whose records belong to somebody, and a resource that shows each only its own."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from webadmin.permissions import Action, Role
from webadmin.resource import Resource


class Base(DeclarativeBase):
    """Of this module's tables alone."""


class Folder(Base):
    """A folder, which belongs to somebody."""

    __tablename__ = "folder"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    owner: Mapped[str] = mapped_column(String(50))


class Note(Base):
    """A note in a folder."""

    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(50))
    owner: Mapped[str] = mapped_column(String(50))
    folder_id: Mapped[int | None] = mapped_column(ForeignKey("folder.id"))


FOLDERS = Resource(
    model=Folder,
    list_filter=("name",),
    scope=lambda account: None if account.role is Role.ADMIN else Folder.owner == account.email,
    permissions={Action.DELETE: (Role.EDITOR, Role.ADMIN)},
)
NOTES = Resource(
    model=Note,
    list_filter=("folder_id",),
    scope=lambda account: None if account.role is Role.ADMIN else Note.owner == account.email,
    permissions={Action.DELETE: (Role.EDITOR,), Action.CREATE: (Role.EDITOR, Role.ADMIN)},
)
