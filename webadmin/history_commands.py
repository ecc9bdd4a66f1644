"""The commands of the history: what happened, undo, and the one way for old changes to go."""

from datetime import UTC, date, datetime, time
from typing import Any

import click
from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError

from webadmin import history, records, undo
from webadmin.cli_site import site
from webadmin.config import ConfigError
from webadmin.database import db, writing
from webadmin.history import PRUNE, Change, Entry
from webadmin.saving import RefusedError

PART = 10_000  # changes in a transaction of `prune`: other writers wait no longer than it takes


def lines(limit: int, resource: str = "", key: str = "", batch: str = "") -> list[str]:
    """Return the last changes, the last first, a line for each.

    Raises:
        ConfigError: There is no such resource.
    """
    statement = select(Change).order_by(Change.id.desc()).limit(limit)
    if resource:
        if resource not in records.resources():
            known = ", ".join(records.resources())
            raise ConfigError(f"There is no resource {resource!r}. Known are: {known}.")
        statement = statement.where(Change.resource == resource)
    if key:
        statement = statement.where(Change.key == key)
    if batch:
        statement = statement.where(Change.batch == batch)
    return [_line(one) for one in db.session.scalars(statement)]


def _line(one: Change) -> str:
    parts = [f"{one.at:%Y-%m-%d %H:%M:%S}", one.batch, one.account or "-", one.action]
    parts.append(f"{one.resource}/{one.key}" if one.key else one.resource)
    parts += [f"{one.before or ''} -> {one.after or ''}"]
    return "  ".join(parts)


def take_back(batch: str) -> int:
    """Undo a batch and return how many changes were taken back.

    Raises:
        ConfigError: There is no such batch, or something is in the way.
        sqlalchemy.exc.DBAPIError: The database cannot be used.
    """
    exists = select(Change.id).where(Change.batch == batch).limit(1)
    if db.session.scalar(exists) is None:
        raise ConfigError(f"There is no batch {batch!r}. Its name stands in `webadmin history`.")
    try:
        outcome = undo.batch(batch)
    except (DBAPIError, RefusedError) as error:
        db.session.rollback()
        raise ConfigError(f"The database refuses to undo it: {_said(error)}.") from None
    if outcome.problems:
        db.session.rollback()
        first = outcome.problems[0]
        raise ConfigError(
            f"Nothing was undone. {first.name}/{first.key}: {first.message} "
            f"({len(outcome.problems)} of its changes cannot be undone.)"
        )
    db.session.commit()
    return outcome.number


def _said(error: Any) -> str:
    return str(getattr(error, "orig", error)).strip().splitlines()[0].rstrip(".")


def prune(before: date) -> int:
    """Remove the changes before a day (UTC), record that, and return how many they were.

    Raises:
        sqlalchemy.exc.DBAPIError: The database refuses.
    """
    until = datetime.combine(before, time())
    removed = 0
    while True:
        # The oldest ones by key, as far as they are older: no index of times is needed.
        oldest = select(Change.id, Change.at).order_by(Change.id).limit(PART)
        old = [row.id for row in db.session.execute(oldest) if row.at < until]
        if not old:
            break
        table = Change.__table__
        gone = delete(table).where(table.c.id <= old[-1], table.c.at < until)
        removed += db.session.connection().execute(gone).rowcount
        db.session.commit()
    if removed:
        entry = Entry("", None, f'{{"before":"{before}","number":{removed}}}')
        history.record("history", PRUNE, [entry])
        db.session.commit()
    return removed


@click.group("history", invoke_without_command=True)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=20,
    show_default=True,
    help="How many changes at most.",
)
@click.option("--resource", default="", help="Only those of a resource, such as users.")
@click.option("--key", default="", help="Only those of the record with this key.")
@click.option("--batch", default="", help="Only those of a batch.")
@click.pass_context
def history_group(
    context: click.Context, *, limit: int, resource: str, key: str, batch: str
) -> None:
    """Show the last changes: time (UTC), batch, account, action, record, before -> after.

    Example: webadmin history --resource users --limit 5
    """
    if context.invoked_subcommand is not None:
        return
    with site(context.obj):
        for line in lines(limit, resource, key, batch):
            click.echo(line)


@history_group.command("prune")
@click.option(
    "--before",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The first day whose changes stay, such as 2026-03-31.",
)
@click.pass_context
def prune_command(context: click.Context, before: datetime) -> None:
    """Remove the changes before DATE for ever; they cannot be undone any more.

    That this was done is itself a change in the history.

    Example: webadmin history prune --before 2026-01-01
    """
    if before > datetime.now(UTC).replace(tzinfo=None):
        raise ConfigError("That day is still to come. Name a day that has been.")
    with site(context.obj), writing():
        click.echo(f"Removed {prune(before.date()):,} changes from the history.")


@click.command("undo")
@click.argument("batch")
@click.pass_context
def undo_command(context: click.Context, batch: str) -> None:
    """Undo BATCH: all changes of one transaction, unless somebody has built on them.

    Its name stands in `webadmin history`. Exit status 1 where nothing was undone.

    Example: webadmin undo 0123456789abcdef
    """
    with site(context.obj), writing():
        number = take_back(batch)
        click.echo(f"Undid {number:,} change{'s' if number != 1 else ''}.")


COMMANDS: tuple[click.Command, ...] = (history_group, undo_command)
