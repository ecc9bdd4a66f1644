"""`webadmin accounts`: who may sign in, from the command line."""

import sys
from collections.abc import Callable

import click
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from webadmin import accounts as _accounts
from webadmin import passwords, schema
from webadmin.accounts import Account
from webadmin.cli_site import site
from webadmin.config import ConfigError
from webadmin.database import db, writing
from webadmin.permissions import Role
from webadmin.saving import RefusedError

ROLE = click.Choice([role.value for role in Role])


@click.group(name="accounts")
def accounts() -> None:
    """Make accounts and change them: who may sign in, and as what.

    Example: webadmin accounts add ada@example.com --role admin
    """


@accounts.command()
@click.argument("email")
@click.option("--role", type=ROLE, default=Role.VIEWER.value, show_default=True)
@click.pass_obj
def add(overrides: dict[str, object], email: str, role: str) -> None:
    """Make an account; its password is asked for, or read from standard input.

    Example: webadmin accounts add ada@example.com --role admin
    """
    name = _email(email)
    with site(overrides):
        schema.upgrade()
        if _accounts.find(name) is not None:
            raise ConfigError(f"There is an account {name} already.")
        hashed = _hashed(name)
        with writing():
            db.session.add(Account(email=name, role=role, active=True, password=hashed))
            _commit(f"There is an account {name} already.")
    click.echo(f"Made the account {name}, {role}.")


@accounts.command(name="list")
@click.pass_obj
def list_(overrides: dict[str, object]) -> None:
    """List the accounts.

    Example: webadmin accounts list
    """
    with site(overrides):
        for each in db.session.scalars(select(Account).order_by(Account.email)):
            state = "active" if each.active else "disabled"
            factor = ", two-factor" if each.two_factor else ""
            click.echo(f"{each.email}  {each.role}  {state}{factor}")


@accounts.command()
@click.argument("email")
@click.pass_obj
def password(overrides: dict[str, object], email: str) -> None:
    """Set another password; every session of the account ends.

    Example: webadmin accounts password ada@example.com
    """
    with site(overrides):
        hashed = _hashed(_found(email).email)

        def change(account: Account) -> None:
            account.password = hashed
            _accounts.renew(account)

        _change(email, change)
    click.echo(f"The password of {_email(email)} is set; its sessions were ended.")


@accounts.command()
@click.argument("email")
@click.argument("role", type=ROLE)
@click.pass_obj
def role(overrides: dict[str, object], email: str, role: str) -> None:
    """Give an account another role.

    Example: webadmin accounts role ada@example.com editor
    """
    with site(overrides):
        _change(email, lambda account: setattr(account, "role", role))
    click.echo(f"{_email(email)} is {role} now.")


@accounts.command()
@click.argument("email")
@click.pass_obj
def disable(overrides: dict[str, object], email: str) -> None:
    """Shut an account out; every session of it ends.

    Example: webadmin accounts disable ada@example.com
    """
    with site(overrides):
        _change(email, lambda account: setattr(account, "active", False))
    click.echo(f"{_email(email)} cannot sign in any more.")


@accounts.command()
@click.argument("email")
@click.pass_obj
def enable(overrides: dict[str, object], email: str) -> None:
    """Let a disabled account sign in again.

    Example: webadmin accounts enable ada@example.com
    """
    with site(overrides):
        _change(email, lambda account: setattr(account, "active", True))
    click.echo(f"{_email(email)} can sign in again.")


@accounts.command(name="reset-two-factor")
@click.argument("email")
@click.pass_obj
def reset_two_factor(overrides: dict[str, object], email: str) -> None:
    """Take the second factor from an account whose owner has lost it.

    Example: webadmin accounts reset-two-factor ada@example.com
    """
    with site(overrides):
        _change(email, _accounts.reset_two_factor)
    click.echo(f"{_email(email)} signs in without a second factor now.")


def _email(text: str) -> str:
    try:
        return _accounts.normal_email(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no email address. {error}") from None


def _found(email: str) -> Account:
    found = _accounts.find(_email(email))
    if found is None:
        raise ConfigError(
            f"There is no account {_email(email)}. See those there are: webadmin accounts list"
        )
    return found


def _hashed(email: str) -> str:
    """Return the hash of a password that is asked for, or stands on standard input."""
    from flask_security import hash_password

    if sys.stdin.isatty():
        text = click.prompt("Password", hide_input=True, confirmation_prompt="Once more")
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    password = passwords.normal(text)
    problem = passwords.problem(password, [email, "webadmin"])
    if problem:
        raise ConfigError(problem)
    hashed: str = hash_password(password)
    return hashed


def _change(email: str, change: Callable[[Account], None]) -> None:
    db.session.rollback()
    with writing():
        change(_found(email))
        _commit("The account was changed by somebody else. Try again.")


def _commit(otherwise: str) -> None:
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise ConfigError(otherwise) from None
    except RefusedError as error:
        raise ConfigError(str(error)) from None
