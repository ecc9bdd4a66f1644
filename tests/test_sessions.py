"""Sessions in the database: how long they last, how they end, what one sees of them."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, session
from lists import statements
from sqlalchemy import func, select, text

from conftest import settings
from pages import add_people
from signing_in import (
    PASSWORD,
    Browser,
    cookie_entries,
    make_account,
    make_session,
    set_password,
)
from webadmin import create_app, schema, sessions
from webadmin.database import db, writing
from webadmin.sessions import SessionRecord


def ago(**time: float) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(**time)


def visit(app: Flask, **values: Any) -> int:
    """Return the status of a list in a session that was begun and last used some time ago."""
    key = make_account(app, "ada@example.com")
    client: Any = app.test_client(signed_in="")
    client.use_session(key, make_session(app, key, **values))
    status: int = client.get("/users/").status_code
    return status


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({}, 200),
        ({"seen_at": {"minutes": 719}}, 200),
        ({"seen_at": {"minutes": 721}}, 303),
        ({"created_at": {"hours": 167}}, 200),
        ({"created_at": {"hours": 169}}, 303),
        ({"created_at": {"days": 29}, "seen_at": {"days": 29}, "remember": True}, 200),
        ({"created_at": {"days": 31}, "remember": True}, 303),
        # The clock was set back: nobody is thrown out.
        ({"created_at": {"days": -3}, "seen_at": {"days": -3}}, 200),
    ],
)
def test_sessions_last_as_long_as_the_settings_say(
    app: Flask, values: dict[str, Any], status: int
) -> None:
    given = {
        name: ago(**value) if isinstance(value, dict) else value for name, value in values.items()
    }
    assert visit(app, **given) == status


def test_a_cookie_that_was_verified_once_is_good_no_longer_than_others(app: Flask) -> None:
    client = app.test_client()
    assert [client.get("/users/").status_code for _ in range(3)] == [200, 200, 200]
    app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(microseconds=1)
    assert client.get("/users/").status_code == 303


def test_what_one_request_does_to_its_session_is_not_in_the_next(app: Flask) -> None:
    client = app.test_client()
    with client.session_transaction() as held:
        held["some"] = ["one"]
    for _ in range(2):
        with client:
            client.get("/users/")
            assert session["some"] == ["one"]
            session["some"].append("another")


def test_many_who_sign_in_to_one_account_at_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    monkeypatch.setattr(secrets, "randbelow", lambda _: 0)  # old sessions are removed each time
    key = make_account(app, "ada@example.com")
    make_session(app, key, created_at=ago(days=400))

    def sign_in(_: int) -> int:
        with app.test_client(signed_in="") as client:
            sent = {"email": "ada@example.com", "password": PASSWORD}
            return client.post("/sign-in", data=sent).status_code

    with ThreadPoolExecutor(3) as pool:  # more at a time would count as tries that failed
        assert set(pool.map(sign_in, range(45))) == {302}
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(SessionRecord)) == 45


def test_when_it_was_last_seen_is_noted_once_a_minute(app: Flask) -> None:
    key = make_account(app, "ada@example.com")
    client: Any = app.test_client(signed_in="")
    client.use_session(key, make_session(app, key, seen_at=ago(minutes=5)))

    def seen() -> datetime:
        with app.app_context():
            found: datetime = db.session.execute(select(SessionRecord.seen_at)).scalar_one()
            return found

    client.get("/users/")
    first = seen()
    assert ago(seconds=60) < first
    client.get("/users/")
    assert seen() == first


def test_a_busy_database_does_not_hold_up_who_only_reads(tmp_path: Any) -> None:
    """Noting when a session was last used never waits for another writer."""
    from webadmin import schema

    app = create_app(settings(f"sqlite:///{tmp_path / 'busy.sqlite'}", tmp_path))
    with app.app_context():
        schema.upgrade()
    key = make_account(app, "ada@example.com")
    client: Any = app.test_client(signed_in="")
    client.use_session(key, make_session(app, key, seen_at=ago(minutes=5)))
    with app.app_context(), writing(), db.engine.begin(), ThreadPoolExecutor(1) as other:
        begun = datetime.now(UTC)
        assert other.submit(client.get, "/users/").result().status_code == 200
        assert datetime.now(UTC) - begun < timedelta(seconds=5)
    with app.app_context():
        db.engine.dispose()


def test_a_page_costs_one_statement_more(app: Flask) -> None:
    add_people(app)
    client = app.test_client()
    client.get("/users/")
    with app.app_context(), statements() as found:
        client.get("/users/")
    run = [statement for statement, _ in found]
    assert [each for each in run if "webadmin_" in each] == run[:1]
    assert "webadmin_session.digest = " in run[0]
    assert len(run) <= 3


def test_my_sessions(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    key = make_account(app, "ada@example.com")
    stranger_key = make_account(app, "eve@example.com")
    foreign = make_session(app, stranger_key, device="Foreign")
    firefox = "Mozilla/5.0 (Windows NT 10.0; rv:130.0) Gecko/20100101 Firefox/130.0"
    tokens = [make_session(app, key, device=firefox), make_session(app, key, device="curl")]
    own: Any = app.test_client(signed_in="")
    own.use_session(key, make_session(app, key))
    page = own.get("/account/").text
    assert "Firefox, Windows" in page
    assert "Foreign" not in page
    assert page.count("last seen") == 3

    def end(which: str) -> Any:
        return own.post("/account/sessions", data={"session": which})

    def is_in(token: str, whose: int = key) -> bool:
        other: Any = app.test_client(signed_in="")
        other.use_session(whose, token)
        return bool(other.get("/users/").status_code == 200)

    end(sessions._digest(foreign))
    assert is_in(foreign, stranger_key)  # another's session is not one's own to end
    end(sessions._digest(tokens[0]))
    assert [is_in(token) for token in tokens] == [False, True]
    end("others")
    assert not is_in(tokens[1])
    assert own.get("/users/").status_code == 200
    with own.session_transaction() as kept:
        mine = kept["token"]
    assert end(sessions._digest(mine)).location == "/sign-in"
    assert own.get("/users/").status_code == 303


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/156.0 Safari/537.36 Edg/156.0", "Edge, Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Version/17.5 Safari/605.1", "Safari, macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Firefox/140.0", "Firefox, Android"),
        ("curl/8.0", ""),
    ],
)  # fmt: skip
def test_devices_are_named_as_people_do(agent: str, name: str) -> None:
    assert sessions.device_name(agent) == name


def cookies(app: Flask, *, secure: bool, **fields: str) -> list[str]:
    """Sign in and return the cookies that are set."""
    app.config["WTF_CSRF_ENABLED"] = False
    make_account(app, "ada@example.com")
    set_password(app, "ada@example.com")
    client: Browser = app.test_client(signed_in="")  # type: ignore[assignment]
    base = "https://localhost" if secure else "http://localhost"
    data = {"email": "ada@example.com", "password": PASSWORD, **fields}
    answer = client.post("/sign-in", data=data, base_url=base, headers={"Referer": f"{base}/"})
    assert answer.status_code == 302
    found: list[str] = answer.headers.getlist("Set-Cookie")
    assert client.get("/users/", base_url=base).status_code == 200
    return found


def test_cookies_under_https(app: Flask) -> None:
    found = cookies(app, secure=True)
    assert {each.partition("=")[0] for each in found} == {
        "__Host-webadmin_session",
        "__Host-webadmin_device",
    }
    for each in found:
        parts = [part.strip() for part in each.split(";")]
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(parts)
        assert not [part for part in parts if part.startswith("Domain")]


def test_cookies_without_https(app: Flask) -> None:
    for each in cookies(app, secure=False):
        assert "HttpOnly" in each
        assert "SameSite=Lax" in each
        assert "Secure" not in each


def test_being_remembered_is_a_choice(app: Flask) -> None:
    def session_cookie(**fields: str) -> str:
        found = cookies(app, secure=False, **fields)
        return next(each for each in found if each.startswith("webadmin_session="))

    assert "Expires" not in session_cookie()
    assert "Expires" in session_cookie(remember="y")


def test_a_forged_cookie_is_nobodys(app: Flask) -> None:
    make_account(app, "ada@example.com")
    for name, value in (
        ("webadmin_session", "nonsense"),
        ("webadmin_session", "eyJ0b2tlbiI6ImEifQ.aaaaaa.bbbbbbbbbbbbbbbb"),
        ("remember_token", "1|aaaa"),
    ):
        client: Any = app.test_client(signed_in="")
        client.set_cookie(name, value)
        assert client.get("/users/").status_code == 303
    client = app.test_client(signed_in="")
    with client.session_transaction() as kept:
        kept["token"] = 5
        kept["_user_id"] = "1"
    assert client.get("/users/").status_code == 303


def test_no_tokens_in_addresses_or_headers(app: Flask) -> None:
    """Flask-Security's other ways to prove who asks stay off."""
    key = make_account(app, "ada@example.com")
    with app.test_request_context():
        from webadmin.accounts import Account

        token = db.session.get_one(Account, key).get_auth_token()
    client: Any = app.test_client(signed_in="")
    assert client.get(f"/users/?auth_token={token}").status_code == 303
    assert client.get("/users/", headers={"Authentication-Token": token}).status_code == 303
    assert client.get("/users/", auth=("ada@example.com", PASSWORD)).status_code == 303
    answer = client.get("/sign-in", headers={"Accept": "application/json"})
    assert answer.content_type.startswith("text/html")


def test_who_may_not_do_it_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    """A viewer's form is refused, not told to wait, while another process writes for long."""
    app = create_app(
        settings(f"sqlite:///{tmp_path / 'test.sqlite'}", tmp_path)
        | {"DATABASE_TIMEOUT": 1, "WTF_CSRF_ENABLED": False}
    )
    with app.app_context():
        schema.upgrade()
    viewer: Any = app.test_client(signed_in="viewer")
    assert viewer.get("/users/").status_code == 200
    with app.app_context(), writing():
        db.session.execute(text("UPDATE users SET name = name"))
        refused = viewer.post("/users/new", data={"name": "Eve"})
        db.session.rollback()
    assert refused.status_code == 403


def set_by(answer: Any) -> dict[str, str]:
    """Return the cookies that an answer sets, by name."""
    given = [each.partition(";")[0] for each in answer.headers.getlist("Set-Cookie")]
    return {name: value for name, _, value in (each.partition("=") for each in given)}


def test_messages_have_a_cookie_of_their_own(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    client.get("/users/")
    saved = client.post("/users/new", data={"name": "Ada", "age": ""})
    assert list(set_by(saved)) == ["webadmin_messages"]
    assert "HttpOnly" in saved.headers["Set-Cookie"]
    assert "SameSite=Lax" in saved.headers["Set-Cookie"]
    shown = client.get("/users/")
    assert "“Ada” was created." in shown.text
    assert set_by(shown) == {"webadmin_messages": ""}
    again = client.get("/users/")
    assert "was created" not in again.text
    assert set_by(again) == {}


def test_a_page_with_messages_does_not_put_back_an_older_session(app: Flask) -> None:
    """Another request may have changed it meanwhile, and its answer have come first."""
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    client.post("/users/new", data={"name": "Ada", "age": ""})
    shown = client.get("/users/")
    assert "was created" in shown.text
    assert "webadmin_session" not in set_by(shown)


def test_messages_of_two_saves_are_shown_together(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    for name in ("Ada", "<Bob>"):
        client.post("/users/new", data={"name": name, "age": ""})
    page = client.get("/users/").text
    assert "“Ada” was created." in page
    assert "“&lt;Bob&gt;” was created." in page


def test_who_signs_in_next_does_not_see_the_messages_of_before(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    client.post("/users/new", data={"name": "Ada", "age": ""})
    client.post("/sign-out")
    assert "Ada" not in client.get("/sign-in").text


@pytest.mark.parametrize("value", ["nonsense", "W1siZXJyb3IiLCJib28iXV0.aaaaaaaaaaaaaaaaaaaaaaaa"])
def test_forged_messages_are_not_shown(app: Flask, value: str) -> None:
    client = app.test_client()
    client.get("/users/")
    client.set_cookie("webadmin_messages", value)
    answer = client.get("/users/")
    assert answer.status_code == 200
    assert 'class="notice' not in answer.text
    assert set_by(answer) == {"webadmin_messages": ""}


def test_messages_within_an_older_session_cookie_are_dropped(app: Flask) -> None:
    client: Any = app.test_client(signed_in="")
    interface: Any = app.session_interface
    serializer = interface.get_signing_serializer(app)
    key = make_account(app, "ada@example.com")
    entries = cookie_entries(app, key, make_session(app, key))
    client.set_cookie(
        "webadmin_session", serializer.dumps({**entries, "_flashes": [("success", "Old")]})
    )
    for _ in range(2):
        answer = client.get("/users/")
        assert answer.status_code == 200
        assert 'class="notice' not in answer.text


def test_a_save_notes_that_the_session_was_used(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    key = make_account(app, "ada@example.com")
    client: Any = app.test_client(signed_in="")
    client.use_session(key, make_session(app, key, seen_at=ago(minutes=5)))
    assert client.post("/users/new", data={"name": "Ada", "age": ""}).status_code == 303
    with app.app_context():
        found: datetime = db.session.execute(select(SessionRecord.seen_at)).scalar_one()
        assert found > ago(minutes=1)
