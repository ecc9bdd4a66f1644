"""The view model of a list: headings, chips of the filters in force, the filter form."""

from collections.abc import Iterator
from typing import Any

import lists
import pytest
from flask import Flask
from lists import THINGS
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from webadmin import cells, list_page, records, references
from webadmin.list_page import Control
from webadmin.listing import ListState
from webadmin.resource import Resource
from webadmin.users import USERS, User


class Pet(lists.Base):
    """What a user may have: a reference in a list."""

    __tablename__ = "pets"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    keeper_id: Mapped[int | None] = mapped_column(ForeignKey(User.id))


PETS = Resource(
    model=Pet, list_filter=("name", "user_id", "keeper_id"), list_display=("name", "user_id")
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("site")
    yield from lists.site("sqlite", folder, {}, resources=("lists", __name__))


@pytest.fixture
def users(site: Flask) -> Iterator[None]:
    """Three users, in a transaction that is taken back."""
    with lists.undone(site):
        names = ("Ada", None, "Zoë <b>")
        lists.add(USERS, [{"id": i, "name": name} for i, name in enumerate(names, 1)])
        yield


def chips(resource: Resource, query: str) -> list[tuple[str, str, str]]:
    found = list_page.chips(lists.state(resource, query))
    return [(str(chip.label), chip.text, chip.remove) for chip in found]


CHIPS = [
    # query, text of the chip, where removing it leads
    ("size__gte=18", "from 18", "?"),
    ("size__gt=18", "over 18", "?"),
    ("size__lte=-5", "up to -5", "?"),
    ("size__lt=1800", "under 1800", "?"),
    ("size__gte=18&size__lte=65", "18 – 65", "?"),
    ("size__lte=65&size__gte=18", "18 – 65", "?"),
    ("name=Ada L", "is “Ada L”", "?"),
    ("name__startswith=100%25", "starts with 100%", "?"),
    ("name__contains=<b>", "contains <b>", "?"),
    ("name__isnull=1", "is empty", "?"),
    ("name__isnull=0&q=a&sort=-name&size=25", "is not empty", "?q=a&sort=-name&size=25"),
    ("flag=false", "is No", "?"),
    ("colour=dark_green", "is dark green", "?"),
    ("double__gte=0.5", "from 0.5", "?"),
]


@pytest.mark.parametrize(("query", "text", "remove"), CHIPS)
def test_chips(site: Flask, query: str, text: str, remove: str) -> None:
    with site.test_request_context("/"):
        (chip,) = list_page.chips(lists.state(THINGS, query))
    assert (chip.text, chip.remove) == (text, remove)


def test_a_chip_removes_its_own_filters_only(site: Flask) -> None:
    with site.test_request_context("/"):
        found = chips(USERS, "age__gte=1&age__lte=9&age__isnull=0&name__startswith=a&sort=age")
    assert found == [
        ("Age", "1 – 9", "?age__isnull=0&name__startswith=a&sort=age"),
        ("Age", "is not empty", "?age__gte=1&age__lte=9&name__startswith=a&sort=age"),
        ("Name", "starts with a", "?age__gte=1&age__lte=9&age__isnull=0&sort=age"),
    ]


@pytest.mark.usefixtures("users")
def test_a_chip_of_a_reference_names_its_record() -> None:
    assert [text for _, text, _ in chips(PETS, "user_id=1")] == ["is Ada"]
    assert [text for _, text, _ in chips(PETS, "user_id=2")] == ["is 2"]
    assert [text for _, text, _ in chips(PETS, "user_id=999")] == ["is 999"]


def controls(resource: Resource, name: str, query: str = "") -> list[Control]:
    state = lists.state(resource, query)
    return list_page.controls(state)[resource.list_filter.index(name)][1]


FORM = {
    # column: (parameter, type of the input), in order
    "name": [("name", "text"), ("name__startswith", "text"), ("name__isnull", "select")],
    "body": [("body", "text"), ("body__startswith", "text"), ("body__isnull", "select")],
    "sort": [("sort__exact", "text"), ("sort__startswith", "text"), ("sort__isnull", "select")],
    "size": [("size__gte", "text"), ("size__lte", "text")],
    "price": [("price__gte", "text"), ("price__lte", "text"), ("price__isnull", "select")],
    "day": [("day__gte", "date"), ("day__lte", "date"), ("day__isnull", "select")],
    "at": [("at__gte", "datetime-local"), ("at__lte", "datetime-local"), ("at__isnull", "select")],
    "clock": [("clock__gte", "time"), ("clock__lte", "time"), ("clock__isnull", "select")],
    "flag": [("flag", "select"), ("flag__isnull", "select")],
    "colour": [("colour", "select"), ("colour__isnull", "select")],
    "token": [("token", "text"), ("token__isnull", "select")],
    "picture": [("picture__isnull", "select")],
    "part": [("part", "text"), ("part__startswith", "text")],
}


@pytest.mark.parametrize("name", FORM)
def test_the_filter_form_offers_what_suits_the_type(site: Flask, name: str) -> None:
    with site.test_request_context("/"):
        found = [(control.name, control.type) for control in controls(THINGS, name)]
    assert found == FORM[name]


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("name=Ada Lovelace", "Ada Lovelace"),
        ("name__contains=T 1", "T 1"),
        ("size__gt=4", "4"),
        ("at__gte=2026-03-31 16:20", "2026-03-31T16:20:00"),
        ("at__gte=2026-03-31T16:20", "2026-03-31T16:20:00"),
        ("flag=true", "true"),
        ("name__isnull=0", "0"),
        ("sort__exact=a b", "a b"),
    ],
)
def test_the_filter_form_holds_every_filter_in_force(site: Flask, query: str, value: str) -> None:
    """So sending the form as it is changes nothing."""
    with site.test_request_context("/"):
        state = lists.state(THINGS, query)
        inputs = [each for _, found in list_page.controls(state) for each in found if each.value]
        (name, _, _) = query.partition("=")
        assert [(each.name, each.value) for each in inputs] == [(name, value)]
        again = lists.state(THINGS, f"{inputs[0].name}={inputs[0].value}")
        assert again.filters[0].value == state.filters[0].value


@pytest.mark.usefixtures("users")
def test_a_reference_is_chosen_while_there_are_few() -> None:
    (choice,) = controls(PETS, "user_id", "user_id=3")
    assert (choice.name, choice.type, choice.value) == ("user_id", "select", "3")
    assert [(value, str(label)) for value, label in choice.choices] == [
        ("", "any"), ("2", "2"), ("1", "Ada"), ("3", "Zoë <b>"),
    ]  # fmt: skip
    assert [each.name for each in controls(PETS, "keeper_id")] == ["keeper_id", "keeper_id__isnull"]


@pytest.mark.usefixtures("users")
def test_the_key_of_a_reference_is_typed_where_there_are_many() -> None:
    lists.add(USERS, [{"id": i, "name": "x"} for i in range(4, references.MOST_CHOICES + 2)])
    (field,) = controls(PETS, "user_id", "user_id=3")
    assert field == Control("user_id", list_page.CONTROLS["exact"], "text", "3", [])


def test_headings(site: Flask) -> None:
    with site.test_request_context("/"):
        found = {
            head.name: head
            for head in list_page.headings(lists.state(THINGS, "sort=name,-size&q=a"))
        }
    assert [(head.direction, head.href, head.add_href) for head in
            (found["name"], found["size"], found["picture"])] == [
        ("ascending", "?q=a&sort=-name", "?q=a&sort=-size,-name"),
        ("descending", "?q=a", "?q=a&sort=name"),
        ("", "", ""),
    ]  # fmt: skip


def test_numbers_but_not_references_stand_to_the_right(site: Flask) -> None:
    with site.test_request_context("/"):
        looks = [head.look for head in list_page.headings(ListState(PETS))]
        assert looks == ["", ""]
        looks = [head.look for head in list_page.headings(ListState(USERS))]
        assert looks == ["key", "", "num"]


def test_the_link_that_ends_a_sort_is_no_empty_link(site: Flask) -> None:
    with site.test_request_context("/"):
        heads = list_page.headings(lists.state(USERS, "sort=-name"))
    assert [head.href for head in heads] == ["?sort=id", "?", "?sort=age"]


@pytest.mark.usefixtures("users")
def test_references_of_a_page_take_one_statement_a_column() -> None:
    lists.add(PETS, [{"name": f"P{i}", "user_id": 1 + i % 3} for i in range(6)])
    state = ListState(PETS)
    page = records.page(state)
    with lists.statements() as run:
        rows = cells.rows(state, page.records, list_page.headings(state))
    assert len(run) == 1
    links = [row.rpartition("<a")[2].partition("</td>")[0] for row in rows.splitlines()[:3]]
    assert links == [
        ' href="/users/1">Ada</a>', ' href="/users/2">2</a>',
        ' href="/users/3">Zoë &lt;b&gt;</a>',
    ]  # fmt: skip


def test_rows_link_to_records_and_keep_the_list(site: Flask) -> None:
    with lists.undone(site):
        lists.add(THINGS, [{"part": "a/b %,", "number": -1, "size": 1, "name": "x"}])
        state = lists.state(THINGS, "sort=-name&size=25")
        (row,) = cells.rows(
            state, records.page(state).records, list_page.headings(state)
        ).splitlines()
    assert 'href="/things/a%252Fb%20%2525%252C,-1?sort=-name&amp;size=25"' in row


def test_the_page_of_a_list_with_everything(site: Flask) -> None:
    """The whole page, from statement to HTML."""
    row: dict[str, Any] = {name: pool[0] for name, pool in lists.POOLS.items()}
    with lists.kept(site, THINGS, [{"part": "a", "number": 1, **row}]):
        page = site.test_client().get("/things/?sort=-at,name&size__gte=-5&flag=true").text
    assert "1–1 of 1" in page
    assert 'aria-sort="descending"' in page
    assert "is Yes" in page


def test_sizes(site: Flask) -> None:
    with site.test_request_context("/"):
        state = lists.state(USERS, "sort=name&size=25&before=end")
    assert list_page.sizes(state) == [
        (25, "?sort=name&size=25"), (50, "?sort=name"),
        (100, "?sort=name&size=100"), (200, "?sort=name&size=200"),
    ]  # fmt: skip
    assert list_page.sizes(ListState(USERS))[1] == (50, "?")


JUMPS = [
    # query, type of the input, keyboard, value
    ("sort=name&goto=M", "text", "", "M"),
    ("sort=size", "text", "numeric", ""),
    ("sort=-price&goto=1.5", "text", "decimal", "1.5"),
    ("sort=day&goto=2026-03-31", "date", "", "2026-03-31"),
    ("sort=at&goto=2026-03-31 16:20", "date", "", "2026-03-31"),
    ("sort=clock", "time", "", ""),
    ("sort=flag&goto=false", "select", "", "false"),
    ("sort=colour,name&goto=red", "select", "", "red"),
    ("", "text", "", ""),
]


@pytest.mark.parametrize(("query", "type_", "keyboard", "value"), JUMPS)
def test_the_input_of_a_jump_suits_the_first_key(
    site: Flask, query: str, type_: str, keyboard: str, value: str
) -> None:
    with site.test_request_context("/"):
        state = lists.state(THINGS, query)
        found = list_page.jump(state)
    assert found is not None
    name = query.partition("=")[2].partition("&")[0].strip("-").partition(",")[0] or "part"
    assert found.label == f"Go to {name.capitalize()}"
    assert (found.name, found.type, found.value) == ("goto", type_, value)
    assert found.keyboard == keyboard
    assert bool(found.choices) == (type_ == "select")


def test_a_list_sorted_by_what_it_hides_offers_no_jump(site: Flask) -> None:
    hidden = Resource(model=User, list_display=("id", "name"), ordering=("age",))
    with site.test_request_context("/"):
        assert list_page.jump(ListState(hidden)) is None


@pytest.mark.usefixtures("users")
def test_a_jump_to_a_reference_asks_no_database() -> None:
    with lists.statements() as run:
        found = list_page.jump(ListState(PETS, sort=("user_id",)))
    assert found == Control("goto", "Go to User", "text", "", [], "numeric")
    assert run == []
