"""Signing in and out, with passwords, codes and recovery codes; what is said, and what is not."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from passlib.totp import TOTP
from sqlalchemy import select
from test_auth import TABLE
from werkzeug.test import TestResponse

from conftest import settings
from pages import add_people, hidden, stored
from signing_in import PASSWORD, Browser, make_account, make_session, set_password
from webadmin import create_app, invitations, passwords, throttle
from webadmin.accounts import Account
from webadmin.config import ConfigError
from webadmin.database import db, writing
from webadmin.sessions import SessionRecord
from webadmin.throttle import SignIn, Throttle

ADA = "ada@example.com"
WRONG = "The email or the password is wrong."


@pytest.fixture
def ada(app: Flask) -> int:
    """An account with a password."""
    app.config["WTF_CSRF_ENABLED"] = False
    key = make_account(app, ADA)
    set_password(app, ADA)
    return key


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The throttle's clock stands still: its waits are not over while a busy machine works."""
    now = throttle._now()
    monkeypatch.setattr(throttle, "_now", lambda: now)


def stranger(app: Flask) -> Browser:
    client: Any = app.test_client(signed_in="")
    return client


def sign_in_as(client: Browser, email: str = ADA, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/sign-in", data={"email": email, "password": password, **more})


def let_time_pass(app: Flask, **ago: float) -> None:
    """Move all failed tries into the past."""
    with app.app_context(), writing():
        for each in db.session.scalars(select(Throttle)):
            each.failed_at -= timedelta(**ago)
        db.session.commit()


def outcomes(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        rows = db.session.execute(select(SignIn.email, SignIn.outcome).order_by(SignIn.id))
        return [tuple(row) for row in rows]


@pytest.mark.usefixtures("ada")
def test_signing_in_and_out(app: Flask) -> None:
    client = stranger(app)
    assert client.get("/users/").location == "/sign-in?next=/users/"
    answer = sign_in_as(client, "  ADA@Example.com ", next="/users/?sort=-age")
    assert (answer.status_code, answer.location) == (302, "/users/?sort=-age")
    assert client.get("/users/").status_code == 200
    assert "ada@example.com" in client.get("/").text
    assert client.get("/sign-in").location == "/"
    cookie = client.get_cookie("webadmin_session")
    assert cookie is not None
    assert client.post("/sign-out").location == "/sign-in"
    assert client.get("/users/").status_code == 303
    # The cookie of before is worth nothing: the session has ended in the database.
    client.set_cookie("webadmin_session", cookie.value)
    assert client.get("/users/").status_code == 303


@pytest.mark.usefixtures("ada")
def test_every_sign_in_has_a_new_token(app: Flask) -> None:
    client, tokens = stranger(app), set()
    for _ in range(2):
        sign_in_as(client)
        with client.session_transaction() as kept:
            tokens.add(kept["token"])
        client.post("/sign-out")
    assert len(tokens) == 2


@pytest.mark.usefixtures("ada")
def test_one_answer_whether_or_not_there_is_an_account(app: Flask) -> None:
    make_account(app, "invited@example.com", password=None)
    make_account(app, "gone@example.com", active=False)
    set_password(app, "gone@example.com")
    tries = {
        (ADA, "wrong password"),
        ("nobody@example.com", PASSWORD),
        ("invited@example.com", PASSWORD),
        ("gone@example.com", PASSWORD),
        ("gone@example.com", "wrong password"),
        (ADA, "x" * 100_000),
        (ADA, PASSWORD.upper()),
        ("no address", PASSWORD),
        ("", ""),
    }
    pages = set()
    for email, password in tries:
        answer = sign_in_as(stranger(app), email, password)
        assert answer.status_code == 200
        assert password[:8] not in answer.text.replace('"password', "") or not password
        text = answer.text.replace(f'value="{email}"', "")
        pages.add(re.findall(r'role="alert">(.*?)</div>', text, re.DOTALL)[0])
    assert len(pages) == 1
    assert WRONG in pages.pop()
    assert client_is_out(stranger(app))


def client_is_out(client: Browser) -> bool:
    return client.get("/users/").status_code == 303


@pytest.mark.usefixtures("ada")
def test_the_right_password_after_wrong_ones(app: Flask) -> None:
    client = stranger(app)
    for _ in range(3):
        assert WRONG in sign_in_as(client, password="wrong").text
    assert sign_in_as(client).location == "/"
    assert outcomes(app) == [(ADA, "wrong password")] * 3 + [(ADA, "password right")]


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("email", [ADA, "nobody@example.com"])
def test_failed_tries_slow_down(app: Flask, email: str) -> None:
    client = stranger(app)
    for _ in range(throttle.LIMITS["account"].free):
        assert sign_in_as(client, email, "wrong").status_code == 200
    refused = sign_in_as(client, email, PASSWORD)  # also the right one
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 3
    assert "Too many tries" in refused.text
    waits = []
    for _ in range(12):
        let_time_pass(app, minutes=16)
        assert sign_in_as(client, email, "wrong").status_code == 200
        waits.append(int(sign_in_as(client, email, "wrong").headers["Retry-After"]))
    assert waits[:4] == sorted(waits[:4])
    assert waits[3] > 2 * waits[1]
    assert waits[-1] <= throttle.LONGEST_WAIT.total_seconds() + 1  # nobody is shut out for good
    assert outcomes(app)[-1] == (email, "too many tries")


@pytest.mark.usefixtures("ada")
def test_a_refused_try_makes_the_wait_no_longer(app: Flask) -> None:
    client = stranger(app)
    for _ in range(throttle.LIMITS["account"].free + 3):
        let_time_pass(app, minutes=16)
        sign_in_as(client, password="wrong")
    first = int(sign_in_as(client).headers["Retry-After"])
    for _ in range(20):
        again = int(sign_in_as(client).headers["Retry-After"])
    assert again <= first
    let_time_pass(app, minutes=16)
    assert sign_in_as(client).location == "/"


@pytest.mark.usefixtures("ada")
def test_a_browser_that_is_known_has_its_own_throttle(app: Flask) -> None:
    own = stranger(app)
    sign_in_as(own)
    own.post("/sign-out")
    attacker = stranger(app)
    for _ in range(12):
        assert sign_in_as(attacker, password="wrong").status_code == 200
        let_time_pass(app, minutes=16)
    assert sign_in_as(attacker, password="wrong").status_code == 200
    assert sign_in_as(stranger(app)).status_code == 429
    assert sign_in_as(own).location == "/"
    own.post("/sign-out")
    for _ in range(throttle.LIMITS["device"].free):
        assert sign_in_as(own, password="wrong").status_code == 200
    assert sign_in_as(own).status_code == 429


@pytest.mark.usefixtures("ada")
def test_an_address_that_tries_many_accounts(app: Flask) -> None:
    client = stranger(app)
    for number in range(throttle.LIMITS["address"].free):
        assert sign_in_as(client, f"user{number}@example.com", "wrong").status_code == 200
    assert sign_in_as(client, "another@example.com", "wrong").status_code == 429
    forged = {"X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.7"}
    data = {"email": "another@example.com", "password": "wrong"}
    assert client.post("/sign-in", data=data, headers=forged).status_code == 429
    other = {"REMOTE_ADDR": "198.51.100.7"}
    assert client.post("/sign-in", data=data, environ_overrides=other).status_code == 200


@pytest.mark.usefixtures("ada")
def test_many_tries_at_the_same_time_are_no_way_around(app: Flask) -> None:
    def once(number: int) -> int:
        status: int = sign_in_as(stranger(app), password=f"wrong {number}").status_code
        return status

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(once, range(24)))
    assert set(found) == {200, 429}
    assert found.count(200) == throttle.LIMITS["account"].free


@pytest.mark.usefixtures("ada")
def test_a_clock_that_jumps(app: Flask) -> None:
    client = stranger(app)
    for _ in range(throttle.LIMITS["account"].free + 1):
        sign_in_as(client, password="wrong")
    let_time_pass(app, days=-30)  # the clock was set back
    refused = sign_in_as(client)
    assert int(refused.headers["Retry-After"]) <= throttle.LONGEST_WAIT.total_seconds() + 1
    let_time_pass(app, minutes=16)  # as if it had been right
    assert sign_in_as(client).location == "/"


@pytest.mark.usefixtures("ada")
def test_what_is_recorded_holds_no_password(app: Flask) -> None:
    client = stranger(app)
    sign_in_as(client, "my secret passphrase", "x")
    sign_in_as(client, ADA, "another secret")
    with app.app_context():
        for each in db.session.scalars(select(SignIn)):
            assert "secret" not in f"{each.email}{each.outcome}{each.address}"
    assert outcomes(app) == [("", "wrong password"), (ADA, "wrong password")]


def code_of(app: Flask, key: str, later: float = 0) -> str:
    return str(TOTP(key=key).generate(time.time() + later).token)


def turn_two_factor_on(app: Flask, client: Browser) -> str:
    """Set two-factor sign-in up as a person does; return the key of the app."""
    page = client.post("/account/two-factor", data={"setup": "authenticator"})
    key = re.findall(r'class="key">([^<]*)<', page.text)[0]
    action = re.findall(r'action="(/account/two-factor/[^"]*)"', page.text)[0]
    wrong = client.post(action, data={"code": "000000"})
    assert wrong.status_code == 200
    assert "wrong, or was used" in wrong.text
    assert f'class="key">{key}<' in wrong.text  # the one that the app has already
    done = client.post(action, data={"code": code_of(app, key)}, follow_redirects=True)
    assert "Two-factor sign-in is on." in done.text
    assert done.request.path == "/account/recovery-codes"
    return key


@pytest.mark.usefixtures("ada")
def test_two_factor_sign_in(app: Flask) -> None:
    client = stranger(app)
    sign_in_as(client)
    key = turn_two_factor_on(app, client)
    client.post("/sign-out")

    assert sign_in_as(client, next="/users/").location.startswith("/sign-in/code?next=")
    assert client_is_out(client)
    used = code_of(app, key)  # the one that turned it on
    assert "wrong, or was used" in client.post("/sign-in/code", data={"code": used}).text
    fresh = code_of(app, key, 30)
    shown = f" {fresh[:3]} {fresh[3:]} "  # as apps show it
    answer = client.post("/sign-in/code", data={"code": shown, "next": "/users/"})
    assert answer.location == "/users/"
    assert client.get("/users/").status_code == 200

    client.post("/sign-out")
    second = sign_in_as(client).location
    assert second == "/sign-in/code?next=/"
    assert "<h1>Second step</h1>" in client.get(second).text
    assert "wrong, or was used" in client.post("/sign-in/code", data={"code": fresh}).text
    assert client_is_out(client)


@pytest.mark.usefixtures("ada")
def test_codes_are_throttled(app: Flask) -> None:
    client = stranger(app)
    sign_in_as(client)
    turn_two_factor_on(app, client)
    client.post("/sign-out")
    sign_in_as(client)
    answers = [client.post("/sign-in/code", data={"code": f"{n:06}"}) for n in range(9)]
    assert [answer.status_code for answer in answers][:5] == [200] * 5
    assert 429 in [answer.status_code for answer in answers]
    assert client.post("/sign-in/recovery-code", data={"code": "x"}).status_code == 429


def recovery_codes(client: Browser) -> list[str]:
    page = client.post("/account/recovery-codes", data={"generate_new_codes": "1"})
    return re.findall(r"<li><code>([^<]*)</code>", page.text)


@pytest.mark.usefixtures("ada")
def test_a_recovery_code_works_once(app: Flask) -> None:
    client = stranger(app)
    sign_in_as(client)
    turn_two_factor_on(app, client)
    codes = recovery_codes(client)
    assert len(set(codes)) == 8
    with app.app_context():
        kept = db.session.scalar(select(Account.mf_recovery_codes).where(Account.email == ADA))
        assert not set(codes) & set(kept)  # encrypted
    client.post("/sign-out")
    sign_in_as(client)
    assert client.post("/sign-in/recovery-code", data={"code": codes[0].upper()}).location == "/"
    client.post("/sign-out")
    sign_in_as(client)
    again = client.post("/sign-in/recovery-code", data={"code": codes[0]})
    assert "used already" in again.text
    assert client.post("/sign-in/recovery-code", data={"code": codes[1]}).location == "/"
    assert "6 left" in client.get("/account/").text


@pytest.mark.usefixtures("ada")
def test_a_recovery_code_used_twice_at_the_same_time_works_once(app: Flask) -> None:
    client = stranger(app)
    sign_in_as(client)
    turn_two_factor_on(app, client)
    code, *_ = recovery_codes(client)
    both = [stranger(app), stranger(app)]
    for each in both:
        sign_in_as(each)

    def use(each: Browser) -> TestResponse:
        return each.post("/sign-in/recovery-code", data={"code": code})

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(use, both))
    assert sorted(answer.status_code for answer in answers) == [200, 302]


@pytest.mark.usefixtures("ada")
def test_two_factor_is_turned_off_only_by_who_confirms(app: Flask) -> None:
    client = stranger(app)
    sign_in_as(client)
    turn_two_factor_on(app, client)
    with client.session_transaction() as kept:
        kept["fs_paa"] = time.time() - 3600
        kept.pop("fs_gexp", None)
    answer = client.post("/account/two-factor", data={"setup": "disable"})
    assert answer.location.startswith("/account/verify")
    assert "is wrong" in client.post("/account/verify", data={"password": "no"}).text
    verified = client.post(
        "/account/verify", data={"password": PASSWORD, "next": "/account/two-factor"}
    )
    assert verified.location == "/account/two-factor"
    done = client.post("/account/two-factor", data={"setup": "disable"}, follow_redirects=True)
    assert "is off" in done.text


def test_changing_the_password_ends_the_other_sessions(app: Flask, ada: int) -> None:
    here, there = stranger(app), stranger(app)
    sign_in_as(here, remember="y")
    sign_in_as(there)
    fresh = "another battery staple horse"
    data = {"password": PASSWORD, "new_password": fresh, "new_password_confirm": fresh}
    assert "is wrong" in here.post("/account/password", data=data | {"password": "no"}).text
    short = {"new_password": "short", "new_password_confirm": "short"}
    assert "at least 12" in here.post("/account/password", data=data | short).text
    differ = here.post("/account/password", data=data | {"new_password_confirm": "x"})
    assert "differ" in differ.text
    assert client_is_out(there) is False
    assert here.post("/account/password", data=data).location == "/account/"
    assert client_is_out(there)
    assert client_is_out(here) is False
    with app.app_context():
        found = db.session.scalars(select(SessionRecord)).all()
        assert [(each.account_id, each.remember) for each in found] == [(ada, True)]
    assert WRONG in sign_in_as(stranger(app)).text
    assert sign_in_as(stranger(app), password=fresh).location == "/"


@pytest.mark.usefixtures("ada")
def test_guessing_the_password_with_a_stolen_session_is_throttled(app: Flask) -> None:
    client = stranger(app)
    sign_in_as(client)
    found = [
        client.post("/account/verify", data={"password": f"guess {n}"}).status_code
        for n in range(9)
    ]
    assert 429 in found


@pytest.mark.usefixtures("ada")
def test_a_password_is_the_same_from_every_keyboard(app: Flask) -> None:
    set_password(app, ADA, passwords.normal("Ångström café lattes"))
    assert sign_in_as(stranger(app), password="A\u030angstro\u0308m cafe\u0301 lattes").location
    spaces = "  spaces  are  kept  here  "
    set_password(app, ADA, spaces)
    assert sign_in_as(stranger(app), password=spaces).location == "/"
    assert WRONG in sign_in_as(stranger(app), password=spaces.strip()).text


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("short", "at least 12"),
        ("elevenchars", "at least 12"),
        ("x" * 257, "at most 256"),
        ("passwordpassword", "among the first"),
        ("qwertyuiop1234", "among the first"),
        ("aaaaaaaaaaaaaaaa", "among the first"),
        ("webadminwebadmin", "among the first"),
        ("ada@example.com", "among the first"),
        ("adaexampleada", "among the first"),
        ("123456789012", "among the first"),
        ("correct horse battery staple", ""),
        ("x9 Kq vw.Lp 77", ""),
        ("鈴木さんの 長い パスワードです", ""),
        ("just lower case words here", ""),
        ("Wörter mit Umläuten überall" * 9, ""),
    ],
)
def test_which_passwords_may_be_chosen(app: Flask, password: str, message: str) -> None:
    with app.test_request_context():
        found = passwords.problem(password, [ADA, "webadmin"])
    assert message in found
    assert bool(found) == bool(message)


def test_the_first_account_is_made_once(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        token, other = invitations.first(), invitations.first()
    client = stranger(app)
    assert "Make the first account" in client.get(f"/setup/{token}").text
    weak = client.post(f"/setup/{token}", data={"email": ADA, "password": "password1234"})
    assert weak.status_code == 422
    assert f'value="{ADA}"' in weak.text
    data = {"email": ADA, "password": PASSWORD, "role": "viewer", "active": "false"}
    assert client.post(f"/setup/{token}", data=data).location == "/"
    assert client.get("/accounts/").status_code == 200
    for used in (token, other):
        late = stranger(app)
        assert late.get(f"/setup/{used}").status_code == 404
        answer = late.post(
            f"/setup/{used}", data={"email": "eve@example.com", "password": PASSWORD}
        )
        assert answer.status_code == 404
    with app.app_context():
        assert db.session.scalars(select(Account.email)).all() == [ADA]


def test_two_who_make_the_first_account_at_the_same_time(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        token = invitations.first()

    def make(number: int) -> int:
        data = {"email": f"user{number}@example.com", "password": PASSWORD}
        return stranger(app).post(f"/setup/{token}", data=data).status_code

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(make, range(4)))
    assert found == [303, 404, 404, 404]


def test_a_link_expires(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        token = invitations.first()
    monkeypatch.setattr(invitations, "FIRST_FOR", -1)
    assert stranger(app).get(f"/setup/{token}").status_code == 404
    for wrong in ("", "x", token[:-1], f"{token}x"):
        assert stranger(app).get(f"/setup/{wrong or 'y'}").status_code == 404


def test_an_invitation(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    admin: Any = app.test_client()
    data = {"email": "New.Person@Example.com", "role": "editor", "active": "true", "_then": "view"}
    made = admin.post("/accounts/new", data=data)
    assert made.status_code == 303
    page = admin.get(made.location).text
    link = re.findall(r'value="http://localhost(/setup/[^"]*)"', page)[0]
    guest = stranger(app)
    assert "new.person@example.com" in guest.get(link).text
    assert guest.post(link, data={"password": "short"}).status_code == 422
    assert guest.post(link, data={"password": PASSWORD}).location == "/"
    assert guest.get("/users/new").status_code == 200
    assert guest.get("/accounts/").status_code == 403
    assert stranger(app).get(link).status_code == 404  # used
    assert "/setup/" not in admin.get(made.location).text


def test_no_link_for_a_disabled_account(app: Flask) -> None:
    make_account(app, ADA)
    key = make_account(app, "gone@example.com", active=True)
    with app.app_context(), writing():
        account = db.session.get_one(Account, key)
        token = invitations.for_account(account)
        account.active = False
        db.session.commit()
    assert stranger(app).get(f"/setup/{token}").status_code == 404


class TestMail:
    """A site with a mail server."""

    @pytest.fixture(name="app")
    def mailing(self, tables_uri: str, tmp_path: Any) -> Any:
        """A site with mail set up."""
        app = create_app(
            {
                **settings(tables_uri, tmp_path),
                "MAIL_URI": "smtp://user:s3cret@127.0.0.1:9",
                "MAIL_SENDER": "site@example.com",
                "TRUSTED_HOSTS": ["localhost"],
            }
        )
        yield app
        with app.app_context():
            db.engine.dispose()

    @pytest.fixture
    def sent(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
        """What would be mailed: (to whom, text)."""
        found: list[tuple[str, str]] = []

        def send(
            _self: object, _t: str, _s: str, to: str, _f: str, body: str, *_: Any, **__: Any
        ) -> None:
            found.append((to, body))

        monkeypatch.setattr("webadmin.mail.Mail.send_mail", send)
        return found

    def test_its_routes_are_two_more(self, app: Flask, ada: int) -> None:
        extra = {"/account/reset-password", "/account/reset-password/<token>"}
        assert {str(rule) for rule in app.url_map.iter_rules()} == set(TABLE) | extra
        for who in ("viewer", "admin", ""):
            client: Any = app.test_client(signed_in=who)
            assert client.get("/account/reset-password").status_code == 200
            assert client.get("/account/reset-password/x").location == "/account/reset-password"

    @pytest.mark.usefixtures("ada")
    def test_a_new_password_by_mail(self, app: Flask, sent: list[tuple[str, str]]) -> None:
        client = stranger(app)
        assert "Forgot your password?" in client.get("/sign-in").text
        pages = [
            client.post("/account/reset-password", data={"email": email}).text
            for email in (ADA, "nobody@example.com")
        ]
        other_things = r'\w+@example.com|name="csrf_token" value="[^"]*"'
        pages = [re.sub(other_things, "", page) for page in pages]
        assert pages[0] == pages[1]
        assert "on its way" in pages[0]
        assert [to for to, _ in sent] == [ADA]
        link = re.findall(r"http://localhost(/account/reset-password/\S+)", sent[0][1])[0]
        other = stranger(app)
        sign_in_as(other)
        fresh = "another battery staple horse"
        data = {"password": fresh, "password_confirm": fresh}
        assert "differ" in client.post(link, data=data | {"password_confirm": "x"}).text
        assert client.post(link, data=data).location == "/sign-in"
        assert client_is_out(other)
        assert sign_in_as(client, password=fresh).location == "/"
        assert client.post(link, data=data).location == "/account/reset-password"  # used

    @pytest.mark.usefixtures("ada", "sent")
    def test_reset_links_are_throttled(self, app: Flask) -> None:
        client = stranger(app)
        found = [
            client.post("/account/reset-password", data={"email": ADA}).status_code
            for _ in range(6)
        ]
        assert found[:3] == [200] * 3
        assert 429 in found

    def test_a_mail_server_that_is_gone_is_logged_without_secrets(
        self, app: Flask, ada: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = stranger(app)
        app.extensions["mail"].suppress = False  # Flask-Mail sends nothing from tests
        assert client.post("/account/reset-password", data={"email": ADA}).status_code == 200
        deadline = time.monotonic() + 10
        while "Mail could not be sent" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "Mail could not be sent" in caplog.text
        assert "s3cret" not in caplog.text


def test_mail_needs_the_names_of_the_site(tmp_path: Any) -> None:
    given = {"MAIL_URI": "smtp://127.0.0.1", "MAIL_SENDER": "a@example.com"}
    with pytest.raises(ConfigError, match="TRUSTED_HOSTS"):
        create_app({**settings("sqlite:///x.sqlite", tmp_path), **given})


def test_without_mail_there_is_no_reset_page(app: Flask, ada: int) -> None:
    client = stranger(app)
    assert "Forgot" not in client.get("/sign-in").text
    assert client.get("/account/reset-password").location.startswith("/sign-in")


def test_csrf_guards_sign_in_too(app: Flask) -> None:
    make_account(app, ADA)
    set_password(app, ADA)
    client = stranger(app)
    assert sign_in_as(client).status_code == 400
    token = hidden(client.get("/sign-in"), "csrf_token")
    assert sign_in_as(client, csrf_token=token).location == "/"
    assert client.post("/sign-out").status_code == 400
    # The token of a stranger's form is worth nothing after signing in.
    assert client.post("/sign-out", data={"csrf_token": token}).status_code == 400
    assert client.get("/users/").status_code == 200


def two_factor_account(app: Flask, email: str) -> str:
    """Make an account with a password and a second factor; return the key of the app."""
    make_account(app, email)
    client = stranger(app)
    sign_in_as(client, email)
    return turn_two_factor_on(app, client)


def pressed_on(app: Flask, client: Browser) -> tuple[str, str]:
    """Begin to set a second factor up; return its key and where its code is sent."""
    page = client.post("/account/two-factor", data={"setup": "authenticator"})
    key = re.findall(r'class="key">([^<]*)<', page.text)[0]
    return key, re.findall(r'action="(/account/two-factor/[^"]*)"', page.text)[0]


@pytest.mark.usefixtures("ada")
def test_a_second_step_that_waits_is_of_no_use_to_another_account(app: Flask) -> None:
    """Whoever has a password and an account of their own cannot set up another's second factor."""
    two_factor_account(app, "victim@example.com")
    key = make_account(app, "eve@example.com", "viewer", password=None)
    with app.app_context():
        link = f"/setup/{invitations.for_account(db.session.get_one(Account, key))}"
    eve = stranger(app)
    assert sign_in_as(eve, "victim@example.com").location.startswith("/sign-in/code")
    assert eve.post(link, data={"password": PASSWORD}).location == "/"
    own, _ = pressed_on(app, eve)
    with app.app_context():
        digest = db.session.scalar(
            select(SessionRecord.digest).where(SessionRecord.account_id == key)
        )
    eve.post("/account/sessions", data={"session": digest})
    answer = eve.post("/sign-in/code", data={"code": code_of(app, own)})
    assert answer.location == "/sign-in"
    assert client_is_out(eve)


@pytest.mark.usefixtures("ada")
def test_the_second_step_without_anything_to_go_on_to(app: Flask) -> None:
    key = two_factor_account(app, "two@example.com")
    client = stranger(app)
    page = client.post(
        "/sign-in", data={"email": "two@example.com", "password": PASSWORD}, follow_redirects=True
    )
    assert page.status_code == 200
    assert "Second step" in page.text
    assert client.post("/sign-in/code", data={"code": code_of(app, key, 30)}).location == "/"


@pytest.mark.usefixtures("ada")
def test_a_second_step_does_not_wait_for_ever(app: Flask) -> None:
    key = two_factor_account(app, "two@example.com")
    client = stranger(app)
    sign_in_as(client, "two@example.com")
    with client.session_transaction() as kept:
        kept["pending_since"] -= 3600
    answer = client.post("/sign-in/code", data={"code": code_of(app, key, 30)})
    assert answer.location == "/sign-in"
    assert client_is_out(client)


@pytest.mark.usefixtures("ada")
def test_who_is_disabled_between_the_steps_is_out(app: Flask) -> None:
    make_account(app, "other@example.com")
    key = two_factor_account(app, "two@example.com")
    client = stranger(app)
    sign_in_as(client, "two@example.com")
    with app.app_context(), writing():
        db.session.scalars(select(Account).filter_by(email="two@example.com")).one().active = False
        db.session.commit()
    client.post("/sign-in/code", data={"code": code_of(app, key, 30)})
    with app.app_context(), writing():
        db.session.scalars(select(Account).filter_by(email="two@example.com")).one().active = True
        db.session.commit()
    assert client_is_out(client)


@pytest.mark.usefixtures("ada")
def test_what_one_browser_began_no_other_ends(app: Flask) -> None:
    """A secret that somebody else knows cannot be put into a session."""
    eve, victim = stranger(app), stranger(app)
    make_account(app, "eve@example.com", "viewer")
    sign_in_as(eve, "eve@example.com")
    sign_in_as(victim)
    key, action = pressed_on(app, eve)
    answer = victim.post(action, data={"code": code_of(app, key)})
    assert answer.location == "/account/two-factor"
    with app.app_context():
        assert db.session.scalar(select(Account.two_factor).where(Account.email == ADA)) is None
    key, action = pressed_on(app, victim)
    with victim.session_transaction() as kept:
        kept["fs_paa"] -= 3600
    assert victim.post(action, data={"code": code_of(app, key)}).status_code == 401


@pytest.mark.usefixtures("ada")
def test_being_confirmed_ends_however_often_it_is_used(app: Flask) -> None:
    client = stranger(app)
    sign_in_as(client)
    found = []
    for _ in range(4):
        found.append(client.get("/account/recovery-codes").status_code)
        with client.session_transaction() as kept:
            kept["fs_paa"] -= 10 * 60
    assert found == [200, 200, 200, 302]


@pytest.mark.usefixtures("ada")
def test_a_link_does_not_spare_the_second_step(app: Flask) -> None:
    two_factor_account(app, "two@example.com")
    with app.app_context(), writing():
        account = db.session.scalars(select(Account).filter_by(email="two@example.com")).one()
        account.password = None
        token = invitations.for_account(account)
        db.session.commit()
    client = stranger(app)
    answer = client.post(f"/setup/{token}", data={"password": PASSWORD})
    assert answer.location.startswith("/sign-in/code")
    assert client_is_out(client)


@pytest.mark.usefixtures("ada")
def test_turning_two_factor_off_ends_the_recovery_codes(app: Flask) -> None:
    client = stranger(app)
    sign_in_as(client)
    turn_two_factor_on(app, client)
    assert recovery_codes(client)
    client.post("/account/two-factor", data={"setup": "disable"})
    with app.app_context():
        kept = select(Account.mf_recovery_codes).where(Account.email == ADA)
        assert db.session.scalar(kept) is None


@pytest.mark.parametrize("email", ["ÀDA@example.com", "àdä@example.com", "ada@exämple.com"])
def test_another_spelling_is_another_account(app: Flask, ada: int, email: str) -> None:
    assert WRONG in sign_in_as(stranger(app), email).text


def test_one_address_in_two_spellings(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    admin: Any = app.test_client()
    data = {"email": "ada@bücher.example", "role": "viewer", "active": "true"}
    assert admin.post("/accounts/new", data=data).status_code == 303
    set_password(app, "ada@bücher.example")
    for email in ("ada@bücher.example", "ada@xn--bcher-kva.example", "ada@bu\u0308cher.example"):
        assert sign_in_as(stranger(app), email).location == "/", email


@pytest.mark.usefixtures("ada")
def test_a_weak_new_password_is_no_wrong_one(app: Flask) -> None:
    client = stranger(app)
    sign_in_as(client)
    weak = {"password": PASSWORD, "new_password": "short", "new_password_confirm": "short"}
    for _ in range(8):
        assert client.post("/account/password", data=weak).status_code == 200
    assert sign_in_as(stranger(app)).location == "/"


@pytest.mark.usefixtures("ada")
def test_networks_of_ipv6_count_as_one_address(app: Flask) -> None:
    client, found = stranger(app), []
    for number in range(throttle.LIMITS["address"].free + 2):
        data = {"email": f"user{number}@example.com", "password": "wrong"}
        peer = {"REMOTE_ADDR": f"2001:db8::{number:x}"}
        found.append(client.post("/sign-in", data=data, environ_overrides=peer).status_code)
    assert found[-1] == 429


@pytest.mark.usefixtures("ada")
def test_first_tries_of_many_at_the_same_time(app: Flask) -> None:
    """On MariaDB transactions that make the same counter may end each other."""

    def once(number: int) -> int:
        peer = {"REMOTE_ADDR": f"198.51.100.{number}"}
        data = {"email": f"user{number}@example.com", "password": "wrong"}
        answer = stranger(app).post("/sign-in", data=data, environ_overrides=peer)
        return int(answer.status_code)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(once, range(40))) == {200}


def test_another_email_ends_links_and_sessions(app: Flask, ada: int) -> None:
    client = stranger(app)
    sign_in_as(client)
    with app.app_context(), writing():
        account = db.session.get_one(Account, ada)
        token = invitations.for_account(account)
        account.email = "new@example.com"
        db.session.commit()
    assert client_is_out(client)
    assert stranger(app).get(f"/setup/{token}").status_code == 404


def test_a_form_whose_request_was_refused_is_never_saved(app: Flask) -> None:
    """Under HTTPS a missing Referer is refused, though the token is right."""
    admin: Any = app.test_client()
    base = "https://localhost"
    admin.waiting_role = ""
    key = make_account(app, "admin@example.com")
    token = make_session(app, key)
    with admin.session_transaction(base_url=base) as kept:
        kept["token"] = token
    page = admin.get("/users/new", base_url=base)
    data = {"name": "Eve", "age": "1", "csrf_token": hidden(page, "csrf_token")}
    refused = admin.post("/users/new", data=data, base_url=base)
    assert refused.status_code == 400
    assert 'value="Eve"' in refused.text
    assert stored(app) == []
    saved = admin.post("/users/new", data=data, base_url=base, headers={"Referer": f"{base}/"})
    assert saved.status_code == 303


def test_what_another_site_sends_is_not_offered_again(app: Flask, ada: int) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = stranger(app).post("/users/new", data={"name": "Forged"}, headers=headers)
    assert answer.status_code == 401
    assert "Forged" not in answer.text
    assert "Set-Cookie" not in answer.headers


def test_secrets_are_read_with_earlier_keys(app: Flask, ada: int) -> None:
    client = stranger(app)
    sign_in_as(client)
    key = turn_two_factor_on(app, client)
    codes = recovery_codes(client)
    rotated = create_app(
        {
            **settings(str(app.config["DATABASE_URI"]), app.instance_path),  # type: ignore[arg-type]
            "SECRET_KEY": "a new one",
            "SECRET_KEY_FALLBACKS": ["only for tests"],
            "WTF_CSRF_ENABLED": False,
        }
    )
    later = stranger(rotated)
    cookie = client.get_cookie("webadmin_session")
    assert cookie is not None
    later.set_cookie("webadmin_session", cookie.value)
    assert later.get("/users/").status_code == 200  # sessions go on
    later.post("/sign-out")
    sign_in_as(later)
    assert later.post("/sign-in/code", data={"code": code_of(app, key, 30)}).location == "/"
    later.post("/sign-out")
    sign_in_as(later)
    assert later.post("/sign-in/recovery-code", data={"code": codes[0]}).location == "/"
    with rotated.app_context():
        db.engine.dispose()


@pytest.mark.usefixtures("ada")
def test_nothing_secret_is_logged(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    client = stranger(app)
    with app.app_context():
        account = db.session.scalar(select(Account).where(Account.email == ADA))
        token = invitations.for_account(account)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client.post("/sign-in/code", data={"code": "123456", "password": "hush-hush"})
    client.put(f"/setup/{token}")
    sign_in_as(client, password="hush-hush")
    client.get("/users/x%0AERROR forged line")
    assert token not in caplog.text
    assert "hush-hush" not in caplog.text
    assert not [line for line in caplog.text.splitlines() if line.startswith("ERROR forged")]


def test_a_disabled_account_is_out_at_once(app: Flask, ada: int) -> None:
    add_people(app)
    client, admin = stranger(app), app.test_client()
    sign_in_as(client)
    page = client.get("/users/1/edit")
    original = hidden(page, "_original")
    values = {"email": ADA, "role": "admin", "active": "false"}
    form = admin.get(f"/accounts/{ada}/edit")
    saved = admin.post(
        f"/accounts/{ada}/edit", data=values | {"_original": hidden(form, "_original")}
    )
    assert saved.status_code == 303
    answer = client.post("/users/1/edit", data={"name": "Typed", "age": "9", "_original": original})
    assert answer.status_code == 401
    assert "Typed" in answer.text
    assert "Sign in, in a new tab" in answer.text
    assert WRONG in sign_in_as(client).text
