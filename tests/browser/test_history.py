"""History, undo and bulk in a browser, with and without JavaScript."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Opener, Site, listening, looks_well, until
from conftest import database_with_tables, settings
from kin import PERSONS, Kin, Permit, family
from pages import add_people, stored
from webadmin import bulk, create_app, history
from webadmin.database import db, writing
from webadmin.users import USERS

STORY = "Once upon a time there was a queen who counted all the days of the year"


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Site]:
    """A site with a history."""
    uri = database_with_tables("sqlite", tmp_path, {}, ["kin"], Kin.metadata)
    app = create_app(settings(uri, tmp_path) | {"RESOURCES": ["kin"]})
    with app.app_context(), writing():
        family()
        with history.batch("people.csv"):
            bulk.insert(USERS, ({"name": f"Name {i}", "age": i % 100} for i in range(1, 301)))
            db.session.commit()
        for story in (STORY, STORY.replace("queen", "king") + " twice"):
            bulk.update(PERSONS, [((1,), {"story": story, "age": len(story)})])
            db.session.commit()
        db.session.add(Permit(id=1, person_id=2))
        db.session.commit()
        bulk.delete(USERS, [(7,)])
        db.session.commit()
        db.session.remove()
    with listening(app) as site:
        yield site
    with app.app_context():
        db.engine.dispose()


def choose(page: Page) -> None:
    page.get_by_label("Choose 3", exact=True).check()


def chosen(page: Page, button: str) -> None:
    choose(page)
    page.get_by_role("button", name=button).click()
    expect(page.locator(".sample")).to_be_visible()


def wrong(page: Page) -> None:
    chosen(page, "Set fields…")
    page.get_by_label("Set Age").check()
    page.get_by_label("Age", exact=True).fill("old")
    page.get_by_role("button", name="Change 1 record").click()
    expect(page.get_by_role("alert")).to_be_visible()


def conflict(page: Page) -> None:
    page.get_by_role("button", name="Undo").nth(1).click()
    expect(page.get_by_role("alert")).to_be_visible()


def offered(page: Page) -> None:
    page.get_by_label("Age").fill("9")
    page.get_by_label("Age").press("Enter")
    expect(page.locator(".notice .undo")).to_be_visible()


def opened_details(page: Page) -> None:
    page.locator("summary").first.click()


Step = Callable[[Page], None]
PAGES: dict[str, tuple[str, Step | None]] = {
    "home-recent": ("/", None),
    "history": ("/history/", opened_details),
    "history-none": ("/history/?resource=pet&action=edit", None),
    "history-record": ("/person/1/history", None),
    "history-gone": ("/users/7/history", None),
    "detail-history": ("/person/1", None),
    "undo-offered": ("/users/3/edit", offered),
    "undo-conflict": ("/person/1/history", conflict),
    "chosen": ("/users/", choose),
    "bulk-delete": ("/users/", lambda page: chosen(page, "Delete…")),
    "bulk-edit": ("/users/", lambda page: chosen(page, "Set fields…")),
    "bulk-wrong": ("/users/", wrong),
    "delete-preview": ("/person/1/delete", None),
    "delete-blocked": ("/person/2/delete", None),
}


@pytest.mark.parametrize("name", list(PAGES))
def test_pages_are_accessible_at_every_width(lived: Site, opened: Opener, name: str) -> None:
    path, step = PAGES[name]
    page = opened(lived, path, color_scheme="light")
    if step:
        step(page)
    looks_well(page, name)
    for width in (360, 768, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        until(page, "document.documentElement.scrollWidth <= innerWidth")


def test_half_of_the_people_are_deleted_by_mistake_and_return(lived: Site, opened: Opener) -> None:
    before = stored(lived.app)
    page = opened(lived, "/users/?age__lt=50")
    page.locator("[data-choose-page]").check()
    expect(page.locator("[data-chosen]")).to_have_text("50 chosen")
    page.get_by_label("that match").check()
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete 149 records?")
    page.get_by_role("button", name="Delete 149 records").click()
    expect(page.locator(".notice")).to_contain_text("149 records were deleted.")
    assert len(stored(lived.app)) == len(before) - 149
    page.locator(".notice .undo").click()
    expect(page.locator(".notice")).to_contain_text("149 changes were undone.")
    assert stored(lived.app) == before
    page.goto("/history/")
    expect(page.locator(".story")).to_contain_text("Users: 149 deleted")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_field_is_set_for_the_chosen(lived: Site, opened: Opener, javascript: bool) -> None:
    page = opened(lived, "/users/", javascript=javascript)
    expect(page.locator("#bulk")).to_be_hidden()
    for key in ("2", "4"):
        page.get_by_label(f"Choose {key}", exact=True).check()
    page.get_by_role("button", name="Set fields…").click()
    expect(page.get_by_label("Age", exact=True)).to_be_visible()
    page.wait_for_load_state()  # the script that ticks has run by then
    page.get_by_label("Age", exact=True).fill("33")
    if not javascript:
        page.get_by_label("Set Age").check()
    expect(page.get_by_label("Set Age")).to_be_checked()
    page.get_by_role("button", name="Change 2 records").click()
    expect(page.locator(".notice")).to_contain_text("2 records were changed.")
    ages = {key: age for key, _, age in stored(lived.app)}
    assert (ages[2], ages[3], ages[4]) == (33, 3, 33)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".notice")).to_contain_text("2 changes were undone.")
    ages = {key: age for key, _, age in stored(lived.app)}
    assert (ages[2], ages[4]) == (2, 4)


def test_shift_chooses_all_between(lived: Site, opened: Opener) -> None:
    page = opened(lived, "/users/")
    page.get_by_label("Choose 3", exact=True).check()
    page.get_by_label("Choose 9", exact=True).click(modifiers=["Shift"])
    expect(page.locator("[data-chosen]")).to_have_text("6 chosen")  # user 7 is gone
    page.get_by_label("Choose 4", exact=True).click(modifiers=["Shift"])
    expect(page.locator("[data-chosen]")).to_have_text("1 chosen")
    until(page, "document.querySelector('[data-choose-page]').indeterminate")
    page.locator("[data-choose-page]").check()
    expect(page.locator("[data-chosen]")).to_have_text("50 chosen")
    page.locator("[data-search] [type=search]").fill("Name 12")
    until(page, "document.querySelectorAll('tbody tr').length < 20")
    expect(page.locator("#bulk")).to_be_hidden()


def test_the_keyboard_alone_chooses(lived: Site, opened: Opener) -> None:
    page = opened(lived, "/users/")
    page.get_by_label("Choose 2", exact=True).focus()
    page.keyboard.press("Space")
    expect(page.locator("#bulk")).to_be_visible()
    expect(page.get_by_label("Choose 2", exact=True)).to_be_focused()


def test_a_record_is_changed_and_taken_back_without_script(lived: Site, opened: Opener) -> None:
    page = opened(lived, "/users/5/edit", javascript=False)
    page.get_by_label("Age").fill("77")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".notice")).to_contain_text("Undone.")
    assert {key: age for key, _, age in stored(lived.app)}[5] == 5
    page.goto("/users/5")
    expect(page.locator(".story > li")).to_have_count(3)
    page.get_by_role("link", name="See all").click()
    expect(page.locator(".story > li.undone")).to_have_count(1)


def test_the_list_stays_dense(site: Site, opened: Opener) -> None:
    add_people(site.app, [(f"Name {i}", i) for i in range(40)])
    page = opened(site, "/users/")
    heights = page.evaluate(
        "[...document.querySelectorAll('tbody tr')].map(tr => tr.getBoundingClientRect().bottom)"
    )
    assert len([bottom for bottom in heights if bottom <= 800]) >= 20
