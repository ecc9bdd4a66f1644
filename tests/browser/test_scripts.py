"""What pages do better with JavaScript."""

import re
from threading import Event

import pytest
from playwright.sync_api import Page, Route, expect

from browser.conftest import Opener, Site
from pages import add_people, stored

PEOPLE = [("Ada Lovelace", 36), ("Alan Turing", 41), ("Grace Hopper", 85)]


@pytest.fixture
def people(site: Site) -> Site:
    add_people(site.app, PEOPLE)
    return site


def test_search_as_you_type(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/?sort=-name")
    search = page.get_by_role("searchbox")
    search.press_sequentially("a", delay=30)
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody th")).to_have_text(["Alan Turing", "Ada Lovelace"])
    expect(search).to_be_focused()
    expect(page).to_have_url(f"{people.url}/users/?sort=-name&q=a")
    expect(page.locator("[data-announce]")).to_have_text("1–2 of 2")
    expect(page.locator("#count")).to_have_text("2")
    search.press("ArrowLeft")
    search.press_sequentially("x")
    expect(page.get_by_role("main")).to_contain_text("Nothing matches.")
    assert search.evaluate("field => [field.value, field.selectionStart]") == ["xa", 1]
    # What was typed left no trace in the history: back leads to where one came from.
    page.go_back()
    assert page.url == "about:blank"


def test_search_asks_once_for_what_is_typed_at_once(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/")
    people.answered.clear()
    page.get_by_role("searchbox").press_sequentially("turing", delay=20)
    expect(page.locator("tbody tr")).to_have_count(1)
    assert people.answered == [("GET", "/users/")]


def test_a_late_answer_does_not_replace_a_newer_one(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/")
    held: list[Route] = []
    asked = Event()

    def hold(route: Route) -> None:
        held.append(route)
        asked.set()

    page.route("**/users/?q=ada", hold)
    search = page.get_by_role("searchbox")
    search.fill("ada")
    while not asked.is_set():
        page.wait_for_timeout(20)
    search.fill("grace")
    expect(page.locator("tbody th")).to_have_text(["Grace Hopper"])
    held[0].abort()
    page.wait_for_timeout(300)
    expect(page.locator("tbody th")).to_have_text(["Grace Hopper"])


def test_search_that_is_refused_says_why(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/")
    page.get_by_role("searchbox").fill("a " * 60)
    expect(page.locator("#results")).to_contain_text("Search for at most")
    page.get_by_role("searchbox").fill("alan")
    expect(page.locator("tbody th")).to_have_text(["Alan Turing"])


def test_links_follow_the_search(people: Site, opened: Opener) -> None:
    """New, the filter form and the sort keep the words that were typed."""
    page = opened(people, "/users/")
    page.get_by_role("searchbox").fill("a")
    expect(page).to_have_url(f"{people.url}/users/?q=a")
    expect(page.get_by_role("link", name="New User")).to_have_attribute("href", "/users/new?q=a")
    expect(page.locator("#filter-state [name=q]")).to_have_value("a")
    expect(page.locator("thead a").first).to_have_attribute("href", "?q=a&sort=id")


def test_found_words_are_marked(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/?q=LOVE ada")
    expect(page.locator("mark")).to_have_text(["Ada", "Love"])


def test_keys_of_a_list(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/")
    for key, name in (("j", "Ada Lovelace"), ("j", "Alan Turing"), ("k", "Ada Lovelace")):
        page.keyboard.press(key)
        expect(page.get_by_role("link", name=name)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("Ada Lovelace"))
    page.wait_for_load_state()  # the title is there before the script that listens to keys
    page.keyboard.press("e")
    expect(page).to_have_title(re.compile("Edit Ada Lovelace"))
    page.go_back()
    page.go_back()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("/nje?")
    expect(page.get_by_role("searchbox")).to_have_value("/nje?")
    page.goto("/users/")
    page.keyboard.press("Control+j")
    page.keyboard.press("n")
    expect(page).to_have_title(re.compile("New User"))


def test_keys_are_explained_and_can_be_turned_off(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/")
    dialog = page.get_by_role("dialog", name="Keys")
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Keys").click()
    dialog.get_by_label("Use the single keys").uncheck()
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Keys")).to_be_focused()
    for _ in range(2):
        for key in ("n", "?", "/"):
            page.keyboard.press(key)
        page.wait_for_timeout(200)
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("searchbox")).not_to_be_focused()
        expect(page).to_have_title(re.compile("^Users"))
        page.reload()


def test_shift_sorts_by_one_more_column(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/?sort=age")
    page.get_by_role("link", name="Name").click(modifiers=["Shift"])
    expect(page).to_have_url(f"{people.url}/users/?sort=age,name")


def test_ctrl_enter_saves(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/1/edit")
    page.get_by_label("Age").fill("37")
    page.get_by_label("Name").press("Control+Enter")
    expect(page.locator(".notice")).to_contain_text("was saved")
    assert stored(people.app)[0] == (1, "Ada Lovelace", 37)


def test_one_comes_back_to_the_record(site: Site, opened: Opener) -> None:
    add_people(site.app, [(f"Person {number}", number) for number in range(1, 51)])
    page = opened(site, "/users/40/edit")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="Person 40")).to_be_focused()
    expect(page.get_by_role("link", name="Person 40")).to_be_in_viewport()
    notice = page.locator(".notice")
    expect(notice).to_be_in_viewport()
    notice.get_by_role("button", name="Dismiss").click()
    expect(notice).to_have_count(0)


def test_a_double_click_saves_once(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/new")
    page.get_by_label("Name").fill("Only once")
    people.answered.clear()
    page.get_by_role("button", name="Save", exact=True).dblclick()
    expect(page.locator(".notice")).to_contain_text("was created")
    assert people.answered.count(("POST", "/users/new")) == 1
    assert [name for _, name, _ in stored(people.app)].count("Only once") == 1


def test_the_pressed_button_is_sent(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/new")
    page.get_by_label("Name").fill("Another")
    page.get_by_role("button", name="Save and add another").click()
    expect(page.locator(".notice")).to_contain_text("was created")
    expect(page).to_have_url(f"{people.url}/users/new")
    page.go_back()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()


def leave(page: Page) -> list[str]:
    """Try to leave by a link; return the kinds of questions that the browser asked."""
    asked: list[str] = []

    def stay(dialog: object) -> None:
        asked.append(dialog.type)  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    before = page.url
    page.on("dialog", stay)
    page.get_by_role("link", name="Cancel").click(no_wait_after=True)
    for _ in range(200):
        if asked or page.url != before:
            break
        page.wait_for_timeout(30)
    page.remove_listener("dialog", stay)
    return asked


def test_unsaved_changes_are_not_lost_by_leaving(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/1/edit")
    assert leave(page) == []
    page.goto("/users/1/edit")
    page.get_by_label("Age").fill("99")
    assert leave(page) == ["beforeunload"]
    expect(page.get_by_label("Age")).to_have_value("99")
    page.get_by_label("Age").fill("36")
    assert leave(page) == []
    expect(page).to_have_title(re.compile("^Ada Lovelace"))


def test_a_refused_form_is_unsaved(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/1/edit")
    page.get_by_label("Age").fill("old")
    page.get_by_label("Age").press("Enter")
    expect(page.get_by_label("Age")).to_be_focused()
    expect(page.get_by_label("Age")).to_have_attribute("aria-invalid", "true")
    assert leave(page) == ["beforeunload"]


def test_the_switch_of_colours_lasts(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/", color_scheme="light")

    def background() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = background()
    page.get_by_role("button", name="Dark colours").click()
    dark = background()
    assert dark != light
    page.goto("/users/1")
    assert background() == dark
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.get_by_role("button", name="Dark colours")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("button", name="Colours of the system").click()
    assert background() == light
    page.emulate_media(color_scheme="dark")
    assert background() == dark
    page.get_by_role("button", name="Light colours").click()
    page.reload()
    assert background() == light


def test_filters_close(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/")
    filters, apply = page.locator("[data-filter] summary"), page.get_by_role("button", name="Apply")
    filters.click()
    expect(apply).to_be_visible()
    apply.focus()
    page.keyboard.press("Escape")
    expect(apply).to_be_hidden()
    expect(filters).to_be_focused()
    filters.click()
    page.get_by_role("heading", level=1).click()
    expect(apply).to_be_hidden()


def test_controls_that_need_a_script_hide_without(people: Site, opened: Opener) -> None:
    page = opened(people, "/users/", javascript=False)
    assert page.locator(".with-script:visible").count() == 0
    expect(page.get_by_role("button", name="Search")).to_be_visible()
    page = opened(people, "/users/")
    expect(page.get_by_role("button", name="Dark colours")).to_be_visible()
    expect(page.get_by_role("button", name="Search")).to_be_hidden()


def test_a_form_saved_again_after_going_back_makes_one_record(site: Site, opened: Opener) -> None:
    page = opened(site, "/users/new")
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Age").fill("36")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".notice-success")).to_contain_text("was created")
    page.go_back()
    expect(page.get_by_label("Name")).to_have_value("Ada")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".notice-success")).to_contain_text("was created already")
    assert len(stored(site.app)) == 1
    # What was changed is another record, and so is the same in a form that was opened anew.
    page.go_back()
    page.get_by_label("Age").fill("37")
    page.get_by_role("button", name="Save and add another").click()
    expect(page.locator(".notice-success")).to_contain_text("was created")
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Age").fill("37")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".notice-success")).to_contain_text("was created")
    assert [row[2] for row in stored(site.app)] == [36, 37, 37]
