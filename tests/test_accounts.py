"""Accounts: their pages, the rules that always hold, and the command."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from browser_form import errors, send
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select

from pages import hidden
from signing_in import PASSWORD, make_account, set_password
from webadmin import accounts, cli
from webadmin.accounts import Account
from webadmin.database import db, writing
from webadmin.saving import RefusedError

LAST = "last active administrator"


def known(app: Flask) -> dict[str, tuple[str, bool]]:
    """Return role and state of each account by its email."""
    with app.app_context():
        rows = db.session.execute(select(Account.email, Account.role, Account.active))
        return {email: (role, active) for email, role, active in rows}


@pytest.fixture
def admin(app: Flask) -> Any:
    """The browser of an administrator."""
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


def test_accounts_are_listed_searched_and_filtered(app: Flask, admin: Any) -> None:
    make_account(app, "eve@example.com", "viewer")
    make_account(app, "gone@example.com", "viewer", active=False)
    page = admin.get("/accounts/").text
    assert re.findall(r'<th scope="row"><a [^>]*>([^<]*)<', page) == [
        "admin@example.com", "eve@example.com", "gone@example.com",
    ]  # fmt: skip
    assert "eve@" not in admin.get("/accounts/?q=gone").text
    assert "eve@" not in admin.get("/accounts/?role=admin").text
    assert "eve@" not in admin.get("/accounts/?active=false").text


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"email": "none"}, "email", "such as ada@example.com"),
        ({"email": ""}, "email", "Fill in"),
        ({"email": "ADMIN@example.com"}, "email", "Another record has this value"),
        ({"email": f"{'a' * 250}@example.com"}, "email", ""),
        ({"role": "owner"}, "role", "viewer, editor, admin"),
    ],
)
def test_wrong_values(
    app: Flask, admin: Any, values: dict[str, str], field: str, message: str
) -> None:
    admin.get("/")
    data = {"email": "new@example.com", "role": "viewer", "active": "true"} | values
    answer = admin.post("/accounts/new", data=data)
    assert answer.status_code == 422
    assert message in errors(answer.text)[field]
    assert list(known(app)) == ["admin@example.com"]


def test_a_role_is_changed_and_takes_effect_at_once(app: Flask, admin: Any) -> None:
    key = make_account(app, "eve@example.com", "viewer")
    eve: Any = app.test_client(signed_in="")
    eve.sign_in("eve@example.com")
    assert eve.get("/users/new").status_code == 403
    assert send(admin, f"/accounts/{key}/edit", role="editor").status_code == 303
    assert eve.get("/users/new").status_code == 200


@pytest.mark.parametrize("changes", [{"role": "viewer"}, {"active": "false"}])
def test_the_last_administrator_stays(app: Flask, admin: Any, changes: dict[str, str]) -> None:
    make_account(app, "other@example.com", "admin", active=False)
    make_account(app, "editor@example.com", "editor")
    admin.get("/")
    with app.app_context():
        found = accounts.find("admin@example.com")
        assert found is not None
        key = found.id
    refused = send(admin, f"/accounts/{key}/edit", **changes)
    assert refused.status_code == 422
    assert LAST in errors(refused.text)["role"]
    assert known(app)["admin@example.com"] == ("admin", True)
    make_account(app, "third@example.com", "admin")
    assert send(admin, f"/accounts/{key}/edit", **changes).status_code == 303


def test_who_was_only_invited_is_no_administrator_yet(app: Flask, admin: Any) -> None:
    make_account(app, "invited@example.com", "admin", password=None)
    admin.get("/")
    with app.app_context():
        found = accounts.find("admin@example.com")
        assert found is not None
        key = found.id
    assert send(admin, f"/accounts/{key}/edit", role="viewer").status_code == 422
    assert known(app)["admin@example.com"] == ("admin", True)


def test_two_administrators_who_demote_each_other(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    keys = [make_account(app, f"{name}@example.com") for name in ("one", "two")]
    browsers: list[Any] = [app.test_client(signed_in="") for _ in keys]
    for each, name in zip(browsers, ("one", "two"), strict=True):
        each.sign_in(f"{name}@example.com")
    originals = [
        hidden(each.get(f"/accounts/{key}/edit"), "_original")
        for each, key in zip(browsers, reversed(keys), strict=True)
    ]

    def demote(number: int) -> int:
        other = 1 - number
        data = {
            "email": f"{('one', 'two')[other]}@example.com",
            "role": "viewer",
            "active": "true",
            "_original": originals[number],
        }
        status: int = browsers[number].post(f"/accounts/{keys[other]}/edit", data=data).status_code
        return status

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(demote, range(2)))
    # One wins; the other is refused, or is no administrator any more, or loses a deadlock.
    assert found.count(303) == 1, found
    assert sorted(known(app).values()) == [("admin", True), ("viewer", True)]


def test_the_rule_holds_below_the_pages(app: Flask) -> None:
    make_account(app, "one@example.com")
    with app.app_context(), writing():
        account = accounts.find("one@example.com")
        assert account is not None
        db.session.delete(account)
        with pytest.raises(RefusedError, match=LAST):
            db.session.flush()
        db.session.rollback()


def test_a_new_link_and_no_second_factor(app: Flask, admin: Any) -> None:
    key = make_account(app, "eve@example.com", "viewer", two_factor="authenticator")
    set_password(app, "eve@example.com")
    eve: Any = app.test_client(signed_in="")
    eve.sign_in("eve@example.com")
    assert eve.get("/users/").status_code == 200
    assert "/setup/" not in admin.get(f"/accounts/{key}").text
    admin.post(f"/accounts/{key}/no-two-factor")
    assert "authenticator" not in admin.get("/accounts/").text
    admin.post(f"/accounts/{key}/new-link")
    assert "/setup/" in admin.get(f"/accounts/{key}").text
    assert eve.get("/users/").status_code == 303
    own = admin.sign_in("admin@example.com")
    admin.post(f"/accounts/{own}/new-link")
    assert admin.get("/users/").status_code == 200
    assert admin.post("/accounts/999/new-link").status_code == 404


def test_managing_accounts_asks_for_the_password_once_in_a_while(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    admin: Any = app.test_client()
    admin.get("/")
    set_password(app, "admin@example.com")
    admin.sign_in("admin@example.com")
    with admin.session_transaction() as kept:
        kept["fs_paa"] = 0
    assert admin.get("/accounts/").status_code == 200
    assert admin.get("/accounts/new").location == "/account/verify?next=/accounts/new"
    data = {"email": "eve@example.com", "role": "admin", "active": "true"}
    answer = admin.post("/accounts/new", data=data)
    assert answer.status_code == 401
    assert "eve@example.com" in answer.text
    assert "Confirm, in a new tab" in answer.text
    admin.post("/account/verify", data={"password": PASSWORD})
    assert admin.post("/accounts/new", data=data).status_code == 303


class TestCommand:
    """`webadmin accounts`."""

    @pytest.fixture
    def run(self, tables_uri: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Run the command on a fresh database, with a text on standard input."""
        monkeypatch.setenv("WEBADMIN_INSTANCE_PATH", str(tmp_path))
        monkeypatch.setenv("WEBADMIN_DATABASE_URI", tables_uri)

        def invoke(*arguments: str, typed: str = "") -> Result:
            return CliRunner().invoke(cli.main, ["accounts", *arguments], input=typed)

        return invoke

    def test_from_first_to_last(self, run: Any) -> None:
        added = run("add", "Ada@Example.com", "--role", "admin", typed=f"{PASSWORD}\n")
        assert (added.exit_code, added.stdout) == (0, "Made the account ada@example.com, admin.\n")
        assert run("add", "eve@example.com", typed=f"{PASSWORD}\n").exit_code == 0
        assert run("list").stdout.splitlines() == [
            "ada@example.com  admin  active",
            "eve@example.com  viewer  active",
        ]
        assert run("role", "eve@example.com", "editor").exit_code == 0
        assert run("disable", "eve@example.com").exit_code == 0
        assert "eve@example.com  editor  disabled" in run("list").stdout
        assert run("enable", "eve@example.com").exit_code == 0
        assert run("reset-two-factor", "eve@example.com").exit_code == 0
        assert run("password", "eve@example.com", typed="quite another passphrase\n").exit_code == 0

    @pytest.mark.parametrize(
        ("arguments", "typed", "message"),
        [
            (["add", "nonsense"], "", "no email address"),
            (["add", "new@example.com"], "short\n", "at least 12"),
            (["add", "new@example.com"], "", "at least 12"),
            (["add", "ada@example.com"], f"{PASSWORD}\n", "already"),
            (["password", "nobody@example.com"], "", "There is no account nobody@example.com"),
            (["role", "ada@example.com", "viewer"], "", LAST),
            (["disable", "ada@example.com"], "", LAST),
        ],
    )
    def test_what_goes_wrong(
        self, run: Any, arguments: list[str], typed: str, message: str
    ) -> None:
        run("add", "ada@example.com", "--role", "admin", typed=f"{PASSWORD}\n")
        result = run(*arguments, typed=typed)
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
        assert message in result.stderr
        assert PASSWORD not in result.output
        assert run("list").stdout == "ada@example.com  admin  active\n"

    def test_an_unknown_role(self, run: Any) -> None:
        result = run("add", "ada@example.com", "--role", "owner")
        assert result.exit_code == 2
        assert "'viewer', 'editor', 'admin'" in result.stderr
