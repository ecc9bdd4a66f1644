"""The page of a record is there when it is clicked: the browser fetches what is pointed at."""

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Opener, Site
from pages import add_people, stored

PEOPLE = [("Ada Lovelace", 36), ("Grace Hopper", 85), ("Alan Turing", 41)]


@pytest.fixture
def people(site: Site) -> Site:
    add_people(site.app, PEOPLE)
    return site


def fetched(page: Page, site: Site, path: str) -> int:
    """Wait until a page was asked for; return how often."""
    for _ in range(200):
        if ("GET", path) in site.answered:
            break
        page.wait_for_timeout(50)
    return site.answered.count(("GET", path))


def test_a_click_on_what_was_pointed_at_asks_for_nothing(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/")
    page.get_by_role("link", name="Grace Hopper").hover()
    assert fetched(page, people, "/users/2") == 1
    page.get_by_role("link", name="Grace Hopper").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Grace Hopper")
    kind = page.evaluate("performance.getEntriesByType('navigation')[0].deliveryType")
    assert kind == "navigational-prefetch"
    assert people.answered.count(("GET", "/users/2")) == 1
    page.get_by_role("link", name="Next").hover()
    assert fetched(page, people, "/users/3") == 1


@pytest.mark.parametrize(
    ("path", "names", "then", "fetched_then"),
    [
        ("/users/", ("Import", "New User", "Age", "History", "Users"), "Ada Lovelace", "/users/1"),
        ("/users/1", ("Edit", "Delete", "History", "Users"), "Next", "/users/2"),
    ],
)
def test_nothing_else_is_fetched_ahead(
    people: Site, opened: Opener, path: str, names: tuple[str, ...], then: str, fetched_then: str
) -> None:
    page = opened(people, path)
    for name in names:
        page.get_by_role("link", name=name).first.hover()
        page.wait_for_timeout(400)  # twice as long as the browser waits
    page.get_by_role("link", name=then).hover()
    assert fetched(page, people, fetched_then) == 1
    assert {each for _, each in people.answered} == {path, fetched_then}


@pytest.mark.parametrize("signs_out", [True, False], ids=["sign out", "change"])
def test_what_was_fetched_is_dropped_when_it_is_out_of_date(
    people: Site, opened: Opener, signs_out: bool
) -> None:
    page = opened(people, "/users/")
    other = page.context.new_page()
    other.goto("/users/2/edit")
    page.bring_to_front()
    page.get_by_role("link", name="Grace Hopper").hover()
    assert fetched(page, people, "/users/2") == 1
    if signs_out:
        other.get_by_role("button", name="Sign out").click()
        expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")
    else:
        other.get_by_label("Name").fill("Rear Admiral Hopper")
        other.get_by_role("button", name="Save").first.click()
        expect(other.get_by_role("status").first).to_be_visible()
        assert stored(people.app)[1][1] == "Rear Admiral Hopper"
    page.get_by_role("link", name="Grace Hopper").click()
    title = "Sign in" if signs_out else "Rear Admiral Hopper"
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
