"""Signing in as a person does, with a password, a code, a passkey; and what keeps others out."""

import base64
import hashlib
import hmac
import re
import struct
import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from browser.conftest import SCREENSHOTS, Opener, Site, until
from pages import add_people, stored
from signing_in import PASSWORD, make_account, set_password
from webadmin import accounts, invitations
from webadmin.accounts import Passkey
from webadmin.database import db, writing
from webadmin.sessions import SessionRecord
from webadmin.throttle import Throttle

ADA = "ada@example.com"
WRONG = "The email or the password is wrong."


@pytest.fixture
def ada(site: Site) -> Site:
    """A site on which Ada has an account, with a password."""
    make_account(site.app, ADA)
    set_password(site.app, ADA)
    return site


@pytest.fixture
def local(ada: Site) -> Site:
    """The same, called localhost: passkeys belong to a name."""
    ada.url = ada.url.replace("127.0.0.1", "localhost")
    return ada


def shot(page: Page, name: str) -> None:
    """Keep what a page looks like, for whoever wants to see it."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"sign-in-{name}.png", full_page=True)


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()


def give_password(page: Page, password: str = PASSWORD, email: str = ADA) -> None:
    """Fill the form of the sign-in page in, send it, and wait for the page that follows."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    # The next page may be this one again: nothing on it tells whether it is there.
    with page.expect_navigation():
        press(page, "Sign in")


def is_in(page: Page) -> None:
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def code_of(key: str, counter: int) -> str:
    """Return what an authenticator app shows (RFC 6238, with the defaults that all apps take)."""
    secret = base64.b32decode(re.sub(r"[^A-Z2-7]", "", key))
    digest = hmac.digest(secret, struct.pack(">Q", counter), hashlib.sha1)
    [number] = struct.unpack_from(">I", digest, digest[-1] & 15)
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"


def end_sessions(app: Flask) -> None:
    with app.app_context(), writing():
        for each in db.session.scalars(select(SessionRecord)):
            db.session.delete(each)
        db.session.commit()


def test_first_run(site: Site, opened: Opener) -> None:
    """Each page leads to the welcome; the link makes an account, signs in, and is used up."""
    page = opened(site, "/users/", signed_in="")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome")
    expect(page.get_by_role("main")).to_contain_text("Look at the terminal")
    shot(page, "welcome")
    with site.app.app_context():
        link = f"/setup/{invitations.first()}"
    page.goto(link)
    expect(page.get_by_label("Email")).to_be_focused()
    shot(page, "setup")
    page.get_by_label("Email").fill(ADA)
    page.get_by_label("Password").fill("ada@example.com")
    press(page, "Begin")
    expect(page.locator("#error-password")).to_contain_text("Choose another")
    expect(page.get_by_label("Email")).to_have_value(ADA)
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("Password")).to_have_value("")
    shot(page, "setup-refused")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Begin")
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    expect(page.locator(".foot")).to_contain_text(ADA)
    expect(page.locator(".foot")).to_contain_text("admin")
    shot(page, "home")
    other = opened(site, link, signed_in="")
    expect(other.get_by_role("heading", level=1)).to_have_text("This link is not good any more")
    shot(other, "link-gone")


@pytest.mark.parametrize("javascript", [True, False], ids=["with-script", "without-script"])
def test_in_and_out(ada: Site, opened: Opener, javascript: bool) -> None:
    add_people(ada.app)
    page = opened(ada, "/users/?sort=-age", signed_in="", javascript=javascript)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page.get_by_label("Email")).to_be_focused()
    assert page.get_by_role("navigation", name="Resources").count() == 0
    show = page.get_by_role("button", name="Show")
    if javascript:
        page.get_by_label("Password").fill("seen")
        show.click()
        expect(page.get_by_label("Password")).to_have_attribute("type", "text")
        expect(show).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_label("Password")).to_be_focused()
    else:
        expect(show).to_be_hidden()
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    shot(page, f"page-{javascript}")
    give_password(page, "wrong password")
    expect(page.get_by_role("alert")).to_have_text(WRONG)
    expect(page.get_by_label("Email")).to_have_value(ADA)
    expect(page.get_by_label("Password")).to_have_value("")
    expect(page.get_by_label("Password")).to_be_focused()
    shot(page, "wrong")
    give_password(page)
    expect(page).to_have_url(f"{ada.url}/users/?sort=-age")
    is_in(page)
    sign_out(page)
    page.goto("/users/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.go_back()
    expect(page.get_by_text("Lovelace")).to_have_count(0)


def test_in_and_out_on_every_database(every_site: Site, opened: Opener) -> None:
    make_account(every_site.app, ADA)
    set_password(every_site.app, ADA)
    page = opened(every_site, "/", signed_in="", javascript=False)
    give_password(page)
    is_in(page)
    sign_out(page)


def test_by_keyboard_alone(ada: Site, opened: Opener) -> None:
    page = opened(ada, "/", signed_in="")
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(ADA)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_label("Remember me")).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    is_in(page)
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.locator(":focus").inner_text() == "Sign out":
            break
    page.keyboard.press("Space")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page.get_by_label("Email")).to_be_focused()


def test_being_remembered_is_a_choice(ada: Site, opened: Opener) -> None:
    for wanted in (False, True):
        page = opened(ada, "/", signed_in="")
        page.get_by_label("Remember me").set_checked(wanted)
        give_password(page)
        is_in(page)
        [cookie] = [each for each in page.context.cookies() if each["name"] == "webadmin_session"]
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Lax"
        assert (cookie["expires"] > time.time() + 86_400) is wanted
        assert (cookie["expires"] == -1) is not wanted


@pytest.mark.parametrize("javascript", [True, False], ids=["with-script", "without-script"])
def test_two_factors(ada: Site, opened: Opener, javascript: bool) -> None:
    page = opened(ada, "/", signed_in="", javascript=javascript)
    give_password(page)
    page.get_by_role("link", name=ADA).click()
    shot(page, "account")
    page.get_by_role("link", name="Two-factor sign-in: Set it up").click()
    press(page, "Set it up")
    key, now = page.locator(".key").inner_text(), int(time.time()) // 30
    expect(page.get_by_label("Code")).to_be_focused()
    until(page, "document.querySelector('.qr img').naturalWidth > 100")
    shot(page, "two-factor")
    page.get_by_label("Code").fill("123")
    press(page, "Turn it on")
    expect(page.get_by_role("main")).to_contain_text("wrong")
    shot(page, "two-factor-wrong")
    assert page.locator(".key").inner_text() == key
    page.get_by_label("Code").fill(code_of(key, now))
    press(page, "Turn it on")

    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    press(page, "Make new codes")
    expect(page.locator(".codes code")).to_have_count(8)
    codes = page.locator(".codes code").all_inner_texts()
    assert len(set(codes)) == 8
    shot(page, "recovery-codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("main")).to_contain_text("8 left")
    sign_out(page)

    give_password(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Second step")
    expect(page.get_by_label("Code")).to_be_focused()
    shot(page, "code")
    page.get_by_label("Code").fill(code_of(key, now + 1))
    press(page, "Sign in")
    is_in(page)
    sign_out(page)
    give_password(page)
    page.get_by_label("Code").fill(code_of(key, now + 1))
    press(page, "Sign in")
    expect(page.locator("#error-code")).to_contain_text("was used")
    expect(page.get_by_label("Code")).to_be_focused()
    shot(page, "code-used")

    for refused in (False, True):
        page.get_by_role("link", name="recovery code").click()
        page.get_by_label("Recovery code").fill(f" {codes[3].upper()} ")
        press(page, "Sign in")
        if not refused:
            is_in(page)
            sign_out(page)
            give_password(page)
    expect(page.locator("#error-code")).to_be_visible()
    shot(page, "recovery-code-used")
    page.goto("/users/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def authenticator(page: Page) -> Any:
    """Give the browser a device that makes passkeys, and whose owner always agrees."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    added = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, added["authenticatorId"]


def test_a_passkey(local: Site, opened: Opener) -> None:
    page = opened(local, "/account/passkeys", signed_in="")
    session, device = authenticator(page)
    give_password(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Passkeys")
    page.get_by_label("Name").fill("Laptop")
    press(page, "Add a passkey")
    expect(page.get_by_role("button", name="Remove Laptop")).to_be_visible()
    shot(page, "passkeys")
    [kept] = session.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]
    assert kept["isResidentCredential"]
    sign_out(page)

    page.goto("/users/")
    press(page, "Sign in with a passkey")
    expect(page).to_have_url(f"{local.url}/users/")
    is_in(page)
    with local.app.app_context():
        passkey = db.session.scalars(select(Passkey)).one()
        assert (passkey.name, passkey.sign_count > 0) == ("Laptop", True)

    page.goto("/account/passkeys")
    page.get_by_role("button", name="Remove Laptop").click()
    expect(page.get_by_role("button", name="Remove Laptop")).to_have_count(0)
    shot(page, "passkey-removed")
    sign_out(page)
    press(page, "Sign in with a passkey")
    expect(page.get_by_role("main")).to_contain_text("not known here")
    shot(page, "passkey-unknown")
    page.goto("/users/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_passkey_that_its_owner_does_not_give(local: Site, opened: Opener) -> None:
    page = opened(local, "/sign-in", signed_in="")
    session, device = authenticator(page)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    press(page, "Sign in with a passkey")
    expect(page.get_by_role("status")).to_contain_text("was not used")
    shot(page, "passkey-refused")
    page.get_by_role("link", name="Sign in with your password instead").click()
    give_password(page)
    is_in(page)


def test_too_many_tries(ada: Site, opened: Opener) -> None:
    page = opened(ada, "/users/", signed_in="")
    for _ in range(5):
        give_password(page, "wrong password")
        expect(page.get_by_role("alert")).to_have_text(WRONG)
    with ada.app.app_context(), writing():
        for each in db.session.scalars(select(Throttle)):
            each.failures += 6
        db.session.commit()
    give_password(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Too many tries")
    expect(page.get_by_role("main")).to_contain_text(re.compile(r"Wait \d+ seconds"))
    assert PASSWORD not in page.content()
    shot(page, "throttled")
    with ada.app.app_context(), writing():
        for each in db.session.scalars(select(Throttle)):
            each.failed_at -= timedelta(minutes=20)
        db.session.commit()
    page.goto("/users/")
    give_password(page)
    expect(page).to_have_url(f"{ada.url}/users/")
    is_in(page)


def test_a_session_that_ended_under_a_form(ada: Site, opened: Opener) -> None:
    """What was typed is kept; after signing in in another tab it is sent."""
    add_people(ada.app, [("Ada Lovelace", 36)])
    page = opened(ada, "/users/1/edit")
    page.get_by_label("Name").fill("Countess of Lovelace")
    end_sessions(ada.app)
    press(page, "Save")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    expect(page.get_by_role("main")).to_contain_text("Countess of Lovelace")
    assert stored(ada.app) == [(1, "Ada Lovelace", 36)]
    shot(page, "signed-out")
    with page.context.expect_page() as waiting:
        page.get_by_role("link", name="Sign in, in a new tab").click()
    give_password(waiting.value)
    is_in(waiting.value)
    press(page, "Send again")
    # A form made for a stranger is worth nothing to an account: one looks at it once more.
    expect(page.get_by_role("alert")).to_contain_text("The form had expired")
    expect(page.get_by_label("Name")).to_have_value("Countess of Lovelace")
    shot(page, "expired")
    press(page, "Save")
    expect(page.locator(".notice")).to_contain_text("was saved")
    assert stored(ada.app) == [(1, "Countess of Lovelace", 36)]


def test_an_account_that_is_disabled_under_a_form(ada: Site, opened: Opener) -> None:
    add_people(ada.app, [("Ada Lovelace", 36)])
    make_account(ada.app, "eve@example.com", "editor")
    set_password(ada.app, "eve@example.com")
    page = opened(ada, "/users/1/edit", signed_in="")
    give_password(page, email="eve@example.com")
    page.get_by_label("Name").fill("Somebody else")
    with ada.app.app_context(), writing():
        eve = accounts.find("eve@example.com")
        assert eve is not None
        eve.active = False
        db.session.commit()
    press(page, "Save")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    expect(page.get_by_role("main")).to_contain_text("Somebody else")
    assert stored(ada.app) == [(1, "Ada Lovelace", 36)]
    page.goto("/users/")
    give_password(page, email="eve@example.com")
    expect(page.get_by_role("alert")).to_have_text(WRONG)
