"""Search in a browser: what was found is marked, and what takes too long says so."""

import pytest
from playwright.sync_api import expect

from browser.conftest import Opener, Site, looks_well
from pages import add_people
from webadmin import search_indexes
from webadmin.database import db, writing

PEOPLE = [("José García", 40), ("Josephine", 30), ("王小明", 20), ("<b>jose</b>", 10)]


@pytest.mark.parametrize("javascript", [True, False], ids=["with-script", "without-script"])
def test_what_was_found_is_marked(every_site: Site, opened: Opener, javascript: bool) -> None:
    add_people(every_site.app, PEOPLE)
    page = opened(every_site, "/users/", javascript=javascript)
    page.get_by_role("searchbox").fill("GARCIA jose")
    page.keyboard.press("Enter")
    expect(page.locator("tbody th")).to_have_text(["José García"])
    expect(page.locator("mark")).to_have_text(["José", "García"])
    page.get_by_role("searchbox").fill("jose")
    page.keyboard.press("Enter")
    expect(page.locator("mark")).to_have_text(["José", "Jose", "jose"])
    expect(page.locator("tbody th").last).to_have_text("<b>jose</b>")


def test_marks_look_well(site: Site, opened: Opener) -> None:
    add_people(site.app, PEOPLE)
    looks_well(opened(site, "/users/?q=jo"), "search")


def test_a_search_that_takes_too_long(site: Site, opened: Opener) -> None:
    add_people(site.app, PEOPLE)
    with site.app.app_context(), writing(), db.engine.begin() as connection:
        for event in search_indexes.EVENTS:
            connection.exec_driver_sql(f"DROP TRIGGER webadmin_search_users_{event}")
        search_indexes.forget()
        # Very many, of whom a search without an index has to look at each.
        connection.exec_driver_sql(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) "
            "INSERT INTO users (name) SELECT 'somebody ' || i FROM n"
        )
    site.app.config["SEARCH_TIMEOUT"] = 0.001
    page = opened(site, "/users/?q=nobody")
    expect(page.get_by_role("main")).to_contain_text("it was stopped")
    looks_well(page, "search-stopped")
    page = opened(site, "/users/?q=nobody", javascript=False)
    page.get_by_role("link", name="Search on, for up to a minute").click()
    expect(page.get_by_role("main")).to_contain_text("Nothing matches.")
