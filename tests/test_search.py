"""Search: the same people are found with and without an index, on every database."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import insert, text

from webadmin import bulk, folding, records, samples, search, search_indexes, search_making, selects
from webadmin.database import db
from webadmin.listing import ListState
from webadmin.time_limit import TookTooLongError, limited
from webadmin.users import USERS, User

NAMES = (
    "José García", "Jose Garcia", "JOSEPHINE", "Ann Marie", "anna-maria", "王小明", "李明", "100%",
    "a_b", "a b", "O'Brien", 'Ed "Red" Lee', "Straße", "ДМИТРИЙ Жук", "Дмитрий", "42", "Lo",
    None, "",
)  # fmt: skip


@pytest.fixture
def indexed(app: Flask) -> Iterator[Flask]:
    """A site whose users have a search index."""
    with app.app_context():
        db.session.execute(insert(User), [{"name": name, "age": 1} for name in NAMES])
        db.session.commit()
        assert search_indexes.present(USERS)
        yield app


def is_mariadb() -> bool:
    return db.engine.dialect.name in ("mysql", "mariadb")


def found(q: str, **state: object) -> list[str | None]:
    """Return the names that a search finds."""
    db.session.rollback()
    page = records.page(ListState(USERS, q=q, **state))  # type: ignore[arg-type]
    names = [record.values[1] for record in page.records]
    assert page.count.number == len(names)
    walked = search.criteria(USERS, q, walk=True)
    assert sorted(db.session.scalars(db.select(User.name).where(*walked))) == sorted(names)
    matching = db.session.scalars(selects.matching(ListState(USERS, q=q), User.name))
    assert sorted(matching) == sorted(names)
    return names


WORDS = {
    "jose": ["José García", "Jose Garcia", "JOSEPHINE"],
    "GARCÍA": ["José García", "Jose Garcia"],
    "garcia jose": ["José García", "Jose Garcia"],
    "jo ga": ["José García", "Jose Garcia"],
    "дмитрий": ["ДМИТРИЙ Жук", "Дмитрий"],
    "o'brien": ["O'Brien"],
    "100%": ["100%"],
    "a_b": ["a_b"],
    '"red"': ['Ed "Red" Lee'],
    "lo": ["Lo"],
    "nobody": [],
    "nobody jose": [],
}


def test_words(indexed: Flask) -> None:
    for q, names in WORDS.items():
        assert found(q) == names, q
        assert sorted(map(str, found(q, sort=("-name",)))) == sorted(map(str, names)), q


def test_a_sign_by_itself(indexed: Flask) -> None:
    assert found("%") == found("100 %") == ["100%"]
    assert found("_") == ["a_b"]
    assert found("%%") == found("_ %") == []
    assert found('"') == ['Ed "Red" Lee']


def test_a_letter_that_is_two(indexed: Flask) -> None:
    # MariaDB's LIKE compares letter by letter.
    assert found("strasse") == ([] if is_mariadb() else ["Straße"])
    assert found("straße") == ["Straße"]


def test_ideographs(indexed: Flask) -> None:
    assert found("王小明") == ["王小明"]
    if not is_mariadb():
        assert found("明") == ["王小明", "李明"]
        assert found("小明") == ["王小明"]


def test_a_number_finds_the_key(indexed: Flask) -> None:
    assert found("42") == ["42"]
    assert found("3") == ["JOSEPHINE"]
    assert found("3 jose") == ["JOSEPHINE"]
    assert found("3 maria") == []
    assert found("1 garcia") == ["José García"]


def test_a_letter_or_two_begin_a_word(indexed: Flask) -> None:
    # MariaDB's words begin after a hyphen too.
    assert found("ma") == (["Ann Marie", "anna-maria"] if is_mariadb() else ["Ann Marie"])
    assert found("mari") == ["Ann Marie", "anna-maria"]
    assert found("ari") == ["Ann Marie", "anna-maria"]
    assert found("le ed") == found("ed le") == ['Ed "Red" Lee']
    assert found("le garcia") == []


def test_a_record_of_a_search_is_shown_in_its_place(indexed: Flask) -> None:
    for q in ("jo", "an", "jose", "garcia jo"):
        state = ListState(USERS, q=q, size=2)
        for record in records.page(ListState(USERS, q=q)).records:
            after = records.around(state, (int(record.key),))
            shown = records.page(replace(state, after=after or "")).records
            assert record.key in {each.key for each in shown}, (q, record)


MARKED = [
    ("José García", ["jose", "ARC"], "[José] G[arc]ía"),
    ("tartar", ["tar"], "[tartar]"),
    ("Straße", ["s"], "[S]traße"),
    ("Straße", ["asse"], "Str[aße]"),
    ("İstanbul", ["istan"], "[İstan]bul"),
    ("e\u0301te\u0301", ["ete"], "[e\u0301te\u0301]"),
    ("an Ann", ["an", "ann"], "[an] [Ann]"),
    ("abcd", ["abc", "bcd"], "[abcd]"),
    ("Joan", ["an"], "Joan"),
    ("100% of 5%", ["%"], "100[%] of 5[%]"),
    ("王小明", ["明"], "王小[明]"),
    ("", ["a"], ""),
]


@pytest.mark.parametrize(("text", "words", "marked"), MARKED)
def test_where_words_are_in_a_text(text: str, words: list[str], marked: str) -> None:
    spans = folding.spans(text, words)
    for start, end in reversed(spans):
        text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
    assert text == marked


def stored(file: str, *statements: str) -> None:
    """Write to a SQLite file as another program does."""
    connection = sqlite3.connect(file)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.fixture
def file(indexed: Flask) -> str:
    """The SQLite file of the indexed site."""
    db.session.rollback()
    return str(db.engine.url.database)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
class TestOtherPrograms:
    """SQLite's triggers serve programs that know nothing of webadmin."""

    def test_a_new_one(self, file: str) -> None:
        stored(file, "INSERT INTO users (name) VALUES ('Zoë Ångström'), (NULL), ('')")
        assert found("zoe angstrom") == ["Zoë Ångström"]

    def test_a_changed_one(self, file: str) -> None:
        stored(file, "UPDATE users SET name = 'Žofie' WHERE name = 'Lo'")
        assert found("zof") == ["Žofie"]
        assert found("lo") == []

    def test_a_changed_key(self, file: str) -> None:
        stored(file, "UPDATE users SET id = 900 WHERE name = 'Lo'")
        assert found("lo") == ["Lo"]

    def test_one_that_is_gone(self, file: str) -> None:
        stored(file, "DELETE FROM users WHERE name LIKE 'Jos%'")
        assert found("jose") == []

    def test_one_that_is_replaced(self, file: str) -> None:
        stored(file, "INSERT OR REPLACE INTO users (id, name) VALUES (1, 'Ève'), (77, 'Ève')")
        assert found("eve") == ["Ève", "Ève"]
        assert found("garcia") == ["Jose Garcia"]

    def test_a_trigger_makes_what_python_makes(self, file: str) -> None:
        names = [str(person["name"]) for person in samples.people(2000)]
        names += ["ǅ ﬁ İstanbul ẞ ϕΣς", "e\u0301te\u0301", "a" * 2000 + "é", "ab " * 900]
        connection = sqlite3.connect(file)
        connection.executemany("INSERT INTO users (id, name) VALUES (?, ?)", enumerate(names, 1000))
        rows = connection.execute("SELECT name FROM webadmin_search_users WHERE rowid >= 1000")
        made = [row[0].lower() for row in rows]
        connection.close()
        wanted = [str(folding.search_text(name)) for name in names]
        assert made[:-4] == wanted[:-4]
        assert made[-4:-2] == wanted[-4:-2]
        assert made[-2] == wanted[-2].replace("e", "é")  # it is far behind


@pytest.mark.parametrize("database_kind", ["mariadb"], indirect=True)
def test_what_stops_a_search_in_its_index_is_no_fault(indexed: Flask) -> None:
    people = [{"name": f"Frank Fraser {number}"} for number in range(20_000)]
    db.session.execute(insert(User), people)
    db.session.commit()
    statement = selects.matching(ListState(USERS, q="frank fraser"))
    stopped = 0
    for _ in range(40):
        try:
            with limited(0.001):
                db.session.execute(statement).all()
        except TookTooLongError:
            stopped += 1
    assert stopped


def test_many_at_once_are_found(indexed: Flask) -> None:
    with indexed.test_request_context():
        bulk.insert(USERS, ({"name": f"Çelik {number}"} for number in range(1500)))
        db.session.commit()
        assert search.probe(USERS, "celik").number == 1500
        keys = [(key,) for key in db.session.scalars(db.select(User.id).where(User.name == "Lo"))]
        bulk.update(USERS, [(key, {"name": "Ünal"}) for key in keys])
        db.session.commit()
        assert found("unal") == ["Ünal"]
        assert found("lo") == []


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize("schema", ["Ext_", "user", 'q"'])
def test_an_extension_may_be_in_any_schema(indexed: Flask, schema: str) -> None:
    quoted = db.engine.dialect.identifier_preparer.quote_identifier(schema)
    with db.engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {quoted.replace('%%', '%')}"))
        connection.execute(text(f"ALTER EXTENSION unaccent SET SCHEMA {quoted.replace('%%', '%')}"))
        search_making.prepare_postgresql(connection)
    search_indexes.forget()
    assert found("garcia jose") == ["José García", "Jose Garcia"]
