"""Files in a browser, with and without JavaScript: what goes out and what comes in."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import LOOKS, Opener, Site, accessible
from pages import add_people, stored

PEOPLE = "ID;Name;Years;Note\n1;Ada King;37;\n;Grace Hopper;85;x\n;Wrong;old;\n"


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def javascript(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def send(page: Page, folder: Path, text: str, name: str = "people.csv") -> None:
    (folder / name).write_text(text, "utf-8")
    page.goto("/users/")
    page.get_by_role("link", name="Import").click()
    page.get_by_label("A CSV or XLSX file").set_input_files(folder / name)
    page.get_by_role("button", name="Send the file").click()
    expect(page.get_by_role("button", name="Rehearse")).to_be_visible(timeout=30_000)


def rehearse(page: Page) -> None:
    page.get_by_label("Field for Years").select_option(label="Age")
    page.get_by_role("button", name="Rehearse").click()
    expect(page.locator(".counts")).to_be_visible()


def import_the_rest(page: Page) -> str:
    """Import all but the refused lines; return these as they can be downloaded."""
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the refused lines").click()
    refused = download.value.path().read_text("utf-8-sig")
    page.get_by_role("button", name="Import all but the refused").click()
    expect(page.get_by_text("The file was imported.")).to_be_visible()
    return refused


@pytest.mark.parametrize("form", ["CSV", "XLSX", "JSON Lines"])
def test_a_list_is_exported(site: Site, opened: Opener, javascript: bool, form: str) -> None:
    add_people(site.app)
    page = opened(site, "/users/?age__gte=4", javascript=javascript)
    page.locator("summary", has_text="Export").click()
    page.get_by_label("id", exact=True).uncheck()
    with page.expect_download() as download:
        page.get_by_role("button", name=form).click()
    name = download.value.suggested_filename
    assert name.startswith("users-2")
    if form == "CSV":
        text = download.value.path().read_text("utf-8-sig")
        assert text == "name,age\nAda Lovelace,36\nفاطمة,4\n鈴木,150\n"
        assert name.endswith(".csv")
    if javascript:
        expect(page.get_by_role("button", name=form)).to_be_hidden()


def test_escape_closes_the_menu(site: Site, opened: Opener) -> None:
    page = opened(site, "/users/")
    summary = page.locator("summary", has_text="Export")
    summary.click()
    page.get_by_label("name", exact=True).focus()
    page.keyboard.press("Escape")
    expect(summary).to_be_focused()
    expect(page.get_by_role("button", name="XLSX")).to_be_hidden()


def test_a_file_is_imported(site: Site, opened: Opener, tmp_path: Path, javascript: bool) -> None:
    add_people(site.app)
    page = opened(site, "/users/", javascript=javascript)
    send(page, tmp_path, PEOPLE)
    rehearse(page)
    expect(page.locator(".counts")).to_contain_text("Refused")
    expect(page.locator(".reasons").first).to_contain_text("Write a whole number")
    refused = import_the_rest(page)
    assert len(stored(site.app)) == 6
    send(page, tmp_path, refused.replace("old", "70"), "mended.csv")
    rehearse(page)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("The file was imported.")).to_be_visible()
    assert stored(site.app)[-1][1:] == ("Wrong", 70)


def test_the_bar_moves_and_the_work_stops(
    site: Site, opened: Opener, tmp_path: Path, javascript: bool
) -> None:
    page = opened(site, "/users/", javascript=javascript)
    page.set_default_timeout(30_000)
    send(page, tmp_path, "name\n" + "somebody\n" * 200_000)
    page.get_by_role("button", name="Rehearse").click(no_wait_after=True)
    bar = page.locator(".step:visible progress")
    expect(bar).to_have_count(1, timeout=30_000)
    first = bar.get_attribute("value") or ""
    expect(bar).not_to_have_attribute("value", first)
    assert int(bar.get_attribute("value") or 0) > int(first)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("It was stopped, and nothing was written.")).to_be_visible()
    assert stored(site.app) == []


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_of_files_are_accessible(
    site: Site, opened: Opener, tmp_path: Path, width: int, scheme: str
) -> None:
    add_people(site.app)
    page = opened(site, "/users/", width=width, color_scheme=scheme)

    def fine() -> None:
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.locator("summary", has_text="Export").click()
    fine()
    page.goto("/users/import")
    fine()
    send(page, tmp_path, PEOPLE)
    fine()
    rehearse(page)
    fine()
    page.get_by_role("button", name="Import all but").click()
    expect(page.get_by_text("The file was imported.")).to_be_visible()
    fine()
    page.goto("/users/import")
    fine()
