"""How the pages about signing in and accounts look: accessible at every width, light and dark."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask_security.recoverable import generate_reset_password_token
from playwright.sync_api import Page, expect

from browser.conftest import SCREENSHOTS, Opener, Site, listening, looks_well, until
from browser.test_sign_in import ADA, authenticator, code_of, end_sessions, give_password, press
from conftest import database_with_tables, settings
from pages import add_people
from signing_in import make_account, set_password
from webadmin import accounts, create_app, invitations
from webadmin.accounts import Account
from webadmin.database import db

LONG = f"{'wolfeschlegelsteinhausenberger' * 2}@{'dorff.' * 20}example.com"


def wrong(page: Page) -> None:
    give_password(page, "wrong password")
    expect(page.get_by_role("alert")).to_be_visible()


def turn_on(page: Page) -> str:
    """Turn two-factor sign-in on; return the key."""
    page.goto("/account/two-factor")
    press(page, "Set it up")
    key = page.locator(".key").inner_text()
    page.get_by_label("Code").fill(code_of(key, int(time.time()) // 30))
    press(page, "Turn it on")
    press(page, "Make new codes")
    expect(page.locator(".codes code")).to_have_count(8)
    return key


def second_step(page: Page) -> None:
    give_password(page)
    turn_on(page)
    page.get_by_role("button", name="Sign out").click()
    give_password(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Second step")


def wrong_code(page: Page) -> None:
    second_step(page)
    page.get_by_label("Code").fill("123456")
    press(page, "Sign in")
    expect(page.locator("#error-code")).to_be_visible()


def recovery_code(page: Page) -> None:
    second_step(page)
    page.get_by_role("link", name="recovery code").click()
    expect(page.get_by_label("Recovery code")).to_be_visible()


def qr_code(page: Page) -> None:
    page.goto("/account/two-factor")
    press(page, "Set it up")
    expect(page.locator(".key")).to_be_visible()


def two_factor_on(page: Page) -> None:
    turn_on(page)
    page.goto("/account/two-factor")


def account_in_full(page: Page) -> None:
    turn_on(page)
    page.goto("/account/")


def add_passkey(page: Page) -> Any:
    device = authenticator(page)
    page.goto("/account/passkeys")
    page.get_by_label("Name").fill("Laptop")
    press(page, "Add a passkey")
    expect(page.get_by_role("button", name="Remove Laptop")).to_be_visible()
    return device


def refused_passkey(page: Page) -> None:
    session, device = authenticator(page)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    press(page, "Sign in with a passkey")
    expect(page.get_by_role("status")).to_contain_text("was not used")


def refused_new_passkey(page: Page) -> None:
    session, device = authenticator(page)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    page.goto("/account/passkeys")
    page.get_by_label("Name").fill("Laptop")
    press(page, "Add a passkey")
    expect(page.get_by_role("status")).to_contain_text("No passkey was made")


def confirm_by_passkey(page: Page) -> None:
    """Refused, because a page that goes on at once cannot be looked at."""
    session, device = add_passkey(page)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    page.goto("/account/verify")
    press(page, "Use a passkey")
    expect(page.get_by_role("status")).to_contain_text("was not used")


def confirm(page: Page) -> None:
    add_passkey(page)
    page.goto("/account/verify")


def refused_password(page: Page) -> None:
    page.get_by_label("Current password").fill("wrong")
    for label in ("New password", "New password again"):
        page.get_by_label(label, exact=True).fill("short")
    press(page, "Change the password")
    expect(page.locator(".errors").first).to_be_visible()


def throttled(page: Page) -> None:
    for _ in range(12):
        give_password(page, "wrong password")
        if page.get_by_role("heading", level=1).inner_text() == "Too many tries":
            return
    raise AssertionError("never throttled")


def last_admin(page: Page) -> None:
    page.get_by_label("Role").select_option("viewer")
    press(page, "Save")
    expect(page.locator("#error-role")).to_be_visible()


# What is shown: how to get there, as whom, and what is done there.
PAGES: dict[str, tuple[str, str, Callable[[Page], Any] | None]] = {
    "sign-in": ("/sign-in", "", None),
    "sign-in-wrong": ("/sign-in", "", wrong),
    "throttled": ("/sign-in", "", throttled),
    "code": ("/sign-in", "", second_step),
    "code-wrong": ("/sign-in", "", wrong_code),
    "recovery-code": ("/sign-in", "", recovery_code),
    "passkey": ("/sign-in", "", refused_passkey),
    "reset-request": ("/account/reset-password", "", None),
    "reset": ("RESET", "", None),
    "link-gone": ("/setup/nothing", "", None),
    "invited": ("INVITED", "", None),
    "account": ("/account/", "admin", None),
    "account-in-full": ("/account/", "admin", account_in_full),
    "password": ("/account/password", "admin", None),
    "password-refused": ("/account/password", "admin", refused_password),
    "two-factor": ("/account/two-factor", "admin", None),
    "two-factor-key": ("/account/two-factor", "admin", qr_code),
    "two-factor-on": ("/account/two-factor", "admin", two_factor_on),
    "recovery-codes": ("/account/", "admin", turn_on),
    "passkeys": ("/account/passkeys", "admin", add_passkey),
    "passkeys-none": ("/account/passkeys", "admin", None),
    "passkey-refused": ("/account/passkeys", "admin", refused_new_passkey),
    "confirm": ("/account/", "admin", confirm),
    "confirm-passkey": ("/account/", "admin", confirm_by_passkey),
    "accounts": ("/accounts/", "admin", None),
    "accounts-new": ("/accounts/new", "admin", None),
    "accounts-invited": ("/accounts/2", "admin", None),
    "accounts-detail": ("/accounts/1", "admin", None),
    "accounts-long": ("/accounts/3", "admin", None),
    "accounts-last-admin": ("/accounts/4/edit", "admin", last_admin),
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site that sends mail, called localhost, with accounts of all sorts."""
    mail = {"MAIL_URI": "smtp://127.0.0.1:9", "MAIL_SENDER": "site@example.com"}
    given = settings(database_with_tables("sqlite", tmp_path, {}), tmp_path)
    app = create_app(given | mail | {"TRUSTED_HOSTS": ["localhost"]})
    add_people(app)
    make_account(app, ADA, "viewer")
    make_account(app, "invited@example.com", "editor")
    make_account(app, LONG, "viewer", two_factor="authenticator")
    make_account(app, "admin@example.com")
    for email in (ADA, LONG, "admin@example.com"):
        set_password(app, email)
    with listening(app) as found:
        found.url = found.url.replace("127.0.0.1", "localhost")
        yield found
    with app.app_context():
        db.engine.dispose()


def path_of(site: Site, path: str) -> str:
    """Return where a page is, with a link made for it."""
    with site.app.test_request_context():
        if path == "RESET":
            account = accounts.find(ADA)
            return f"/account/reset-password/{generate_reset_password_token(account)}"
        if path == "INVITED":
            return f"/setup/{invitations.for_account(db.session.get_one(Account, 2))}"
    return path


def show(opened: Opener, site: Site, name: str, **options: Any) -> Page:
    path, who, step = PAGES[name]
    page = opened(site, path_of(site, path), signed_in=who, **options)
    if step is not None:
        step(page)
    return page


@pytest.mark.parametrize("name", PAGES)
def test_pages_look_well(site: Site, opened: Opener, name: str) -> None:
    looks_well(show(opened, site, name), f"look-{name}")


def test_the_first_run_looks_well(tmp_path: Path, opened: Opener) -> None:
    app = create_app(settings(database_with_tables("sqlite", tmp_path, {}), tmp_path))
    with app.app_context():
        link = f"/setup/{invitations.first()}"
    with listening(app) as site:
        looks_well(opened(site, "/", signed_in=""), "look-welcome")
        page = opened(site, link, signed_in="")
        page.get_by_label("Email").fill("ada")
        page.get_by_label("Password").fill("short")
        page.locator("main form").evaluate("form => { form.noValidate = true; }")
        press(page, "Begin")
        expect(page.locator("#error-email")).to_be_visible()
        looks_well(page, "look-setup-refused")
    with app.app_context():
        db.engine.dispose()


def test_what_was_typed_looks_well(site: Site, opened: Opener) -> None:
    page = opened(site, "/users/1/edit")
    page.get_by_label("Name").fill("Wolfeschlegelsteinhausenbergerdorff" * 5)
    end_sessions(site.app)
    press(page, "Save")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    looks_well(page, "look-signed-out")


GERMAN = ("sign-in", "passkeys-none", "account", "password", "two-factor", "accounts-new", "reset")


@pytest.mark.parametrize("name", GERMAN)
def test_german_fits(site: Site, opened: Opener, name: str) -> None:
    site.app.config["LANGUAGE"] = "de"
    path, who, _ = PAGES[name]
    page = opened(site, path_of(site, path), signed_in=who, width=360)
    expect(page.locator("html")).to_have_attribute("lang", "de")
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.screenshot(path=SCREENSHOTS / f"look-{name}-{width}-de.png", full_page=True)
        until(page, "document.documentElement.scrollWidth <= innerWidth")
