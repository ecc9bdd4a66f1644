"""The state of a list in its URL: what is malformed is refused with a word on what is right."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import lists
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from lists import SORTABLE, THINGS

from webadmin import listing, records
from webadmin.listing import ListError, ListState
from webadmin.users import USERS

quick = bounds(max_examples=40, deadline=None, database=None)


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A site for what needs no database."""
    yield from lists.site("sqlite", tmp_path_factory.mktemp("site"), {})


MALFORMED = [
    # query, parameter, what the page says would be right
    (
        "foo=1",
        "foo",
        "Known are: after, around, before, count, goto, patience, q, size, sort, part",
    ),
    ("secret=1", "secret", "Known are:"),
    ("secret__startswith=a", "secret__startswith", "Known are:"),
    ("name__nonsense=1", "name__nonsense", "name__startswith"),
    ("size__startswith=1", "size__startswith", "size__gte"),
    ("picture=1", "picture", "picture__isnull"),
    ("name__=1", "name__", "Known are:"),
    ("__isnull=1", "__isnull", "Known are:"),
    ("q=a&q=b", "q", "Give it once"),
    ("big=1&big=1", "big", "Give it once"),
    ("q=" + "a" * 201, "q", "at most 10 words and 200 characters"),
    ("q=" + "a+" * 11, "q", "at most 10 words and 200 characters"),
    ("size=51", "size", "25, 50, 100, 200"),
    ("size=-1", "size", "25, 50, 100, 200"),
    ("size=1e3", "size", "25, 50, 100, 200"),
    ("size=٥٠", "size", "25, 50, 100, 200"),
    ("size=050", "size", "25, 50, 100, 200"),
    ("size=" + "9" * 5000, "size", "25, 50, 100, 200"),
    ("sort=nonsense", "sort", "part, number, name"),
    ("sort=secret", "sort", "part, number, name"),
    ("sort=picture", "sort", "part, number, name"),
    ("sort=name,-name", "sort", "once each"),
    ("sort=name,", "sort", "part, number, name"),
    ("sort=--name", "sort", "part, number, name"),
    ("sort=big,size,name,day", "sort", "at most 3 columns"),
    ("count=all", "count", "exact"),
    ("count=x", "count", "exact"),
    ("big=x", "big", "whole number in plain digits"),
    ("big=٣", "big", "whole number in plain digits"),
    ("big__gte=9223372036854775808", "big__gte", "from -9223372036854775808 to"),
    ("size__exact=2147483648", "size__exact", "from -2147483648 to 2147483647"),
    ("size__exact=" + "9" * 5000, "size__exact", "at most 1000 characters"),
    ("double=nan", "double", "number with a decimal point"),
    ("double=1e999", "double", "number with a decimal point"),
    ("price=0.00000000001", "price", "at most 10 digits after"),
    ("price=1" + "0" * 20, "price", "at most 20 digits before"),
    ("day=2026-02-30", "day", "year-month-day"),
    ("at=yesterday", "at", "2026-03-31 16:20"),
    ("zoned__lt=0001-01-01 00:00%2B23:59", "zoned__lt", "2026-03-31 16:20"),
    ("clock=25:00", "clock", "hours:minutes"),
    ("span__gte=999999999 00:00:00", "span__gte", "days"),
    ("span=long", "span", "02:30:00"),
    ("flag=1", "flag", "true or false"),
    ("colour=green", "colour", "red, blue, dark_green"),
    ("token=12", "token", "UUID such as"),
    ("name__isnull=yes", "name__isnull", "Write 1 (is empty) or 0"),
    ("name__startswith=" + "a" * 60_000, "name__startswith", "at most 1000 characters"),
    ("after=a&before=end", "before", "either after or before"),
    ("after=end", "after", "Begin again at the first page"),
    ("before=End", "before", "Begin again at the first page"),
]


@pytest.mark.parametrize(("query", "parameter", "right"), MALFORMED)
def test_malformed_parameters_are_refused(
    offline: Flask, query: str, parameter: str, right: str
) -> None:
    response = offline.test_client().get(f"/things/?{query}")
    assert response.status_code == 400
    assert f"“{parameter}” in the address is wrong" in response.text
    assert right in response.text
    assert offline.test_client().get(f"/things/a,1?{query}").status_code == 400


def cursor(data: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


NESTED = "[" * 100_000
FORGED = [
    ("name", "x"), ("name", "ä"), ("name", "====="), ("name", "a b"), ("name", "%00"),
    ("name", cursor("junk")), ("name", cursor(None)), ("name", cursor({"a": 1, "b": 2})),
    ("name", cursor([])), ("name", cursor([1])), ("name", cursor([1, ["a", "b"]])),
    ("name", cursor([1, ["a", "b", 3, 4]])), ("name", cursor([1, "ab"])),
    ("name", cursor([1, [1, "b", 3]])), ("name", cursor([1, ["a", "b", "c"]])),
    ("name", cursor([1, [["a"], "b", 3]])), ("name", cursor([1, [{"a": 1}, "b", 3]])),
    ("name", cursor([1, ["a", None, 3]])), ("name", cursor([1, ["a", "b", None]])),
    ("name", cursor([1, ["\ud800", "b", 3]])), ("name", cursor([1, ["a", "b", 2**63]])),
    ("name", cursor([1, ["a", "b", 10**400]])), ("name", cursor([1, ["a", "b", {"float": "nan"}]])),
    ("name", cursor([0, ["a", "b", 3]])), ("name", cursor([-5, ["a", "b", 3]])),
    ("name", cursor([True, ["a", "b", 3]])), ("name", cursor([1.5, ["a", "b", 3]])),
    ("name", cursor([10**30, ["a", "b", 3]])), ("name", cursor(["1", ["a", "b", 3]])),
    ("name", cursor([1, ["a", "b"], 1, 2])), ("name", cursor([1, ["a"], 1])),
    ("name", base64.urlsafe_b64encode(NESTED.encode()).decode()),
    ("name", base64.urlsafe_b64encode(b"\xff\xfe").decode()),
    ("name", base64.urlsafe_b64encode(b"[1,[" + b"9" * 5000 + b"]]").decode()),
    ("size", cursor([1, [None, "b", 3]])), ("size", cursor([1, ["a\u0000b", "b", 3]])),
]  # fmt: skip
# Right for some DBMS and wrong for others: never an error of the site's.
DOUBTFUL = [
    ("name", cursor([1, ["a\0b", "b", 3]])),
    ("double", cursor([1, [{"float": "nan"}, "b", 3]])),
    ("double", cursor([1, [{"float": "inf"}, "b", 3]])),
    ("double", base64.urlsafe_b64encode(b'[1,[NaN,"b",3]]').decode()),
    ("single", cursor([1, [1e300, "b", 3]])),
    ("price", cursor([1, [{"decimal": "NaN"}, "b", 3]])),
    ("price", cursor([1, [{"decimal": "sNaN"}, "b", 3]])),
    ("price", cursor([1, [{"decimal": "Infinity"}, "b", 3]])),
    ("price", cursor([1, [{"decimal": "1E+999999999"}, "b", 3]])),
    ("price", cursor([1, [{"decimal": "1E-99999"}, "b", 3]])),
    ("price", cursor([1, [{"decimal": "0." + "7" * 1500}, "b", 3]])),
    ("price", cursor([1, [1e400, "b", 3]])),
    ("at", cursor([1, [{"datetime": "0001-01-01T00:00:00"}, "b", 3]])),
    ("at", cursor([1, [{"datetime": "2026-01-01T00:00:00+00:00:01"}, "b", 3]])),
    ("zoned", cursor([1, [{"datetime": "9999-12-31T23:59:59-23:59"}, "b", 3]])),
    ("day", cursor([1, [{"datetime": "2026-01-01T00:00:00"}, "b", 3]])),
    ("clock", cursor([1, [{"time": "10:00+02:00"}, "b", 3]])),
    ("span", cursor([1, [{"interval": 86_399_999_999_999_999_999}, "b", 3]])),
    ("span", cursor([1, [{"interval": 10**40}, "b", 3]])),
    ("colour", cursor([1, ["nonsense", "b", 3]])),
    ("colour", cursor([1, [5, "b", 3]])),
    ("word", cursor([1, ["nonsense", "b", 3]])),
    ("word", cursor([1, ["", "b", 3]])),
    ("token", cursor([1, [{"uuid": "junk"}, "b", 3]])),
    ("token", cursor([1, ["junk", "b", 3]])),
    ("hexed", cursor([1, ["junk", "b", 3]])),
    ("flag", cursor([1, [5, "b", 3]])),
    ("body", cursor([1, [{"bytes": "AAAA"}, "b", 3]])),
    ("big", cursor([1, [True, "b", 3]])),
    ("big", cursor([1, [1.5, "b", 3]])),
    ("name", cursor([1, ["b", 3], 1])),
    ("name", cursor([1, ["b", {"bytes": "AAAA"}], 1])),
]


@pytest.mark.parametrize("direction", ["after", "before"])
def test_forged_cursors_are_refused(site: Flask, direction: str) -> None:
    client = site.test_client()
    for sort, text in FORGED:
        if site.config["DATABASE_URI"].startswith("sqlite") and (sort, text) in ACCEPTED_ON_SQLITE:
            continue
        response = client.get(f"/things/?sort={sort}&{direction}={text}")
        assert response.status_code == 400, (sort, text)
        if "%00" not in text:
            assert f"“{direction}” in the address is wrong" in response.text, (sort, text)


# SQLite keeps any value in any column, so that a place may be at any value.
ACCEPTED_ON_SQLITE = [
    ("name", cursor([1, [1, "b", 3]])),
    ("name", cursor([1, ["a", "b", "c"]])),
    ("size", cursor([1, ["a\u0000b", "b", 3]])),
]


@pytest.mark.parametrize("direction", ["after", "before"])
def test_doubtful_cursors_are_no_error_of_the_site(site: Flask, direction: str) -> None:
    client = site.test_client()
    many = [{"part": "b", "number": number, "size": 1} for number in range(9)]
    with lists.kept(site, THINGS, many):
        for down in ("", "-"):
            for sort, text in DOUBTFUL:
                response = client.get(f"/things/?sort={down}{sort}&{direction}={text}")
                assert response.status_code in (200, 303, 400), (sort, text)
                if response.status_code == 400:
                    assert f"“{direction}” in the address is wrong" in response.text, (sort, text)


NAMES = [name for name in THINGS.list_filter if name not in listing.filters.RESERVED]
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["1", "-1", "0", "true", "red", "end", "exact", "9" * 19, "2026-01-01", "10:00", "x" * 1001]
)
_PAIRS = st.tuples(
    st.sampled_from([*listing.filters.RESERVED, *NAMES, "nonsense"]) | _TEXTS,
    st.sampled_from(["", *(f"__{each}" for each in listing.filters.OPERATORS)]),
    _TEXTS,
)


@given(pairs=st.lists(_PAIRS, min_size=1, max_size=4))
@quick
def test_no_query_string_is_an_error_of_the_site(site: Flask, pairs: Any) -> None:
    query = "&".join(f"{quote(name + operator)}={quote(text)}" for name, operator, text in pairs)
    for path in ("/things/", "/users/"):
        response = site.test_client().get(f"{path}?{query}")
        assert response.status_code in (200, 303, 400), query


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["0", "-0.0", "true", "2026-01-01", "0001-01-01 00:00", "23:59"])
def test_every_filter_works_or_says_what_is_right(site: Flask, name: str, text: str) -> None:
    client = site.test_client()
    for operator in listing.filters.OPERATORS:
        response = client.get(f"/things/?{listing.filters.parameter(name, operator)}={text}")
        assert response.status_code in (200, 400), operator


WILD = [
    "%",
    "_",
    "/",
    "\\",
    "'",
    '"',
    "&",
    "+",
    "a b",
    "#",
    "?",
    "=",
    ";",
    "é",
    "🙂",
    "فاطمة",
    "<b>",
]


@given(
    q=st.lists(st.sampled_from(WILD), max_size=4),
    name=st.sampled_from(WILD),
    operator=st.sampled_from(["exact", "startswith", "contains", "gt"]),
    sort=lists.sorts(SORTABLE),
    size=st.sampled_from(listing.SIZES),
    exact=st.booleans(),
    place=st.sampled_from(["", "before"]),
)
@bounds(quick, max_examples=100)
def test_the_state_survives_its_url(offline: Flask, place: str, **values: Any) -> None:
    parameter = listing.filters.parameter("name", values["operator"])
    with offline.test_request_context("/"):
        filter_ = listing.filters.parse(THINGS, parameter, values["name"])
        state = ListState(
            THINGS,
            q=" ".join(" ".join(values["q"]).split()),
            filters=(filter_,),
            sort=values["sort"],
            size=values["size"],
            exact=values["exact"],
            before="end" if place else "",
        )
        assert lists.state(THINGS, state.query().removeprefix("?")) == state
        assert state.query().isascii()


def test_a_page_in_the_middle_survives_its_url(site: Flask) -> None:
    with lists.undone(site):
        lists.add(USERS, [{"name": name, "age": 1} for name in lists.NAMES])
        page = records.page(ListState(USERS, sort=("-name",), size=2))
        state = ListState(USERS, sort=("-name",), size=25, after=page.next)
        assert lists.state(USERS, state.query().removeprefix("?")) == state


def test_parameters_without_a_value_count_as_absent(offline: Flask) -> None:
    with offline.test_request_context("/"):
        found = lists.state(USERS, "q=&sort=&size=&after=&before=&count=&age=&age__gte=&age__gte=")
        assert found == ListState(USERS)
        with pytest.raises(ListError) as refusal:
            lists.state(USERS, "nonsense=")
    assert refusal.value.parameter == "nonsense"


def test_columns_with_reserved_names_have_a_long_form(site: Flask) -> None:
    rows = [
        {"part": "a", "number": number, "size": number, "sort": f"s{number}"} for number in (25, 50)
    ]
    with lists.undone(site):
        lists.add(THINGS, rows)
        for query, keys in [
            ("sort__exact=s25", ["a,25"]), ("size__exact=50", ["a,50"]),
            ("size=50", ["a,25", "a,50"]),
            ("sort__startswith=s5&sort=-sort", ["a,50"]), ("sort=-sort", ["a,50", "a,25"]),
        ]:  # fmt: skip
            state = lists.state(THINGS, query)
            assert lists.keys_of([records.page(state)]) == keys
            assert lists.state(THINGS, state.query().removeprefix("?")) == state


def test_headings_cycle(offline: Flask) -> None:
    by_name = replace_ordering("name")
    by_age_down = replace_ordering("-age")
    cycle = [
        # state before, click on the heading of name, with Shift
        (ListState(USERS), "?sort=name", "?sort=name"),
        (ListState(USERS, sort=("name",)), "?sort=-name", "?sort=-name"),
        (ListState(USERS, sort=("-name",)), "", ""),
        (ListState(USERS, sort=("age",)), "?sort=name", "?sort=age,name"),
        (ListState(USERS, sort=("age", "name")), "?sort=-name", "?sort=age,-name"),
        (ListState(USERS, sort=("name", "age")), "?sort=-name", "?sort=age,-name"),
        (ListState(USERS, sort=("age", "-name")), "", "?sort=age"),
        # A resource's own ordering counts as if it had been clicked.
        (ListState(by_name), "?sort=-name", "?sort=-name"),
        (ListState(by_name, sort=("-name",)), "", ""),
        (ListState(by_age_down), "?sort=name", "?sort=-age,name"),
        (ListState(replace_ordering("-name")), "?sort=name", "?sort=name"),
        (ListState(USERS, q="a b", size=25, after="x", exact=True),
         *2 * ("?q=a%20b&sort=name&size=25&count=exact",)),
    ]  # fmt: skip
    for state, click, with_shift in cycle:
        assert state.sorted_by("name") == click
        assert state.sorted_by("name", add=True) == with_shift


def test_a_fourth_key_takes_the_place_of_the_third(offline: Flask) -> None:
    state = ListState(THINGS, sort=("name", "big", "day"))
    query = state.sorted_by("at", add=True)
    assert query == "?sort=name,big,at"
    with offline.test_request_context("/"):
        assert lists.state(THINGS, query.removeprefix("?")).sort == ("name", "big", "at")


def test_an_ordering_by_a_hidden_column_stays_out_of_urls(offline: Flask) -> None:
    hidden = replace_ordering("age", list_display=("id", "name"))
    assert ListState(hidden).sorted_by("name", add=True) == "?sort=name"


def replace_ordering(*ordering: str, **options: Any) -> Any:
    return listing.Resource(model=USERS.model, **({"ordering": ordering} | options))


def test_removing_filters_begins_at_the_first_page(offline: Flask) -> None:
    with offline.test_request_context("/"):
        state = replace(
            lists.state(USERS, "q=a&age__gte=1&age__lte=9&name__startswith=b&sort=name"), after="x"
        )
    assert state.without("age__gte", "age__lte") == "?q=a&name__startswith=b&sort=name"
    assert state.without("name__startswith") == "?q=a&age__gte=1&age__lte=9&sort=name"
