"""How pages look: accessible, at every width, in light and dark, on paper."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import insert, text

from browser.conftest import SCREENSHOTS, Opener, Site, accessible, listening, looks_well, until
from conftest import database_with_tables, settings
from library import Author, Base, Book, BookAuthor, Tag
from pages import add_people
from webadmin import create_app
from webadmin.database import db, writing

NARROWED = "/users/?q=a&age__gte=18&age__lte=65&name__isnull=0&sort=name,-age"
LONG = "Wolfeschlegelsteinhausenbergerdorff " * 7


def refused(page: Page) -> None:
    page.get_by_label("Age").fill("old")
    page.get_by_label("Age").press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def conflict(page: Page) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    for each, age in ((other, "37"), (page, "38")):
        each.get_by_label("Age").fill(age)
        each.get_by_label("Age").press("Enter")
        expect(each.locator(".notice")).to_be_visible()
    other.close()
    expect(page.locator(".sides")).to_be_visible()


def saved(page: Page) -> None:
    page.get_by_label("Age").press("Enter")
    expect(page.locator(".notice")).to_contain_text("was saved")


Step = Callable[[Page], None]
PAGES: dict[str, tuple[str, Step | None]] = {
    "home": ("/", None),
    "list": ("/users/", None),
    "narrowed": (NARROWED, None),
    "filters": (NARROWED, lambda page: page.locator("[data-filter] summary").click()),
    "keys": ("/users/", lambda page: page.keyboard.press("?")),
    "saved": ("/users/3/edit", saved),
    "nothing-matches": ("/users/?q=nobody", None),
    "detail": ("/users/2", None),
    "new": ("/users/new", None),
    "edit": ("/users/1/edit", None),
    "refused": ("/users/1/edit", refused),
    "conflict": ("/users/1/edit", conflict),
    "delete": ("/users/2/delete", None),
    "400": ("/users/?sort=nothing", None),
    "404": ("/users/nobody", None),
    "empty": ("/shelf/", None),
    "wide-list": ("/book/", None),
    "wide-detail": ("/book/1", None),
    "wide-form": ("/book/1/edit", None),
    "text-keys": ("/tag/", None),
}
NAMES = list(PAGES)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Site]:
    """A site with users of all sorts, and with the library."""
    uri = database_with_tables("sqlite", tmp_path, {}, ["library"], Base.metadata)
    app = create_app(settings(uri, tmp_path) | {"RESOURCES": ["library"]})
    with app.app_context(), writing():
        db.session.execute(insert(Author).values(name=LONG[:80], website=LONG[:200]))
        book = {
            "title": "T",
            "in_print": True,
            "author_id": 1,
            "summary": LONG,
            "extra": [LONG],
        }
        db.session.execute(insert(Book).values(book))
        db.session.execute(insert(BookAuthor).values(book_id=1, author_id=1))
        db.session.execute(insert(Tag).values(name="a/b c,é%"))
        db.session.commit()
    people = [
        ("Ada Lovelace", 36),
        ("Zoë", None),
        ("فاطمة", 4),
        ("鈴木", 150),
        (None, 0),
        (LONG, 1),
    ]
    add_people(app, people * 20)
    with listening(app) as site:
        yield site
    with app.app_context():
        db.engine.dispose()


def show(opened: Opener, site: Site, name: str, **options: object) -> Page:
    path, step = PAGES[name]
    page = opened(site, path, **options)
    if step is not None:
        step(page)
    return page


@pytest.mark.parametrize("name", NAMES)
def test_pages_are_accessible(full: Site, opened: Opener, name: str) -> None:
    looks_well(show(opened, full, name, color_scheme="light"), name)


@pytest.mark.parametrize("name", NAMES)
def test_no_page_scrolls_sideways(full: Site, opened: Opener, name: str) -> None:
    page = show(opened, full, name)
    for width in (360, 767, 768, 1024, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        until(page, "document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_a_phone_shows_where_one_can_go(full: Site, opened: Opener, role: str) -> None:
    page = opened(full, "/", width=360, signed_in=role)
    side = page.get_by_role("banner")
    for name in ("webadmin", "Users", f"{role}@example.com"):
        expect(side.get_by_role("link", name=name)).to_be_in_viewport(ratio=0.9)
    for name in ("Sign out", "Dark colours"):
        expect(side.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("name", ["home", "list", "refused", "detail", "delete"])
def test_german_fits_a_phone(full: Site, opened: Opener, name: str) -> None:
    full.app.config["LANGUAGE"] = "de"
    page = opened(full, PAGES[name][0], width=360)
    expect(page.locator("html")).to_have_attribute("lang", "de")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_page_without_database_is_accessible(full: Site, opened: Opener) -> None:
    with full.app.app_context(), writing():
        db.session.execute(text("DROP TABLE users"))
        db.session.commit()
    page = opened(full, "/users/")
    expect(page.get_by_role("main")).to_contain_text("webadmin init")
    accessible(page)


def test_pages_without_script_are_accessible(full: Site, opened: Opener) -> None:
    """axe is itself a script: the page is loaded without its own ones instead."""
    page = opened(full, "/healthz")
    page.route(
        "**/static/js/**", lambda route: route.fulfill(body="", content_type="text/javascript")
    )
    for path in ("/", NARROWED, "/users/1/edit", "/book/"):
        page.goto(path)
        accessible(page)


def test_the_list_is_dense(full: Site, opened: Opener) -> None:
    """20 records fit into 1280 x 800."""
    with full.app.app_context(), writing():
        db.session.execute(text("UPDATE users SET name = 'Somebody'"))
        db.session.commit()
    page = opened(full, "/users/")
    bottoms = page.evaluate(
        "[...document.querySelectorAll('tbody tr')].map(tr => tr.getBoundingClientRect().bottom)"
    )
    assert len([bottom for bottom in bottoms if bottom <= 800]) >= 20


def test_heads_of_tables_stay_in_sight(full: Site, opened: Opener) -> None:
    page = opened(full, "/users/")
    page.evaluate("scrollTo(0, 1500)")
    expect(page.get_by_role("columnheader", name="Name")).to_be_in_viewport()
    page.goto("/book/")
    region = page.locator("[data-scroll]")
    expect(region).to_have_attribute("tabindex", "0")
    region.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('[data-scroll]').scrollLeft > 0")


def test_focus_is_visible_everywhere(full: Site, opened: Opener) -> None:
    """Each stop of the Tab key has an outline of two pixels that stands out from the page."""
    for path in (NARROWED, "/users/1/edit", "/users/1"):
        page = opened(full, path)
        for _ in range(25):
            page.keyboard.press("Tab")
            style = page.evaluate(
                "(s => [s.outlineStyle, s.outlineWidth])(getComputedStyle(document.activeElement))"
            )
            if page.evaluate("document.activeElement === document.body"):
                break
            assert style == ["solid", "2px"], page.evaluate("document.activeElement.outerHTML")


def test_paper_has_the_records_and_no_controls(full: Site, opened: Opener) -> None:
    page = opened(full, NARROWED, width=700, color_scheme="dark")
    page.emulate_media(media="print")
    page.screenshot(path=SCREENSHOTS / "print.png", full_page=True)
    for hidden in (".side", ".search", ".filter", ".acts", ".go", ".sizes"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.get_by_role("columnheader", name="Age")).to_be_visible()
    expect(page.locator(".chips")).to_contain_text("18 – 65")
    assert (
        page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(27, 36, 48)"
    )


def test_colours_of_the_system_are_kept(full: Site, opened: Opener) -> None:
    page = opened(full, NARROWED, forced_colors="active")
    page.screenshot(path=SCREENSHOTS / "forced-colours.png")
    assert page.evaluate("getComputedStyle(document.querySelector('.chip')).borderStyle") == "solid"


def test_motion_only_where_it_is_wanted(full: Site, opened: Opener) -> None:
    name = "getComputedStyle(document.querySelector('.side')).viewTransitionName"
    assert opened(full, "/").evaluate(name) == "none"
    assert opened(full, "/", reduced_motion="no-preference").evaluate(name) == "side"
