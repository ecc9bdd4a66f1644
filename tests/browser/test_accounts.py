"""Managing accounts as an administrator does: invited by a link, changed, disabled."""

import re

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import SCREENSHOTS, Opener, Site
from signing_in import PASSWORD, make_account, set_password

EVE = "eve@example.com"


def shot(page: Page, name: str) -> None:
    """Keep what a page looks like, for whoever wants to see it."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"accounts-{name}.png", full_page=True)


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


@pytest.mark.parametrize("javascript", [True, False], ids=["with-script", "without-script"])
def test_from_invited_to_disabled(site: Site, opened: Opener, javascript: bool) -> None:
    page = opened(site, "/", javascript=javascript)
    page.get_by_role("link", name="Accounts").first.click()
    shot(page, "list")
    page.get_by_role("link", name="New Account").click()
    page.get_by_label("Email").fill("eve")
    press(page, "Save and show the invitation link")
    expect(page.locator("#error-email")).to_contain_text("such as ada@example.com")
    page.get_by_label("Email").fill(EVE)
    page.get_by_label("Role").select_option(label="editor: also creates, edits and imports")
    shot(page, "new")
    press(page, "Save and show the invitation link")
    heading(page, EVE)
    link = page.get_by_label("Invitation link").input_value()
    assert link.startswith(f"{site.url}/setup/")
    shot(page, "invited")

    eve = opened(site, link, signed_in="", javascript=javascript)
    heading(eve, "Choose your password")
    expect(eve.get_by_label("Password")).to_be_focused()
    expect(eve.get_by_role("main")).to_contain_text(EVE)
    shot(eve, "choose")
    eve.get_by_label("Password").fill("eve@example.com")
    press(eve, "Begin")
    expect(eve.locator("#error-password")).to_contain_text("Choose another")
    eve.get_by_label("Password").fill(PASSWORD)
    press(eve, "Begin")
    heading(eve, "Home")
    assert eve.get_by_role("link", name="Accounts").count() == 0
    assert eve.goto("/accounts/").status == 403  # type: ignore[union-attr]
    heading(eve, "You may not do this")
    again = opened(site, link, signed_in="", javascript=javascript)
    heading(again, "This link is not good any more")

    page.reload()
    expect(page.get_by_label("Invitation link")).to_have_count(0)
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Role").select_option("viewer")
    press(page, "Save")
    expect(page.locator(".notice")).to_contain_text("was saved")
    eve.goto("/users/")
    expect(eve.get_by_role("link", name="New User")).to_have_count(0)
    assert eve.goto("/users/new").status == 403  # type: ignore[union-attr]

    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Active").set_checked(False)
    press(page, "Save")
    heading(page, EVE)
    shot(page, "disabled")
    eve.goto("/users/")
    heading(eve, "Sign in")
    expect(eve.locator(".notice")).to_contain_text("You were signed out")


def test_a_password_that_is_taken_away(site: Site, opened: Opener) -> None:
    key = make_account(site.app, EVE, "viewer", two_factor="authenticator")
    set_password(site.app, EVE)
    page = opened(site, f"/accounts/{key}")
    shot(page, "detail")
    press(page, "Reset the second factor")
    expect(page.locator(".notice")).to_contain_text("signs in without a second factor now")
    expect(page.get_by_role("button", name="Reset the second factor")).to_have_count(0)
    press(page, "Remove the password and show a link to choose another")
    link = page.get_by_label("Invitation link").input_value()
    shot(page, "password-taken")
    eve = opened(site, link, signed_in="")
    eve.get_by_label("Password").fill("a quite different password")
    press(eve, "Begin")
    heading(eve, "Home")


def test_the_last_administrator_stays(site: Site, opened: Opener) -> None:
    """The fault is said at the field, and what was chosen is still chosen."""
    make_account(site.app, EVE, "viewer")
    page = opened(site, "/accounts/")
    page.get_by_role("link", name="admin@example.com").first.click()
    heading(page, "Your account")
    page.goto("/accounts/?q=admin")
    page.locator("tbody th a").click()
    heading(page, "admin@example.com")
    expect(page.get_by_role("button", name="Take the password away")).to_have_count(0)
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Role").select_option("viewer")
    press(page, "Save")
    expect(page.locator("#error-role")).to_contain_text("last active administrator")
    expect(page.get_by_label("Role")).to_have_value("viewer")
    expect(page.get_by_label("Role")).to_have_attribute("aria-invalid", "true")
    shot(page, "last-admin")
    page.get_by_label("Role").select_option("admin")
    page.get_by_label("Active").set_checked(False)
    press(page, "Save")
    expect(page.locator("#error-active")).to_contain_text("last active administrator")
    page.get_by_label("Active").set_checked(True)
    press(page, "Save")
    heading(page, "admin@example.com")


def test_sensitive_pages_ask_once_more(site: Site, opened: Opener) -> None:
    """Who signed in long ago confirms it, and is led back; a form that was open is kept."""
    make_account(site.app, "admin@example.com")
    set_password(site.app, "admin@example.com")
    page = opened(site, "/accounts/new", confirmed=False)
    heading(page, "Confirm that it is you")
    expect(page.get_by_label("Password")).to_be_focused()
    shot(page, "confirm")
    page.get_by_label("Password").fill("wrong password")
    press(page, "Confirm")
    expect(page.locator("#error-password")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Confirm")
    heading(page, "New Account")
    expect(page).to_have_url(f"{site.url}/accounts/new")


def test_my_sessions(site: Site, opened: Opener) -> None:
    make_account(site.app, "admin@example.com")
    set_password(site.app, "admin@example.com")
    other = opened(site, "/users/")
    page = opened(site, "/account/")
    sessions = page.locator(
        "ul", has=page.get_by_role("button", name=re.compile("^End (unknown|Chrome)"))
    )
    expect(sessions.get_by_role("listitem")).to_have_count(2)
    shot(page, "my-sessions")
    press(page, "End all others")
    expect(page.locator(".notice")).to_contain_text("ended")
    expect(sessions.get_by_role("listitem")).to_have_count(1)
    other.reload()
    heading(other, "Sign in")

    page.get_by_role("link", name="Password: Change").click()
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("another one of mine, longer")
    page.get_by_label("New password again").fill("another one of mine, shorter")
    press(page, "Change the password")
    expect(page.locator("#error-new_password_confirm")).to_be_visible()
    shot(page, "password-refused")
    page.get_by_label("Current password").fill(PASSWORD)
    for label in ("New password", "New password again"):
        page.get_by_label(label, exact=True).fill("another one of mine, longer")
    press(page, "Change the password")
    heading(page, "Your account")
    expect(page.locator(".notice")).to_be_visible()
    shot(page, "password-changed")
    sessions.get_by_role("button", name="End Chrome, Linux").click()
    heading(page, "Sign in")
