"""The guard: every route, every role, every method, against a table that stands here."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import URL, event, select

from conftest import database_with_tables, settings, site_on
from pages import add_people, stored
from signing_in import Browser, make_account, make_session
from webadmin import auth, create_app, schema, sign_in
from webadmin.accounts import Account
from webadmin.auth import UnguardedViewError, Who
from webadmin.database import db, writing
from webadmin.permissions import PERMISSIONS, Action, Role, allowed

ROLES = ("stranger", "viewer", "editor", "admin", "disabled")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EVERYBODY = frozenset(ROLES)
SIGNED_IN = frozenset({"viewer", "editor", "admin"})
EDITORS = frozenset({"editor", "admin"})
ADMINS = frozenset({"admin"})
NOBODY: frozenset[str] = frozenset()

# Route -> who may, and the methods it has. A route that is missing here fails the test.
TABLE: dict[str, tuple[frozenset[str], str]] = {
    "/": (SIGNED_IN, "GET"),
    "/healthz": (EVERYBODY, "GET"),
    "/readyz": (EVERYBODY, "GET"),
    "/static/<path:filename>": (EVERYBODY, "GET"),
    "/bootstrap/static/<path:filename>": (EVERYBODY, "GET"),
    "/setup": (EVERYBODY, "GET"),
    "/setup/<token>": (EVERYBODY, "GET POST"),
    "/sign-in": (EVERYBODY, "GET POST"),
    "/sign-out": (EVERYBODY, "POST"),
    "/sign-in/code": (EVERYBODY, "GET POST"),
    "/sign-in/recovery-code": (EVERYBODY, "GET POST"),
    "/sign-in/passkey": (EVERYBODY, "GET POST"),
    "/sign-in/passkey/<token>": (EVERYBODY, "POST"),
    "/sign-in/help": (NOBODY, "GET POST"),
    "/sign-in/select": (NOBODY, "GET POST"),
    "/account/": (SIGNED_IN, "GET"),
    "/account/sessions": (SIGNED_IN, "POST"),
    "/account/two-factor-done": (SIGNED_IN, "GET"),
    "/account/two-factor": (SIGNED_IN, "GET POST"),
    "/account/two-factor/<token>": (SIGNED_IN, "POST"),
    "/account/recovery-codes": (SIGNED_IN, "GET POST"),
    "/account/passkeys": (SIGNED_IN, "GET POST"),
    "/account/passkeys/<token>": (SIGNED_IN, "POST"),
    "/account/passkeys/delete": (SIGNED_IN, "GET POST"),
    "/account/password": (SIGNED_IN, "GET POST"),
    "/account/verify": (SIGNED_IN, "GET POST"),
    "/account/verify/passkey": (SIGNED_IN, "GET POST"),
    "/account/verify/passkey/<token>": (SIGNED_IN, "POST"),
    "/accounts/": (ADMINS, "GET"),
    "/accounts/new": (ADMINS, "GET POST"),
    "/accounts/<key>": (ADMINS, "GET"),
    "/accounts/<key>/edit": (ADMINS, "GET POST"),
    "/accounts/<key>/delete": (NOBODY, "GET POST"),
    "/accounts/<key>/new-link": (ADMINS, "POST"),
    "/accounts/<key>/no-two-factor": (ADMINS, "POST"),
    "/accounts/export.<any(csv, jsonl, xlsx):form>": (ADMINS, "GET"),
    "/accounts/<key>/history": (ADMINS, "GET"),
    "/users/export.<any(csv, jsonl, xlsx):form>": (SIGNED_IN, "GET"),
    "/users/import": (EDITORS, "GET POST"),
    "/users/import/<token>": (EDITORS, "GET POST"),
    "/users/import/<token>/refused.csv": (EDITORS, "GET"),
    "/history/": (SIGNED_IN, "GET"),
    "/history/undo": (SIGNED_IN, "POST"),
    "/users/bulk/edit": (EDITORS, "POST"),
    "/users/bulk/delete": (ADMINS, "POST"),
    "/users/<key>/history": (SIGNED_IN, "GET"),
    "/users/": (SIGNED_IN, "GET"),
    "/users/new": (EDITORS, "GET POST"),
    "/users/<key>": (SIGNED_IN, "GET"),
    "/users/<key>/edit": (EDITORS, "GET POST"),
    "/users/<key>/delete": (ADMINS, "GET POST"),
}
# Those that stand in for a page where mail is set up, which it is not here.
VALUES = {"form": "csv", "key": "1", "token": "nonsense", "filename": "css/theme.css"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def site(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    servers: dict[str, URL | str],
) -> Iterator[Flask]:
    """A site with a user, and an account of each kind."""
    folder = tmp_path_factory.mktemp("auth")
    uri = database_with_tables(request.param, folder, servers)
    with site_on(uri, folder, WTF_CSRF_ENABLED=False) as app:
        add_people(app, [("Ada Lovelace", 36)])
        yield app


def browser(app: Flask, who: str) -> Any:
    """Return the browser of a person of a kind."""
    if who in ("stranger", "disabled"):
        client = app.test_client(signed_in="")
        make_account(app, "admin@example.com")
        if who == "disabled":
            key = make_account(app, "gone@example.com")
            token = make_session(app, key)
            with app.app_context(), writing():
                table: Any = Account.__table__
                db.session.execute(table.update().where(table.c.id == key).values(active=False))
                db.session.commit()
            client.use_session(key, token)
        return client
    return app.test_client(signed_in=who)


def path_of(rule: str) -> str:
    return re.sub(r"<(?:[^<>]+:)?(\w+)>", lambda found: VALUES[found[1]], rule)


def test_the_table_names_every_route(site: Flask) -> None:
    assert {str(rule) for rule in site.url_map.iter_rules()} == set(TABLE)


@pytest.mark.parametrize("who", ROLES)
def test_every_route_with_every_method(site: Flask, who: str) -> None:
    client, wrong, before = browser(site, who), [], stored(site)
    for rule, (may, own) in TABLE.items():
        for method in METHODS:
            if (rule, method) in (("/sign-out", "POST"), ("/users/<key>/delete", "POST")):
                continue  # they end what the test goes on with
            response = client.open(path_of(rule), method=method, buffered=True)
            if not _is_right(rule, method, response, who in may, own.split(), who):
                wrong.append(f"{method} {rule}: {response.status_code} {response.location}")
    assert wrong == []
    assert stored(site) == before


def _is_right(
    rule: str, method: str, response: object, may: bool, own: list[str], who: str
) -> bool:
    status: int = response.status_code  # type: ignore[attr-defined]
    location: str = response.location or ""  # type: ignore[attr-defined]
    has = method in (*own, "OPTIONS") or (method == "HEAD" and "GET" in own)
    stranger = who in ("stranger", "disabled")
    always = auth_need(rule) is Who.ALWAYS or (auth_need(rule) is Who.PUBLIC and has)
    if stranger and not always:
        if method in ("GET", "HEAD"):
            return status == 303 and location.startswith("/sign-in")
        return status == 401
    if not has and rule.startswith(("/users/bulk/", "/users/import/")):  # as if it were a key
        return status in (403, 404, 405)
    if not has:
        return status == 405 or (stranger and status == 401)
    if not may:
        return status in (403, 404)
    if rule.startswith("/sign-in") and not stranger:
        return status == 303 and location == "/"
    return status < 500 and status not in (401, 403, 405)


def auth_need(rule: str) -> Who | None:
    """Return whom a route lets in, as the table says it."""
    public = ("/sign-in", "/sign-out")
    if TABLE[rule][0] is EVERYBODY:
        return Who.PUBLIC if rule.startswith(public) else Who.ALWAYS
    return None


def test_a_stranger_does_not_learn_which_pages_there_are(site: Flask) -> None:
    client = browser(site, "stranger")
    known, unknown = client.get("/users/"), client.get("/nope/")
    assert known.status_code == unknown.status_code == 303
    assert client.post("/nope/").status_code == client.post("/users/new").status_code == 401
    for path in ("/users/1", "/users/1/edit", "/accounts/", "/users"):
        assert "Lovelace" not in client.get(path, follow_redirects=True).text


def test_delete_and_what_a_role_may_not_do_change_nothing(site: Flask) -> None:
    for role in ("viewer", "editor"):
        client = browser(site, role)
        assert client.post("/users/1/delete").status_code == 403
    assert browser(site, "viewer").post("/users/new", data={"name": "x"}).status_code == 403
    assert len(stored(site)) == 1


@pytest.mark.parametrize(
    ("who", "shown"),
    [("viewer", set()), ("editor", {"new", "edit"}), ("admin", {"new", "edit", "delete"})],
)
def test_only_buttons_that_may_be_used_are_shown(site: Flask, who: str, shown: set[str]) -> None:
    client = browser(site, who)
    html = client.get("/users/").text + client.get("/users/1").text + client.get("/").text
    for name in ("new", "edit", "delete"):
        found = re.search(rf'href="/users/(?:1/)?{name}', html) is not None
        assert found == (name in shown), name
    assert ('href="/accounts/"' in html) == (who == "admin")


def test_extra_fields_of_a_form_change_nothing(site: Flask) -> None:
    client = browser(site, "editor")
    data = {"name": "Grace", "age": "5", "id": "77", "role": "admin", "active": "false"}
    client.post("/users/new", data=data)
    assert stored(site)[-1][1:] == ("Grace", 5)
    assert stored(site)[-1][0] != 77
    with site.app_context():
        assert db.session.scalar(
            select(Account.role).where(Account.email == "editor@example.com")
        ) == ("editor")


def test_hidden_columns_of_accounts_are_nowhere(site: Flask) -> None:
    client = browser(site, "admin")
    client.get("/")
    with site.app_context(), writing():
        account = db.session.scalar(select(Account).where(Account.email == "admin@example.com"))
        account.password, key = "SECRET-HASH", account.id
        db.session.commit()
    token = make_session(site, key)
    client.use_session(key, token)
    for path in ("/accounts/", f"/accounts/{key}", f"/accounts/{key}/edit", "/accounts/?q=SECRET"):
        assert "SECRET-HASH" not in client.get(path).text
    for name in ("password", "fs_uniquifier", "tf_totp_secret", "mf_recovery_codes"):
        assert client.get(f"/accounts/?{name}=x").status_code == 400
        assert client.get(f"/accounts/?sort={name}").status_code == 400


def test_an_unmarked_view_keeps_the_site_from_starting(empty_app: Flask) -> None:
    empty_app.add_url_rule("/forgotten", "forgotten", lambda: "open")
    with pytest.raises(UnguardedViewError, match="forgotten"):
        auth.check_views(empty_app)
    client = empty_app.test_client()
    with empty_app.app_context():
        schema.upgrade()
    assert client.get("/forgotten").status_code == 404


def test_roles_in_one_table() -> None:
    found = {
        role: {action.value for action in Action if allowed(role, action, {})} for role in Role
    }
    assert found[Role.VIEWER] == {"view", "export"}
    assert found[Role.EDITOR] == {"view", "export", "create", "edit", "import"}
    assert found[Role.ADMIN] == {action.value for action in Action}
    assert set(PERMISSIONS) == set(Action)


def test_who_may_not_view_may_nothing() -> None:
    nobody = {Action.VIEW: ()}
    assert not any(allowed(role, action, nobody) for role in Role for action in Action)
    widened = {Action.DELETE: (Role.EDITOR, Role.ADMIN)}
    assert allowed(Role.EDITOR, Action.DELETE, widened)
    assert not allowed(Role.VIEWER, Action.DELETE, widened)


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("/users/?q=a&sort=-age", True),
        ("/", True),
        ("/users/?q=100%25", True),
        ("", False),
        ("users/", False),
        ("//evil.example", False),
        ("///evil.example", False),
        ("/\\evil.example", False),
        ("\\\\evil.example", False),
        ("/%5Cevil.example", False),
        ("/%2Fevil.example", False),
        ("/%252Fevil.example", False),
        ("/%255Cevil.example", False),
        ("/\tevil.example", False),
        ("/%09/evil.example", False),
        (" //evil.example", False),
        ("https://evil.example/", False),
        ("javascript:alert(1)", False),
        ("http:/evil.example", False),
        ("/\r\nSet-Cookie: x=1", False),
    ],
)
def test_one_goes_on_inside_the_site_only(url: str, inside: bool) -> None:
    assert sign_in.is_inside(url) == inside


@pytest.mark.parametrize("url", ["//evil.example", "/\\evil.example", "https://evil.example"])
def test_a_link_cannot_lead_elsewhere_after_signing_in(site: Flask, url: str) -> None:
    stranger = browser(site, "stranger")
    assert stranger.get("/sign-in", query_string={"next": url}).status_code == 400
    assert stranger.post("/sign-in", data={"next": url}).status_code == 400
    assert stranger.post("/sign-out", data={"next": url}).status_code == 400
    someone = browser(site, "viewer")
    assert someone.get("/account/verify", query_string={"next": url}).status_code == 400


def test_the_way_back_is_kept(site: Flask) -> None:
    response = browser(site, "stranger").get("/users/?q=a%20b&sort=-age")
    assert response.location == "/sign-in?next=/users/%3Fq%3Da%2520b%26sort%3D-age"


def test_without_accounts_every_page_leads_to_the_welcome(tmp_path: Path) -> None:
    app = create_app(settings(f"sqlite:///{tmp_path / 'new.sqlite'}", tmp_path))
    with app.app_context():
        schema.upgrade()
    client: Browser = app.test_client(signed_in="")  # type: ignore[assignment]
    for path in ("/", "/users/", "/sign-in", "/account/", "/nope", "/sign-in/passkey"):
        assert client.get(path).location == "/setup", path
    assert "Look at the terminal" in client.get("/setup").text
    assert client.post("/users/new", data={"name": "x"}).location == "/setup"
    assert client.get("/healthz").status_code == 200
    with app.app_context():
        db.engine.dispose()


def test_nothing_is_asked_of_the_database_for_static_files(site: Flask) -> None:
    asked: list[str] = []
    with site.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    with site.test_client() as client:
        client.get("/users/")
        assert asked
        asked.clear()
        for path in ("/static/css/theme.css", "/static/nope.css"):
            client.get(path, buffered=True)
    assert asked == []
