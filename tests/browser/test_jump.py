"""Jumps in a list, with and without JavaScript, and by the keyboard."""

import re

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Opener, Site, looks_well
from pages import add_people

PEOPLE = [(f"{letter}{number:02}", number) for letter in "ABMXZ" for number in range(40)]


def shows(page: Page, *names: str) -> None:
    """Wait until the page shows these names."""
    expect(page.locator("tbody th")).to_have_text(names)


@pytest.mark.parametrize("javascript", [True, False], ids=["with-script", "without-script"])
def test_a_jump_and_back_to_a_records_place(site: Site, opened: Opener, javascript: bool) -> None:
    add_people(site.app, PEOPLE)
    page = opened(site, "/users/?sort=name&age__gte=1&size=25", javascript=javascript)
    page.get_by_label("Go to Name").fill("M")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page).to_have_url(f"{site.url}/users/?age__gte=1&sort=name&size=25&goto=M")
    shows(page, *(f"M{number:02}" for number in range(1, 26)))
    expect(page.get_by_label("Go to Name")).to_have_value("M")
    page.get_by_role("link", name="Previous", exact=True).click()
    shows(page, *(f"B{number:02}" for number in range(15, 40)))

    page.goto("/users/?sort=-name&before=end&size=25")
    page.get_by_role("link", name="A00").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A00")
    for number in range(1, 31):
        page.get_by_role("link", name="Previous").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"A{number:02}")
    expect(page.get_by_role("heading", level=1)).to_have_text("A30")
    page.get_by_role("link", name="Show in the list").click()
    row = page.get_by_role("row", name="A30")
    expect(row).to_be_in_viewport()
    expect(page.locator("tbody th").nth(11)).to_have_text("A30")
    plain = page.get_by_role("row", name="A29").locator("td").first
    colour = "cell => getComputedStyle(cell).backgroundColor"
    assert row.locator("td").first.evaluate(colour) != plain.evaluate(colour)


def test_by_keyboard(site: Site, opened: Opener) -> None:
    add_people(site.app, PEOPLE)
    page = opened(site, "/users/?sort=-age")
    page.keyboard.press("g")
    expect(page.get_by_label("Go to Age")).to_be_focused()
    page.keyboard.type("seven")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("“goto” in the address is wrong")
    page.go_back()
    page.get_by_label("Go to Age").fill("7")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Go", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/users/?sort=-age&goto=7")
    expect(page.locator("tbody th").nth(4)).to_have_text(re.compile("07$"))
    expect(page.locator("tbody th").nth(5)).to_have_text(re.compile("06$"))
    page.keyboard.press("g")
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/users/?sort=-age")


@pytest.mark.parametrize("sort", ["id", "name"])
def test_looks(site: Site, opened: Opener, sort: str) -> None:
    """The form of the pager, and a record that one has come back to."""
    add_people(site.app, PEOPLE)
    page = opened(site, f"/users/?sort={sort}&size=25&around=90", color_scheme="light")
    looks_well(page, f"jump-{sort}")
