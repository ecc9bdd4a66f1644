"""A library: models of every type that webadmin knows, and their resources."""

import enum
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from webadmin.resource import Resource

MARIADB = ("mysql", "mariadb")


class Base(DeclarativeBase):
    """A declarative base that Flask-SQLAlchemy has no part in."""


class Mood(enum.Enum):
    CALM = "calm and quiet"
    WILD = "w"


class Reversed(sa.TypeDecorator[str]):
    """A type that webadmin cannot know: texts are stored back to front."""

    impl = String(30)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return value and value[::-1]

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        return value and value[::-1]


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    website: Mapped[str | None] = mapped_column("home_page", String(200))
    born: Mapped[date | None]
    active: Mapped[bool] = mapped_column(default=True)
    listed: Mapped[bool] = mapped_column(server_default=sa.true())
    joined: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    biography: Mapped[str | None] = mapped_column(sa.Text)


class Shelf(Base):
    """A record that books refer to by something else than its key."""

    __tablename__ = "shelf"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(10), unique=True)


class Book(Base):
    __tablename__ = "book"
    __table_args__ = (
        UniqueConstraint("title", "volume", name="uq_book_title_volume"),
        CheckConstraint("pages > 0", name="ck_book_pages"),
        CheckConstraint("height < 1000"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(40))
    volume: Mapped[int] = mapped_column(sa.SmallInteger, server_default="1")
    author_id: Mapped[int | None] = mapped_column(ForeignKey("author.id"))
    shelf: Mapped[str | None] = mapped_column(ForeignKey("shelf.code"))
    isbn: Mapped[str | None] = mapped_column(String(13), unique=True)
    subtitle: Mapped[str | None] = mapped_column(String().with_variant(String(500), *MARIADB))
    summary: Mapped[str | None] = mapped_column(sa.Text)
    pages: Mapped[int | None]
    copies: Mapped[int | None] = mapped_column(sa.BigInteger)
    weight: Mapped[float | None] = mapped_column(sa.Float)
    height: Mapped[float | None] = mapped_column(sa.Double)
    price: Mapped[Decimal | None] = mapped_column(sa.Numeric(10, 2))
    ratio: Mapped[Decimal | None] = mapped_column(sa.Numeric)
    in_print: Mapped[bool]
    lent: Mapped[bool | None]
    published: Mapped[date | None]
    printed_at: Mapped[datetime | None] = mapped_column(
        sa.DateTime().with_variant(mysql.DATETIME(fsp=6), *MARIADB)
    )
    sold_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    read_at: Mapped[time | None] = mapped_column(
        sa.Time().with_variant(mysql.TIME(fsp=6), *MARIADB)
    )
    loan: Mapped[timedelta | None]
    genre: Mapped[str | None] = mapped_column(sa.Enum("novel", "poems", "play", name="genre"))
    binding: Mapped[str | None] = mapped_column(sa.Enum("soft", "hard", native_enum=False))
    mood: Mapped[Mood | None] = mapped_column(sa.Enum(Mood))
    extra: Mapped[Any] = mapped_column(sa.JSON, nullable=True)
    code: Mapped[UUID | None]
    mark: Mapped[str | None] = mapped_column(sa.Uuid(as_uuid=False))
    cover: Mapped[bytes | None]
    cipher: Mapped[str | None] = mapped_column(Reversed)
    language: Mapped[str | None] = mapped_column(String(10), default="en")
    added_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    sheets: Mapped[int | None] = mapped_column(sa.Computed("pages * 2", persisted=True))
    data: Mapped[str | None] = mapped_column(String(20))
    errors: Mapped[int | None]
    sort: Mapped[int | None]
    q: Mapped[str | None] = mapped_column(String(20))
    validate: Mapped[bool | None]
    _private: Mapped[str | None] = mapped_column(String(20))


class BookAuthor(Base):
    """Who else wrote a book: the key is made of two foreign keys."""

    __tablename__ = "book_author"
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"), primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"), primary_key=True)
    note: Mapped[str | None] = mapped_column(String(100))


class Tag(Base):
    """A record whose key is a text, and may be named by others of its kind."""

    __tablename__ = "tag"
    name: Mapped[str] = mapped_column(
        sa.Text().with_variant(String(200, collation="utf8mb4_bin"), *MARIADB), primary_key=True
    )
    uses: Mapped[int | None]
    parent: Mapped[str | None] = mapped_column(
        sa.Text().with_variant(String(200, collation="utf8mb4_bin"), *MARIADB),
        ForeignKey("tag.name", ondelete="RESTRICT"),
    )


AUTHORS = Resource(
    model=Author,
    list_display=("id", "name", "website", "born", "active", "joined"),
    search_fields=("name", "website"),
    ordering=("name",),
)
ALL_OF_BOOK = tuple(sa.inspect(Book).column_attrs.keys())
BOOKS = Resource(
    model=Book,
    list_display=ALL_OF_BOOK,
    list_filter=ALL_OF_BOOK,
    search_fields=("title", "summary"),
)
LINKS = Resource(model=BookAuthor, list_filter=("book_id", "author_id"))
TAGS = Resource(model=Tag, labels=("Tag", "Tags"))
SHELVES = Resource(model=Shelf)
