"""Columns: which kind each type is of, and what is known of a column."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.orm import DeclarativeBase
from test_texts import TYPES, VALUES
from test_values import same

from library import AUTHORS, BOOKS, LINKS, TAGS, Mood, Reversed
from webadmin.columns import KINDS, UNKNOWN, Column, kind_of
from webadmin.filters import OPERATORS
from webadmin.formats import _MAKERS
from webadmin.resource import Resource


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        (sa.String(), "string"), (sa.Unicode(5), "string"), (sa.CHAR(5), "string"),
        (sa.Text(), "text"), (sa.UnicodeText(), "text"), (sa.Enum("a"), "choice"),
        (sa.Enum(Mood, native_enum=False), "choice"), (sa.Boolean(), "boolean"),
        (sa.Integer(), "integer"), (sa.SmallInteger(), "integer"), (sa.BigInteger(), "integer"),
        (sa.Float(), "float"), (sa.Double(), "float"), (sa.REAL(), "float"),
        (sa.Numeric(10, 2), "decimal"), (sa.DECIMAL(), "decimal"), (sa.Date(), "date"),
        (sa.DateTime(), "datetime"), (sa.TIMESTAMP(timezone=True), "datetime"),
        (sa.Time(), "time"), (sa.Interval(), "interval"), (sa.JSON(), "json"),
        (postgresql.JSONB(), "json"), (sa.Uuid(), "uuid"), (postgresql.UUID(), "uuid"),
        (sa.LargeBinary(), "binary"), (mysql.DATETIME(fsp=6), "datetime"),
        (Reversed(), "unknown"), (sa.PickleType(), "unknown"), (sa.ARRAY(sa.Integer), "unknown"),
        (sa.types.NullType(), "unknown"), (postgresql.INET(), "unknown"),
    ],
)  # fmt: skip
def test_every_type_has_its_kind(type_: Any, name: str) -> None:
    assert kind_of(type_).name == name


def test_the_table_of_kinds_is_whole() -> None:
    names = [kind.name for kind in KINDS]
    assert len(names) == len(set(names))
    for kind in (*KINDS, UNKNOWN):
        assert set(kind.operators) <= set(OPERATORS)
        assert "isnull" in kind.operators
    assert set(_MAKERS) <= set(names)


@pytest.mark.parametrize("name", sorted(set(TYPES) - {"zoned"}))
def test_text_and_parse_are_inverse(name: str) -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("c", TYPES[name]))
    column = Column("c", _Attribute(table.c.c))  # type: ignore[arg-type]

    @given(VALUES[name])
    def check(value: Any) -> None:
        assert same(column.parse(column.text(value)), value)
        assert same(column.load(column.dump(value)), value)
        if not column.is_text:
            assert column.problem(value) == ""

    check()
    assert column.text(None) == ""
    assert column.load(column.dump(None)) is None
    assert column.problem(None) == ""


class _Attribute:
    """What Column needs of a mapped attribute."""

    def __init__(self, column: Any) -> None:
        self.property = self
        self.columns = [column]


def test_a_zoned_time_is_in_utc_whatever_a_driver_gives() -> None:
    column = BOOKS.columns["sold_at"]
    naive, aware = datetime(2026, 1, 1, 12), datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert column.exact(naive) == column.exact(aware) == aware
    assert column.load(column.dump(naive)) == aware
    assert BOOKS.columns["printed_at"].exact(naive) == naive


@given(st.recursive(st.text(st.characters()) | st.booleans() | st.floats(), st.lists, max_leaves=5))
def test_any_json_is_dumped_and_shown(value: Any) -> None:
    column = BOOKS.columns["extra"]
    loaded = column.load(column.dump(value))
    assert repr(loaded) == repr(value)
    column.text(value).encode()


def test_what_forms_may_write() -> None:
    read_only = {name for name, column in BOOKS.columns.items() if not column.writable}
    assert read_only == {"id", "cover", "cipher", "sheets"}
    assert all(column.writable for column in LINKS.columns.values())
    assert TAGS.columns["name"].writable  # a key that nothing makes


def test_what_is_known_of_a_column() -> None:
    columns = BOOKS.columns
    assert {name for name, column in columns.items() if column.has_default} == {
        "id", "volume", "language", "added_at", "sheets",
    }  # fmt: skip
    assert (columns["language"].prefilled, columns["volume"].prefilled) == ("en", None)
    assert (columns["title"].max_length, columns["summary"].max_length) == (40, None)
    assert columns["genre"].choices == ("novel", "poems", "play")
    assert columns["mood"].choices == ("CALM", "WILD")
    assert columns["genre"].max_length is None
    assert columns["author_id"].reference is AUTHORS.table.c.id
    assert columns["title"].reference is None
    assert AUTHORS.columns["website"].source.name == "home_page"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("title", "x" * 41, "at most 40"),
        ("volume", 2**15, "from -32768"),
        ("price", 0.125, "at most 2"),
        ("genre", "essay", "Choose one of"),
        ("published", "soon", ""),
        ("mood", 5, "Choose one of"),
        ("sheets", 2**40, "from -"),
        ("cover", b"x", None),
        ("cipher", "x", None),
    ],
)
def test_problems_are_found_before_the_database_is_asked(
    name: str, value: Any, said: str | None
) -> None:
    problem = BOOKS.columns[name].problem(value)
    assert problem == "" if said is None else said in problem and problem


def test_an_unknown_type_cannot_be_typed() -> None:
    with pytest.raises(ValueError, match="cannot be typed"):
        BOOKS.columns["cipher"].parse("x")


def test_columns_of_a_part_of_a_table_have_no_generated_key() -> None:
    class Own(DeclarativeBase):
        pass

    whole = sa.Table("whole", Own.metadata, sa.Column("id", sa.Integer, primary_key=True))

    class Part(Own):
        __table__ = sa.select(whole).where(whole.c.id > 1).subquery()
        __mapper_args__ = {"primary_key": [__table__.c.id]}  # noqa: RUF012

    column = Resource(model=Part, name="part").columns["id"]
    assert (column.has_default, column.discriminates, column.inherited) == (False, False, False)
