"""Pages of other resources than users: every type, on each database, as a browser sends forms."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from browser_form import errors, form_of, send, send_again, shown
from library_site import Site, library_app, library_site  # noqa: F401 - fixtures
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from library import ALL_OF_BOOK, TAGS, Author, Book, BookAuthor, Mood, Tag
from webadmin import keys
from webadmin.database import db

# What is typed into each field of a book, and what must be stored.
TYPED: dict[str, tuple[str, Any]] = {
    "title": ('  Ünïcode <b>& "quotes" \'n %_/\\ 📚 ', 'Ünïcode <b>& "quotes" \'n %_/\\ 📚'),
    "volume": ("-32768", -32768),
    "author_id": ("1", 1),
    "shelf": ("A", "A"),
    "isbn": ("978-3", "978-3"),
    "subtitle": ("e\u0301 \u202eabc\u00a0def", "e\u0301 \u202eabc\u00a0def"),
    "summary": ("\n\n first\r\nsecond \n\n", "\n\n first\nsecond \n\n"),
    "pages": ("1073741823", 1073741823),  # twice of it, in `sheets`, is an INTEGER still
    "copies": ("-9223372036854775808", -(2**63)),
    "weight": ("-0.5", -0.5),
    "height": ("5e-324", 5e-324),
    "price": ("-99999999.99", Decimal("-99999999.99")),
    "ratio": ("1234567890", Decimal(1234567890)),
    "in_print": ("true", True),
    "lent": ("false", False),
    "published": ("0001-01-01", date(1, 1, 1)),
    "printed_at": ("9999-12-31 23:59:59.999999", datetime(9999, 12, 31, 23, 59, 59, 999999)),
    "sold_at": ("2026-07-01T12:30", datetime(2026, 7, 1, 10, 30, tzinfo=UTC)),
    "read_at": ("23:59:59.000001", time(23, 59, 59, 1)),
    "loan": ("-699999 23:59:59", -timedelta(days=699999, hours=23, minutes=59, seconds=59)),
    "genre": ("poems", "poems"),
    "binding": ("hard", "hard"),
    "mood": ("WILD", Mood.WILD),
    "extra": ('{"a": [1, 2.5, null, "é\\u0041\\n"]}', {"a": [1, 2.5, None, "éA\n"]}),
    "code": ("123E4567-e89b-12d3-a456-426614174000", UUID("123e4567-e89b-12d3-a456-426614174000")),
    "mark": ("123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
    "language": ("", None),
    "added_at": ("2026-03-31 16:20:05", datetime(2026, 3, 31, 16, 20, 5)),
    "data": ("d", "d"),
    "errors": ("0", 0),
    "sort": ("-1", -1),
    "q": ("?", "?"),
    "validate": ("true", True),
    "_private": ("p", "p"),
}
ONLY_READ = {"id", "cover", "cipher", "sheets"}
# Stored by other programs: values that nobody could type, and those that forms tend to change.
ODD: list[dict[str, Any]] = [
    {"title": " spaces around ", "subtitle": "", "summary": "", "isbn": "", "data": " "},
    {"title": "lines\r\nof\nall\rkinds\n", "subtitle": "\nfirst\r\n", "summary": "\r\n\n\rx  "},
    {"title": "controls \x01\x0b\x1f\x7f\x85\u2028", "summary": "\ttab\x0c", "q": "\ufeff"},
    {"height": 0.1 + 0.2, "weight": 0.25, "ratio": Decimal(7), "price": Decimal("0.10")},
    {"height": 1.7976931348623157e308 / 1e306, "copies": 2**63 - 1, "pages": 1},
    {"printed_at": datetime(2026, 3, 31, 16, 20, 5, 123000), "read_at": time(1, 2, 3, 450000)},
    {"printed_at": datetime(2026, 3, 31, 16, 20, 5, 123456), "read_at": time(1, 2, 3, 4)},
    {"printed_at": datetime(2026, 3, 31, 16, 20), "read_at": time(0, 0), "published": date.max},
    {"sold_at": datetime(2026, 10, 25, 0, 30, tzinfo=UTC)},  # 02:30 in Berlin, twice
    {"sold_at": datetime(2026, 10, 25, 1, 30, tzinfo=UTC)},
    {"sold_at": datetime(1890, 7, 1, 10, 30, 17, tzinfo=UTC)},
    {"sold_at": datetime(9999, 12, 31, 23, 30, tzinfo=UTC)},  # after the last year in Berlin
    {"loan": -timedelta(seconds=1), "extra": []},
    {"loan": timedelta(days=2_000_000), "extra": "text"},
    {"extra": {"deep": [{"": None, "é": 1e-9}]}, "lent": True, "validate": False},
    {"extra": False, "cover": bytes(range(256)), "cipher": "secret", "language": "de"},
    {"extra": "\0", "genre": "play", "binding": "soft", "mood": Mood.CALM},
    {"extra": 0, "code": UUID(int=0), "mark": str(UUID(int=2**128 - 1)), "author_id": 1},
]


def records_shown(page: str) -> list[int]:
    """Return the keys of the records of a list, in order."""
    return [int(key) for key in re.findall(r'<tr id="record-(\d+)"', page)]


def test_what_is_typed_is_what_is_stored(site: Site) -> None:
    assert set(TYPED) | ONLY_READ == set(ALL_OF_BOOK)
    response = send(site.client, "/book/new", **{name: typed for name, (typed, _) in TYPED.items()})
    assert response.status_code == 303, errors(response.text)
    key = int(response.headers["Location"].rpartition("-")[2])
    book = site.stored(Book, key)
    expected = {name: value for name, (_, value) in TYPED.items()}
    if site.kind != "postgresql":  # the others keep no zone: SQLAlchemy gives the time in UTC
        expected["sold_at"] = expected["sold_at"].replace(tzinfo=None)
    assert {name: book[name] for name in expected} | {"language": None} == expected
    assert book["sheets"] == 2147483646


@pytest.mark.parametrize("name", sorted(set(TYPED) - {"title", "added_at"}))
def test_each_field_can_be_written_and_emptied_alone(site: Site, name: str) -> None:
    typed, value = TYPED[name]
    before = site.stored(Book, 1)
    response = send(site.client, "/book/1/edit", **{name: typed})
    assert response.status_code == 303, errors(response.text)
    after = site.stored(Book, 1)
    if name == "sold_at" and site.kind != "postgresql":
        value = value.replace(tzinfo=None)
    assert after[name] == value
    assert {each for each in after if after[each] != before[each]} <= {name, "sheets"}
    if name not in ("volume", "in_print"):
        assert send(site.client, "/book/1/edit", **{name: ""}).status_code == 303
        assert site.stored(Book, 1) == before | {name: None}


@pytest.mark.parametrize("values", ODD, ids=",".join)
def test_editing_one_field_changes_no_other(site: Site, values: dict[str, Any]) -> None:
    site.add(Book, {"id": 2, "title": "Odd", "in_print": True} | values)
    before = site.stored(Book, 2)
    for name, change in (("errors", "7"), ("_private", "new"), ("in_print", "false")):
        response = send(site.client, "/book/2/edit", **{name: change})
        assert response.status_code == 303, errors(response.text)
    after = site.stored(Book, 2)
    expected = before | {"errors": 7, "_private": "new", "in_print": False}
    assert {name: repr(value) for name, value in after.items()} == {
        name: repr(value) for name, value in expected.items()
    }
    for page in ("/book/", "/book/2", "/book/2/delete"):
        assert site.client.get(page).status_code == 200, page


def test_half_a_surrogate_pair_in_json_is_shown_and_kept(site: Site) -> None:
    book = {"id": 2, "title": "Odd", "in_print": True, "extra": ["\ud800", "é"]}
    if site.kind == "mariadb":
        with pytest.raises(DBAPIError, match=r"book\.extra"):
            site.add(Book, book)
        return
    site.add(Book, book)
    for page in ("/book/", "/book/2", "/book/2/delete"):
        assert site.client.get(page).status_code == 200
    assert send(site.client, "/book/2/edit", title="Even").status_code == 303
    assert site.stored(Book, 2)["extra"] == ["\ud800", "é"]


def test_an_unchanged_form_writes_nothing(site: Site) -> None:
    site.add(Book, {"id": 2, "title": "Odd", "in_print": True} | ODD[1] | ODD[6] | ODD[8])
    written: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        written.extend([statement] if statement.startswith("UPDATE") else [])

    with site.app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
        try:
            assert send(site.client, "/book/2/edit").status_code == 303
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
    assert written == []


def test_an_error_keeps_everything_that_was_typed(site: Site) -> None:
    typed = {name: text for name, (text, _) in TYPED.items()} | {"errors": "many", "extra": "{"}
    response = send(site.client, "/book/new", **typed)
    assert response.status_code == 422
    assert set(errors(response.text)) == {"errors", "extra"}
    kept = shown(response.text)
    for name, text_ in typed.items():
        expected = text_.replace("\r\n", "\n")
        if name == "title":
            assert kept[name] == expected
        else:
            assert kept[name].replace("T", " ") == expected.replace("T", " "), name
    mended = send_again(site.client, "/book/new", response, errors="0", extra="{}")
    assert mended.status_code == 303, errors(mended.text)


@pytest.mark.parametrize(
    ("name", "typed", "message"),
    [
        ("title", "", "Fill in"),
        ("title", "x" * 41, "at most 40 characters; these are 41"),
        ("volume", "32768", "from -32768 to 32767"),
        ("pages", "2147483648", "from -2147483648 to 2147483647"),
        ("copies", "9223372036854775808", "from -9223372036854775808"),
        ("copies", "٣", "plain digits"),
        ("weight", "1e999", "decimal point"),
        ("weight", "nan", "decimal point"),
        ("height", "1,5", "decimal point"),
        ("price", "1.001", "at most 2 digits after"),
        ("price", "100000000", "at most 8 digits before"),
        ("ratio", "0." + "1" * 16, "digits"),
        ("published", "31.12.2026", "year-month-day"),
        ("published", "2026-02-30", "year-month-day"),
        ("printed_at", "yesterday", "date and time"),
        ("printed_at", "2026-01-01 10:00+01:00", "date and time"),
        ("sold_at", "2026-03-29 02:30", "clocks go forward"),
        ("sold_at", "0001-01-01 00:00", "date and time"),
        ("read_at", "24:00", "hours:minutes"),
        ("loan", "a week", "length of time"),
        ("loan", "700001 00:00:00", "at most 700000 days"),
        ("genre", "essay", "novel, poems, play"),
        ("mood", "w", "CALM, WILD"),
        ("lent", "perhaps", "true or false"),
        ("extra", '{"a": NaN}', "JSON"),
        ("extra", "1e999", "JSON"),
        ("extra", '"\\ud800"', "JSON"),
        ("extra", "[" * 101 + "]" * 101, "at most 100"),
        ("extra", "[" * 100_000, "JSON"),
        ("code", "123", "UUID"),
        ("author_id", "999", "no record with this key or name"),
        ("author_id", "Nobody", "no record with this key or name"),
    ],
)
def test_bad_input_is_refused_at_its_field(site: Site, name: str, typed: str, message: str) -> None:
    if name == "ratio" and site.kind == "postgresql":
        typed = "0.1.1"
        message = "decimal point"
    response = send(site.client, "/book/1/edit", **{name: typed})
    assert response.status_code == 422
    assert list(errors(response.text)) == [name]
    assert message in errors(response.text)[name]
    assert shown(response.text)[name] in (typed, typed.replace(" ", "T"))
    assert site.stored(Book, 1)["title"] == "Plain"


def test_parts_of_seconds_are_refused_where_the_database_drops_them(site: Site) -> None:
    for name, typed in (("sold_at", "2026-01-01 10:00:00.5"), ("loan", "00:00:00.5")):
        response = send(site.client, "/book/1/edit", **{name: typed})
        if site.kind == "mariadb":
            assert "at most 0 digits" in errors(response.text)[name]
        else:
            assert response.status_code == 303, errors(response.text)


# For each column three values in ascending order; every operator must tell them apart.
STEPS: dict[str, tuple[Any, Any, Any]] = {
    "title": ("a1", "b1", "c1"),
    "isbn": ("1a", "2a", "3a"),
    "subtitle": ("p", "q", "r"),
    "summary": ("u", "v", "w"),
    "volume": (-5, 0, 7),
    "pages": (1, 20, 100),
    "copies": (-(2**62), 3, 2**62),
    "weight": (-0.5, 0.25, 1.5),
    "height": (-1e-300, 0.1, 999.5),
    "price": (Decimal("-1.50"), Decimal("0.10"), Decimal("10.00")),
    "ratio": (Decimal(-3), Decimal(2), Decimal(11)),
    "published": (date(1, 1, 2), date(1999, 12, 31), date(2026, 1, 1)),
    "printed_at": tuple(datetime(2026, 1, 1, 0, 0, 0, each) for each in (1, 2, 10)),
    "sold_at": tuple(datetime(2026, month, 1, tzinfo=UTC) for month in (1, 6, 12)),
    "read_at": (time(0, 0), time(9, 30, 0, 5), time(23, 59)),
    "loan": (timedelta(days=-400), timedelta(0), timedelta(days=5, seconds=1)),
    "data": ("a", "b", "c"),
    "errors": (-1, 0, 1),
    "sort": (1, 2, 3),
    "q": ("x", "y", "z"),
    "_private": ("k", "l", "m"),
    "author_id": (1, 2, 3),
    "added_at": tuple(datetime(year, 1, 1) for year in (1970, 2000, 2030)),
}


@pytest.fixture
def steps(site: Site) -> Iterator[Site]:
    """A site with books 11, 12, 13 whose every value ascends, and book 1 full of NULLs."""
    site.add(Author, {"id": 2, "name": "Bob"}, {"id": 3, "name": "Cyd"})
    for i in range(3):
        values = {name: three[i] for name, three in STEPS.items()}
        choices = {"genre": ("novel", "poems", "play")[i], "mood": (Mood.CALM, Mood.WILD, None)[i]}
        site.add(Book, {"id": 11 + i, "in_print": i > 0, "code": UUID(int=i)} | choices | values)
    with site.app.app_context():
        db.session.execute(text("DELETE FROM book WHERE id = 1"))
        db.session.commit()
    site.add(Book, {"id": 1, "title": "zz", "in_print": False, "added_at": datetime(2200, 1, 1)})
    return site


def ids(site: Site, query: str) -> list[int]:
    response = site.client.get(f"/book/?{query}")
    assert response.status_code == 200, query
    return records_shown(response.text)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_lists_sort_and_filter_by_every_type(steps: Site, name: str) -> None:
    last = [] if name in ("volume", "title", "added_at") else [1]
    assert [key for key in ids(steps, f"sort={name}") if key > 1] == [11, 12, 13]
    assert [key for key in ids(steps, f"sort=-{name}") if key > 1] == [13, 12, 11]
    if last:
        assert ids(steps, f"sort={name}")[-1] == ids(steps, f"sort=-{name}")[-1] == 1
    column = _columns()[name]
    with steps.app.test_request_context():
        middle = quote(column.text(STEPS[name][1]), safe="")
    found = {
        operator: [key for key in ids(steps, f"{name}__{operator}={middle}") if key > 1]
        for operator in ("exact", "gt", "gte", "lt", "lte")
    }
    assert found == {"exact": [12], "gt": [13], "gte": [12, 13], "lt": [11], "lte": [11, 12]}
    assert ids(steps, f"{name}__isnull=1") == last
    assert set(ids(steps, f"{name}__isnull=0")) >= {11, 12, 13}
    if column.is_text:
        assert ids(steps, f"{name}__startswith={middle}") == [12]
        assert ids(steps, f"{name}__contains={middle}") == [12]
    for page in ("", "/edit", "/delete"):
        assert steps.client.get(f"/book/12{page}?sort=-{name}").status_code == 200


def _columns() -> dict[str, Any]:
    from library import BOOKS

    return BOOKS.columns


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("genre=poems", [12]),
        ("genre__isnull=1", [1]),
        ("mood=WILD", [12]),
        ("mood__isnull=1", [1, 13]),
        ("in_print=false", [1, 11]),
        ("in_print=true", [12, 13]),
        ("lent__isnull=1", [1, 11, 12, 13]),
        ("code=00000000-0000-0000-0000-000000000001", [12]),
        ("cover__isnull=1", [1, 11, 12, 13]),
        ("extra__isnull=0", []),
        ("cipher__isnull=1", [1, 11, 12, 13]),
        ("sheets__gte=40", [12, 13]),
        ("sort=-in_print,-pages", [13, 12, 11, 1]),
    ],
)
def test_lists_filter_by_choices(steps: Site, query: str, expected: list[int]) -> None:
    assert ids(steps, query) == expected


@pytest.mark.parametrize("name", ["genre", "binding", "mood", "code", "mark", "lent", "validate"])
def test_lists_sort_by_choices(steps: Site, name: str) -> None:
    for sort in (name, f"-{name}"):
        assert sorted(ids(steps, f"sort={sort}")) == [1, 11, 12, 13]
        for key in (1, 11, 12, 13):
            assert steps.client.get(f"/book/{key}?sort={sort}").status_code == 200
    for unsortable in ("extra", "cover", "cipher"):
        assert steps.client.get(f"/book/?sort={unsortable}").status_code == 400


def test_references_are_links_with_the_label_of_the_other(steps: Site) -> None:
    link = re.compile(r'<a href="/author/2[^"]*">Bob</a>')
    assert link.search(steps.client.get("/book/").text)
    assert link.search(steps.client.get("/book/12").text)
    steps.add(BookAuthor, {"book_id": 12, "author_id": 2, "note": "n"})
    assert link.search(steps.client.get("/book_author/").text)
    assert link.search(steps.client.get("/book_author/12,2").text)


def options(page: str, name: str) -> dict[str, str]:
    """Return the choices of a select of the form of a page: text by value."""
    (select,) = [each for each in form_of(page).iter("select") if each.get("name") == name]
    return {each.get("value", ""): "".join(each.itertext()) for each in select.findall("option")}


def test_a_reference_to_few_is_a_select(steps: Site) -> None:
    page = steps.client.get("/book/12/edit").text
    assert options(page, "author_id") == {"": "—", "1": "Ada", "2": "Bob", "3": "Cyd"}
    assert shown(page)["author_id"] == "2"
    assert send(steps.client, "/book/12/edit", author_id="3").status_code == 303
    assert steps.stored(Book, 12)["author_id"] == 3
    assert send(steps.client, "/book/12/edit", author_id="").status_code == 303
    assert steps.stored(Book, 12)["author_id"] is None


def test_a_reference_to_many_takes_key_or_name(steps: Site) -> None:
    people = [{"id": 100 + i, "name": f"Person {i}"} for i in range(150)]
    steps.add(Author, *people, {"id": 9, "name": "500"}, {"id": 500, "name": "x"})
    for page in ("/book/12/edit", "/book/new", "/book_author/new"):
        assert steps.client.get(page).text.count("<option") < 60, page
    assert steps.client.get("/book/").text.count("<option") < 200
    page = steps.client.get("/book/12/edit").text
    assert shown(page)["author_id"] == "2"
    assert "Now: Bob" in page
    for typed, stored in (("101", 101), ("Person 7", 107), (" Person 8 ", 108), ("500", 500)):
        response = send(steps.client, "/book/12/edit", author_id=typed)
        assert response.status_code == 303, errors(response.text)
        assert steps.stored(Book, 12)["author_id"] == stored
    assert (
        "no record" in errors(send(steps.client, "/book/12/edit", author_id="P").text)["author_id"]
    )
    made = send(steps.client, "/book_author/new", book_id="12", author_id="Person 9", note="x")
    assert made.headers["Location"] == "/book_author/#record-12,109"


def test_a_name_that_several_bear_asks_for_the_key(site: Site) -> None:
    site.add(Tag, *({"name": f"tag {i}"} for i in range(120)))
    assert "<select" not in site.client.get("/tag/new").text
    site.add(
        Book, *({"id": 200 + i, "title": "Same", "in_print": True, "volume": i} for i in range(120))
    )
    response = send(site.client, "/book_author/new", book_id="Same", author_id="1")
    assert response.status_code == 422
    assert "Several" in errors(response.text)["book_id"]
    assert shown(response.text)["book_id"] == "Same"


def test_a_composite_key_from_create_to_delete(site: Site) -> None:
    response = send(site.client, "/book_author/new", book_id="1", author_id="1", note="editor")
    assert response.headers["Location"] == "/book_author/#record-1,1"
    again = send(site.client, "/book_author/new", book_id="1", author_id="1", note="twice")
    assert again.status_code == 422
    assert set(errors(again.text)) == {"book_id", "author_id"}
    assert shown(again.text)["note"] == "twice"
    assert 'href="/book_author/1,1"' in site.client.get("/book_author/").text
    assert (
        set(shown(site.client.get("/book_author/1,1/edit").text)) & {"book_id", "author_id"}
        == set()
    )
    assert send(site.client, "/book_author/1,1/edit", note=" printer ").status_code == 303
    assert site.stored(BookAuthor, (1, 1))["note"] == "printer"
    for bad in ("1", "1,2", "1,1,1", ",", "1,", "1,x", "01,1"):
        assert site.client.get(f"/book_author/{bad}").status_code == 404, bad
    assert send(site.client, "/book_author/1,1/delete").status_code == 303
    assert site.count(BookAuthor) == 0


TEXT_KEYS = [
    "a/b", "100%", "x,y", "with space", "new", "..", ".", "é", "e\u0301", "+", "?", "#", "C++", "",
    "%", "a%2Fb", "a%252Fb", "it's", '"', "<b>", "line\nbreak", "\\", "&amp;", "a;b", "import",
    "export.csv", "//", "/new", "new/edit", "鈴木", "👩‍👩‍👧", "~", "^|`{}[]", "0", "x" * 200, "\t",
]  # fmt: skip


def test_any_text_can_be_a_key(site: Site) -> None:
    # MariaDB holds texts equal that differ in spaces at their ends.
    site.add(Tag, *({"name": key, "uses": i} for i, key in enumerate(TEXT_KEYS)))
    page = site.client.get("/tag/?size=100").text
    links = {
        link.replace("&amp;", "&") for link in re.findall(r'href="(/tag/[^"?]+)\?size=100"', page)
    }
    with site.app.test_request_context():
        for i, key in enumerate(TEXT_KEYS):
            url = f"/tag/{keys.in_url(keys.key_text(TAGS, (key,)))}"
            assert url in links, key
            assert site.client.get(url).status_code == 200, key
            assert send(site.client, f"{url}/edit", uses=str(1000 + i)).status_code == 303, key
    for i, key in enumerate(TEXT_KEYS):
        assert site.stored(Tag, key)["uses"] == 1000 + i, key


def test_a_text_key_is_made_typed_and_referred_to(site: Site) -> None:
    for name, parent in (("a/b, 100%", ""), ("new", "a/b, 100%"), ("..", "new")):
        response = send(site.client, "/tag/new", name=name, parent=parent)
        assert response.status_code == 303, errors(response.text)
        assert site.stored(Tag, name)["parent"] == (parent or None)
    page = site.client.get("/tag/new").text
    assert set(options(page, "parent")) == {"", "a/b, 100%", "new", ".."}
    assert re.search(r'<a href="/tag/%256Eew[^"]*">', site.client.get("/tag/").text)
    twice = send(site.client, "/tag/new", name="new")
    assert "already" in errors(twice.text)["name"]
    refused = send(site.client, "/tag/%256Eew/delete")
    assert refused.status_code == 409
    assert "refer to it" in refused.text
    assert site.count(Tag) == 3


def test_a_record_that_others_need_is_not_deleted(site: Site) -> None:
    send(site.client, "/book/1/edit", author_id="1")
    refused = send(site.client, "/author/1/delete")
    assert refused.status_code == 409
    assert "Other records refer to it" in refused.text
    assert site.stored(Author, 1)["name"] == "Ada"
    assert site.stored(Book, 1)["author_id"] == 1
    assert send(site.client, "/book/1/delete").status_code == 303
    assert send(site.client, "/author/1/delete").status_code == 303
    assert (site.count(Author), site.count(Book)) == (0, 0)


def test_binaries_are_shown_by_size_and_never_read(site: Site) -> None:
    site.add(Book, {"id": 2, "title": "B", "in_print": True, "cover": b"secret bytes" * 100})
    read: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        read.append(statement)

    with site.app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
    for page in ("/book/", "/book/2", "/book/2/edit", "/book/2/delete"):
        response = site.client.get(page)
        assert ("1200 bytes" in response.text.replace(",", "")) == (page != "/book/2/edit"), page
        assert "secret bytes" not in response.text
    send(site.client, "/book/2/edit", title="C")
    with site.app.app_context():
        event.remove(db.engine, "before_cursor_execute", note)
    assert any("length(book.cover)" in statement for statement in read)
    bare = re.compile(r"(?<!length\()\bbook\.cover\b")
    assert [statement for statement in read if bare.search(statement)] == []
    assert site.stored(Book, 2)["cover"] == b"secret bytes" * 100


def test_what_is_read_only_is_shown_and_never_written(site: Site) -> None:
    site.add(Book, {"id": 2, "title": "B", "in_print": True, "cipher": "abc", "pages": 4})
    page = site.client.get("/book/2/edit").text
    assert set(shown(page)) & ONLY_READ == set()
    assert "abc" in site.client.get("/book/2").text
    data = shown(page) | {"cipher": "hacked", "sheets": "1", "cover": "x", "id": "77"}
    assert site.client.post("/book/2/edit", data=data).status_code == 303
    book = site.stored(Book, 2)
    assert (book["id"], book["cipher"], book["sheets"], book["cover"]) == (2, "abc", 8, None)


def test_defaults_apply_where_nothing_is_typed(site: Site) -> None:
    page = site.client.get("/book/new").text
    assert shown(page)["language"] == "en"
    assert shown(page)["volume"] == ""
    response = send(site.client, "/book/new", title="Only")
    key = int(response.headers["Location"].rpartition("-")[2])
    book = site.stored(Book, key)
    assert (book["volume"], book["language"], book["in_print"]) == (1, "en", False)
    assert isinstance(book["added_at"], datetime)
    author = site.client.get("/author/new").text
    assert (shown(author)["active"], shown(author)["listed"]) == ("true", "")
    made = send(site.client, "/author/new", name="New", active="false")
    stored = site.stored(Author, int(made.headers["Location"].rpartition("-")[2]))
    assert (stored["active"], stored["listed"]) == (False, True)


def test_a_default_cannot_be_emptied_where_there_must_be_a_value(site: Site) -> None:
    response = send(site.client, "/book/1/edit", volume="", data="typed")
    assert response.status_code == 422
    assert errors(response.text) == {"volume": "Fill in this field."}
    assert shown(response.text)["data"] == "typed"


def test_a_choice_that_is_gone_is_sent_back_as_it_was(site: Site) -> None:
    """Another program switched foreign keys off: the record it names does not exist."""
    if site.kind == "postgresql":
        switch, back = "SET session_replication_role = replica", "RESET session_replication_role"
    elif site.kind == "sqlite":
        switch, back = "PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON"
    else:
        switch, back = "SET foreign_key_checks = 0", "SET foreign_key_checks = 1"
    with site.app.app_context(), db.engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        for statement in (switch, "UPDATE book SET author_id = 99 WHERE id = 1", back):
            raw.cursor().execute(statement)
        raw.commit()
    for page in ("/book/", "/book/1", "/book/1/edit", "/book/1/delete"):
        assert site.client.get(page).status_code == 200
    assert send(site.client, "/book/1/edit", title="Renamed").status_code == 303
    assert site.stored(Book, 1)["author_id"] == 99


def test_times_with_a_zone_stand_in_the_time_of_the_site(site: Site) -> None:
    site.add(
        Book, {"id": 2, "title": "B", "in_print": True, "sold_at": datetime(2026, 7, 1, 10, 30)}
    )
    page = site.client.get("/book/2/edit").text
    assert shown(page)["sold_at"] == "2026-07-01T12:30"
    detail = site.client.get("/book/2").text
    assert "12:30" in detail
    assert "CEST" in detail
    assert send(site.client, "/book/2/edit", sold_at="2026-07-01 12:30:00-05:00").status_code == 303
    assert shown(site.client.get("/book/2/edit").text)["sold_at"] == "2026-07-01T19:30"


def test_a_conflict_changes_no_other_field(site: Site) -> None:
    odd = ODD[1] | ODD[6] | ODD[8] | ODD[14] | {"weight": 0.25, "author_id": 1}
    site.add(Book, {"id": 2, "title": "Odd", "in_print": True} | odd)
    mine = site.client.get("/book/2/edit")
    send(site.client, "/book/2/edit", errors="7")
    before = site.stored(Book, 2)
    conflict = send_again(site.client, "/book/2/edit", mine, errors="8", q="mine")
    assert conflict.status_code == 409
    assert site.stored(Book, 2) == before
    assert send_again(site.client, "/book/2/edit", conflict).status_code == 303
    after = site.stored(Book, 2)
    assert {name: repr(value) for name, value in after.items()} == {
        name: repr(value) for name, value in (before | {"errors": 8, "q": "mine"}).items()
    }
