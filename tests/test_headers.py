"""Headers of every answer, caching, and who is believed about addresses and schemes."""

from typing import Any

import pytest
from flask import Flask, request

from conftest import settings
from pages import add_people
from signing_in import make_account
from webadmin import create_app
from webadmin.config import ConfigError
from webadmin.database import db

PAGES = ("/", "/users/", "/users/1", "/users/nope", "/account/", "/accounts/", "/nope")


def policy(answer: Any) -> dict[str, set[str]]:
    parts = (part.split() for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: set(values) for name, *values in parts}


def test_every_answer_bears_them(app: Flask) -> None:
    add_people(app)
    client = app.test_client()
    stranger: Any = app.test_client(signed_in="")
    answers = [client.get(path) for path in PAGES]
    answers += [client.get("/users/?size=x"), client.post("/users/new", data={"name": "x"})]
    answers += [stranger.get(path) for path in ("/sign-in", "/users/", "/setup/x", "/healthz")]
    for answer in answers:
        rules = policy(answer)
        assert not [each for values in rules.values() for each in values if "unsafe" in each]
        assert rules["default-src"] == {"'none'"}
        assert rules["frame-ancestors"] == {"'none'"}
        assert rules["script-src"] == rules["style-src"] == rules["form-action"] == {"'self'"}
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "geolocation=()" in answer.headers["Permissions-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in answer.headers


def test_under_https(app: Flask) -> None:
    make_account(app, "ada@example.com")
    client: Any = app.test_client(signed_in="")
    answer = client.get("/sign-in", base_url="https://localhost")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_pages_of_who_is_signed_in_name_what_may_be_fetched_ahead(app: Flask) -> None:
    add_people(app)
    app.config["WTF_CSRF_ENABLED"] = False
    client, stranger = app.test_client(), app.test_client(signed_in="")
    rules = client.get("/users/").headers["Speculation-Rules"]
    answer = client.get(rules.strip('"'), buffered=True)
    assert answer.mimetype == "application/speculationrules+json"
    assert set(answer.get_json(force=True)) == {"prefetch"}
    below = client.get("/users/", base_url="http://localhost/admin/", headers={})
    assert below.headers["Speculation-Rules"].startswith('"/admin/static/')
    without = (client.get("/users/nope"), client.get("/users/export.csv", buffered=True))
    for each in (*without, stranger.get("/sign-in")):
        assert "Speculation-Rules" not in each.headers
        assert "Clear-Site-Data" not in each.headers


@pytest.mark.parametrize(
    ("path", "data"), [("/sign-out", {}), ("/users/new", {"name": "x"}), ("/users/1/delete", {})]
)
def test_what_writes_lets_the_browser_forget_what_it_fetched_ahead(
    app: Flask, path: str, data: dict[str, str]
) -> None:
    add_people(app)
    app.config["WTF_CSRF_ENABLED"] = False
    answer = app.test_client().post(path, data=data)
    assert answer.status_code in (302, 303)
    assert answer.headers["Clear-Site-Data"] == '"prefetchCache"'


@pytest.fixture
def behind(tables_uri: str, tmp_path: Any) -> Any:
    """A site behind a proxy at 10.0.0.1."""
    app = create_app({**settings(tables_uri, tmp_path), "TRUSTED_PROXIES": ["10.0.0.0/24"]})
    seen: list[tuple[str | None, str]] = []

    @app.before_request
    def note() -> None:
        seen.append((request.remote_addr, request.scheme))

    yield app, seen
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("10.0.0.1", "203.0.113.9", ("203.0.113.9", "https")),
        # What a client claims stands before what the proxy adds.
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", ("203.0.113.9", "https")),
        ("203.0.113.9", "1.1.1.1", ("203.0.113.9", "http")),
        ("10.0.1.1", "1.1.1.1", ("10.0.1.1", "http")),
        ("", "1.1.1.1", ("", "http")),
    ],
)
def test_only_trusted_proxies_are_believed(
    behind: Any, peer: str, forwarded: str, seen: tuple[str, str]
) -> None:
    app, found = behind
    client = app.test_client(signed_in="")
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
    client.get("/healthz", headers=headers, environ_overrides={"REMOTE_ADDR": peer})
    assert found == [seen]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TRUSTED_PROXIES", "nginx", "addresses or networks"),
        ("MAIL_URI", "mail.example.com", "smtp://user:password@"),
        ("MAIL_URI", "smtp://a:s3cret@host:port", "smtp://user:password@"),
        ("SESSION_IDLE_MINUTES", "0", "at least 1"),
    ],
)
def test_wrong_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv("WEBADMIN_INSTANCE_PATH", str(tmp_path))
    monkeypatch.setenv(f"WEBADMIN_{name}", value)
    with pytest.raises(ConfigError, match=message) as raised:
        create_app()
    assert "s3cret" not in str(raised.value)


def test_further_lines_of_the_secret_key_are_earlier_keys(tmp_path: Any) -> None:
    (tmp_path / "secret_key").write_text("new\nold\nolder\n")
    app = create_app({"DATABASE_URI": "sqlite:///x.sqlite", "INSTANCE_PATH": str(tmp_path)})
    assert app.config["SECRET_KEY"] == "new"
    assert app.config["SECRET_KEY_FALLBACKS"] == ["old", "older"]
