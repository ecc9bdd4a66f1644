"""The main job, from the first page to the last, as a person does it."""

import re

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Opener, Site
from pages import add_people, stored


def save(page: Page, button: str = "Save") -> None:
    """Press a button of the form."""
    page.get_by_role("button", name=button, exact=True).click()


@pytest.mark.parametrize("javascript", [True, False], ids=["with-script", "without-script"])
def test_the_main_job(every_site: Site, opened: Opener, javascript: bool) -> None:
    """Create, find, view, edit and delete a user; one is always back at the same place."""
    site = every_site
    add_people(site.app, [(f"Person {number:02}", number) for number in range(60)])
    page = opened(site, "/", javascript=javascript)
    page.get_by_role("main").get_by_role("link", name="Users").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Users")
    expect(page.locator(".pager")).to_contain_text("1–50 of 60")

    page.get_by_role("link", name="New User").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("Zoë Knuth")
    page.get_by_label("Age").fill("eighty")
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved yet")
    expect(page.get_by_label("Age")).to_be_focused()
    expect(page.get_by_label("Name")).to_have_value("Zoë Knuth")
    page.get_by_label("Age").fill("80")
    save(page)
    expect(page.locator(".notice")).to_contain_text("“Zoë Knuth” was created.")

    search = page.get_by_role("searchbox")
    search.fill("knuth")
    search.press("Enter")
    expect(page).to_have_url(f"{site.url}/users/?q=knuth")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Zoë Knuth").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Zoë Knuth")
    expect(page.locator("dl.fields")).to_contain_text("80")

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Age").fill("81")
    save(page)
    expect(page).to_have_url(re.compile(r"/users/\?q=knuth#record-\d+$"))
    expect(page.locator("tbody tr")).to_contain_text("81")

    page.get_by_role("link", name="Zoë Knuth").click()
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete Zoë Knuth?")
    save(page, "Delete")
    expect(page).to_have_url(f"{site.url}/users/?q=knuth")
    expect(page.get_by_role("main")).to_contain_text("Nothing matches.")
    assert len(stored(site.app)) == 60


def test_pages_of_a_list(site: Site, opened: Opener) -> None:
    add_people(site.app, [(f"Person {number:03}", number % 100) for number in range(120)])
    page = opened(site, "/users/?sort=-name", javascript=False)
    page.get_by_role("link", name="25", exact=True).click()
    people, onward = page.locator("tbody th"), page.get_by_role("link", name="Next", exact=True)
    names = [f"Person {number:03}" for number in reversed(range(120))]
    for first in range(0, 100, 25):
        expect(people).to_have_text(names[first : first + 25])
        onward.click()
    expect(people).to_have_text(names[100:])
    expect(onward).to_have_count(0)
    page.get_by_role("link", name="First").click()
    expect(page.locator("tbody th").first).to_have_text("Person 119")
    page.go_back()
    expect(page.locator("tbody th").last).to_have_text("Person 000")


def test_a_heading_sorts_reverses_and_lets_go(site: Site, opened: Opener) -> None:
    add_people(site.app, [("B", 1), ("A", 2), ("C", None)])
    page = opened(site, "/users/", javascript=False)
    heading, first = page.get_by_role("columnheader", name="Name"), page.locator("tbody th").first
    for direction, name in (("ascending", "A"), ("descending", "C")):
        heading.get_by_role("link").click()
        expect(heading).to_have_attribute("aria-sort", direction)
        expect(first).to_have_text(name)
    heading.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/users/\??$"))
    expect(first).to_have_text("B")


@pytest.mark.parametrize("javascript", [True, False], ids=["with-script", "without-script"])
def test_filters_are_chips_that_go_away(site: Site, opened: Opener, javascript: bool) -> None:
    add_people(site.app, [(f"Person {number}", number) for number in range(30)])
    page = opened(site, "/users/", javascript=javascript)
    page.locator("[data-filter] summary").click()
    age = page.get_by_role("group", name="Age")
    age.get_by_label("from").fill("10")
    age.get_by_label("to", exact=True).fill("12")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    if javascript:
        expect(page).to_have_url(f"{site.url}/users/?age__gte=10&age__lte=12")
    chip = page.locator(".chip")
    expect(chip).to_contain_text("Age 10 – 12")
    chip.click()
    expect(page.locator("tbody tr")).to_have_count(30)
    expect(chip).to_have_count(0)


def test_the_job_by_keyboard_alone(site: Site, opened: Opener) -> None:
    """With the keys that every page has: Tab, Enter, Space and letters for texts."""
    add_people(site.app, [("Ada Lovelace", 36)])
    page = opened(site, "/", javascript=False)

    def press(key: str, title: str) -> None:
        page.keyboard.press(key)
        expect(page).to_have_title(f"{title} · webadmin")
        page.wait_for_load_state()  # the title is there first; keys would go to half a page

    def tab_to(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            text = page.locator(":focus").evaluate_all(
                "found => found.map(e => e.getAttribute('aria-label') || e.name || e.innerText)[0]"
            )
            if text and text.strip() == name:
                return
        raise AssertionError(f"Tab does not reach {name}")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to("New User")
    press("Enter", "New User · Users")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("Grace Hopper")
    page.keyboard.press("Tab")
    page.keyboard.type("85")
    tab_to("Save")
    press("Space", "Users")
    tab_to("Grace Hopper")
    press("Enter", "Grace Hopper · Users")
    tab_to("Edit")
    press("Enter", "Edit Grace Hopper · Users")
    tab_to("age")
    page.keyboard.press("Control+A")
    page.keyboard.type("84")
    press("Enter", "Users")
    assert stored(site.app)[1] == (2, "Grace Hopper", 84)
    page.goto("/users/")
    tab_to("Ada Lovelace")
    press("Enter", "Ada Lovelace · Users")
    tab_to("Delete")
    press("Enter", "Delete Ada Lovelace · Users")
    tab_to("Delete")
    press("Enter", "Users")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert stored(site.app) == [(2, "Grace Hopper", 84)]


@pytest.mark.parametrize("take", ["Save mine anyway", "Take theirs"])
def test_two_tabs_in_conflict(every_site: Site, opened: Opener, take: str) -> None:
    site = every_site
    add_people(site.app, [("Ada Lovelace", 36)])
    mine = opened(site, "/users/1/edit")
    theirs = opened(site, "/users/1/edit")
    theirs.get_by_label("Age").fill("37")
    save(theirs)
    expect(theirs.locator(".notice")).to_contain_text("was saved")
    mine.get_by_label("Age").fill("38")
    mine.get_by_label("Name").fill("Countess")
    save(mine)
    expect(mine.get_by_role("heading", level=1)).to_have_text("Somebody else changed Ada Lovelace")
    expect(mine.locator("tbody td")).to_have_text(["36", "37", "38"])
    save(mine, take)
    expect(mine.locator(".notice")).to_contain_text("was saved")
    assert stored(site.app) == [(1, "Countess", 37 if take == "Take theirs" else 38)]
