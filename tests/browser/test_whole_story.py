"""A thousand people come in with ten mistakes; half are deleted by mistake, and return."""

from pathlib import Path

from playwright.sync_api import expect

from browser.conftest import SCREENSHOTS, Opener, Site
from browser.test_files import import_the_rest, rehearse, send
from pages import stored

MISTAKES = range(50, 1001, 100)


def test_import_mend_delete_undo(every_site: Site, opened: Opener, tmp_path: Path) -> None:
    page = opened(every_site, "/users/")
    SCREENSHOTS.mkdir(exist_ok=True)
    ages = {row: "old" if row in MISTAKES else str(row % 100) for row in range(1, 1001)}
    lines = [f"Person {row};{age}" for row, age in ages.items()]
    send(page, tmp_path, "Name;Years\n" + "\n".join(lines))
    rehearse(page)
    expect(page.locator(".reasons tbody tr")).to_have_count(10)
    expect(page.locator(".counts")).to_contain_text("990")
    page.screenshot(path=SCREENSHOTS / "story-rehearsed.png", full_page=True)
    refused = import_the_rest(page)
    assert len(stored(every_site.app)) == 990

    send(page, tmp_path, refused.replace("old", "49"), "mended.csv")
    rehearse(page)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("The file was imported.")).to_be_visible()
    before = stored(every_site.app)
    assert len(before) == 1000

    page.goto("/users/?age__lt=50")
    page.locator("[data-choose-page]").check()
    page.get_by_label("that match").check()
    page.get_by_role("button", name="Delete…").click()
    page.screenshot(path=SCREENSHOTS / "story-delete.png", full_page=True)
    gone = sum(age is not None and age < 50 for _, _, age in before)
    page.get_by_role("button", name=f"Delete {gone} records").click()
    expect(page.locator(".notice")).to_contain_text(f"{gone} records were deleted.")
    assert len(stored(every_site.app)) == 1000 - gone
    page.locator(".notice .undo").click()
    expect(page.locator(".notice")).to_contain_text(f"{gone} changes were undone.")
    assert stored(every_site.app) == before

    page.goto("/history/")
    page.screenshot(path=SCREENSHOTS / "story-history.png", full_page=True)
    for told in (f"{gone} created", f"{gone} deleted", "10 created", "990 created"):
        expect(page.locator(".story")).to_contain_text(told)
    expect(page.locator(".story")).not_to_contain_text("Command line")
