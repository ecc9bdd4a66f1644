"""The timeline: changes found by keyset, and put into words."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

from flask_babel import (
    format_date,
    format_datetime,
    format_time,
    format_timedelta,
    get_timezone,
    to_utc,
)
from markupsafe import Markup, escape
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from webadmin import (
    differences,
    filters,
    formats,
    forms,
    history,
    images,
    keys,
    prepared,
    records,
    undo,
)
from webadmin.columns import Column
from webadmin.database import asking, dialect, read
from webadmin.history import CREATE, DELETE, EDIT, PRUNE, Change
from webadmin.messages import gettext
from webadmin.permissions import Action, Role
from webadmin.resource import Resource
from webadmin.templating import number

SIZE = 50
# Where only the first change of each kind in a batch is wanted: a literal, or no DBMS would use
# the index of just those.
FIRST = Change.number == literal_column("1")

_TABLE: Any = Change.__table__  # rows of it are read in a fraction of the time that objects take
# Each column takes PyMySQL as long as a value of it takes the database.
_READ = [each for each in _TABLE.columns if each.key not in ("number", "submission")]
_NAMES = (*(each.key for each in _READ), "undone", "many")


@dataclass(frozen=True)
class Entry:
    """One change in words.

    Attributes:
        change: The change.
        resource: Its resource, or None.
        title: What the record is called: "User 5".
        words: What happened: "Created", "Deleted"; "" where the fields tell it.
        fields: Label and difference of each field that changed, or that was deleted.
        many: How many changes of its kind the batch has, where the entry stands for all of them.
        ago: When, in words; `at` is the full time.
        may_undo: Whether the account that asks may take it back.
        undone: Whether it is taken back already.
        as_batch: Whether its batch is undone with it: what it stands for, or what went along.
    """

    change: Change
    resource: Resource | None
    title: str
    words: str
    fields: list[tuple[Any, Markup]]
    many: int
    ago: str
    at: str
    may_undo: bool
    undone: bool
    as_batch: bool


@dataclass(frozen=True)
class Found:
    """A page of changes, and where the next older ones begin (0: there are none)."""

    entries: list[Entry]
    older: int = 0


def visible() -> ColumnElement[bool]:
    """Return the condition for changes that the account that asks may see.

    Of a resource with a scope those are its own: whether the record of another's change would
    have been in scope then, nobody knows any more.
    """
    account = asking()
    parts: list[ColumnElement[bool]] = []
    for name, resource in records.resources().items():
        if not filters.may(Action.VIEW, resource):
            continue
        own: Any = Change.resource == name
        if filters.scope(resource):
            own = and_(own, Change.account_id == getattr(account, "id", None))
        parts.append(own)
    if account is None or account.role is Role.ADMIN:
        parts.append(Change.action == PRUNE)
    return or_(false(), *parts)


def everything(
    *conditions: ColumnElement[bool], older: int = 0, size: int = SIZE, whole: bool = False
) -> Found:
    """Return changes of all resources, the last first.

    Args:
        conditions: What is wanted of them.
        older: The id to go on from.
        size: How many at most.
        whole: Whether every change is wanted; otherwise one stands for all of its kind in a batch.
    """
    statement = select(*_READ).where(visible(), *conditions)
    if not whole:
        statement = statement.where(FIRST)
    if older:
        statement = statement.where(Change.id < older)
    return _found(read(_with_others(statement), {"most": size + 1}), size, grouped=not whole)


def of_record(resource: Resource, key: str, older: int = 0, size: int = SIZE) -> Found:
    """Return the changes of one record, the last first.

    Args:
        resource: What it is of.
        key: The text of its key. One out of scope counts as gone: then only one's own are found.
        older: The id to go on from.
        size: How many at most.
    """
    parsed = keys.parse_key(resource, key, dialect())
    scoped = bool(filters.scope(resource))
    own = scoped and (parsed is None or not records.exists(resource, parsed))
    named = history.naming(images.home(resource).name, key)
    rest = {"older": older, "own": getattr(asking(), "id", None), "most": size + 1}
    return _found(prepared.rows(_of_record(own, older > 0), named | rest), size, grouped=False)


@cache
def _of_record(own: bool, older: bool) -> Select[Any]:
    found = select(*_READ).where(*history.of_record())
    if own:
        found = found.where(Change.account_id == bindparam("own"))
    if older:
        found = found.where(Change.id < bindparam("older"))
    return _with_others(found)


def _found(rows: Iterable[Sequence[Any]], size: int, grouped: bool) -> Found:
    changes = [SimpleNamespace(**dict(zip(_NAMES, row, strict=True))) for row in rows]
    more, changes = len(changes) > size, changes[:size]
    return Found([_entry(one, grouped) for one in changes], changes[-1].id if more else 0)


def _with_others(wanted: Select[Any]) -> Select[Any]:
    """Return the SELECT of the last `most` changes, each with what others tell of it.

    `undone`: whether it was taken back, and not made anew by undoing that; `many`: how many there
    are of its kind in its batch.
    """
    change = wanted.order_by(Change.id.desc()).limit(bindparam("most", type_=Integer())).subquery()
    undoing, again, last = aliased(Change), aliased(Change), aliased(Change)
    redone = select(literal_column("1")).where(again.undoes == undoing.id).exists()
    undone = select(literal_column("1")).where(undoing.undoes == change.c.id, ~redone).exists()
    same = (getattr(last, name) == change.c[name] for name in ("batch", "resource", "action"))
    many = select(last.number).where(*same).order_by(last.id.desc()).limit(1).scalar_subquery()
    found = select(change, undone.label("undone"), many.label("many"))
    return found.order_by(change.c.id.desc())


def _entry(one: Any, grouped: bool) -> Entry:
    resource = records.resources().get(one.resource)
    alone, undone = one.many == 1, one.undone
    many = one.many if grouped else 1
    return Entry(
        change=one,
        resource=resource,
        title=_title(resource, one),
        words=_words(one, many, resource),
        fields=_fields(resource, one) if resource and many == 1 else [],
        many=many,
        ago=_ago(one.at),
        at=format_datetime(one.at, "long"),
        may_undo=undo.may(one) and not undone,
        undone=undone,
        as_batch=many > 1 or (alone and one.action == DELETE),
    )


def _title(resource: Resource | None, one: Change) -> str:
    if resource is None:
        return one.resource if one.action != PRUNE else ""
    label = resource.label_column.name
    known = json.loads(one.before or one.after or "{}") if one.action != EDIT else {}
    name = known.get(label)
    if isinstance(name, str) and name:
        return name
    return f"{resource.labels[0]} {keys.readable(resource, one.key)}"


def _words(one: Change, many: int, resource: Resource | None) -> str:
    if one.action == PRUNE:
        return str(gettext("Older changes were removed from the history"))
    if many > 1 and resource:
        return _words_of_many(one, many, resource)
    if one.action == CREATE and one.undoes:
        return str(gettext("Brought back"))
    if one.action == CREATE and one.source:
        return str(gettext("Created by import of %(file)s", file=one.source))
    if one.action == CREATE:
        return str(gettext("Created"))
    if one.action == DELETE:
        return str(gettext("Creation undone") if one.undoes else gettext("Deleted"))
    return str(gettext("Change undone")) if one.undoes else ""


def _words_of_many(one: Change, many: int, resource: Resource) -> str:
    label = resource.labels[1]
    if one.action == CREATE and one.source:
        return str(
            gettext(
                "%(label)s: %(number)s created by import of %(file)s",
                label=label, number=number(many), file=one.source,
            )
        )  # fmt: skip
    texts = {
        CREATE: gettext("%(label)s: %(number)s created", label=label, number=number(many)),
        EDIT: gettext("%(label)s: %(number)s changed", label=label, number=number(many)),
        DELETE: gettext("%(label)s: %(number)s deleted", label=label, number=number(many)),
    }
    return str(texts[one.action])


def _fields(resource: Resource, one: Change) -> list[tuple[Any, Markup]]:
    before, after = json.loads(one.before or "{}"), json.loads(one.after or "{}")
    found = []
    for name in before if one.action != CREATE else ():
        column = images.kept(resource).columns.get(name)
        if column is None:
            continue
        known = name in resource.columns
        label = forms.label_of(resource, name) if known else column.source.info.get("label", name)
        if one.action == EDIT:
            found.append((label, difference(column, before[name], after.get(name))))
        elif before[name] is not None:
            found.append((label, Markup("{}").format(shown(column, before[name]))))
    return found


def difference(column: Column, old: Any, new: Any) -> Markup:
    """Return the difference of two values of a column, given as data of images."""
    if images.is_hidden(old) and images.is_hidden(new):
        return escape(gettext("changed; the values are not kept"))
    if isinstance(old, str) and isinstance(new, str) and column.is_text:
        merged = differences.texts(old, new)
        if merged is not None:
            return merged
    return differences.values(shown(column, old), shown(column, new))


def shown(column: Column, data: Any) -> Any:
    """Return data of an image as people read it."""
    if images.is_hidden(data):
        return gettext("not kept")
    try:
        return formats.formatter(column, short=True)(column.load(data))
    except ValueError:
        return str(data)


def _ago(at: datetime) -> str:
    """Return a time in plain words."""
    gone = datetime.now(UTC).replace(tzinfo=None) - at
    if gone < timedelta(minutes=1):
        return str(gettext("just now"))
    if gone < timedelta(hours=1):
        return str(format_timedelta(-gone, add_direction=True))
    zone = get_timezone()
    local = at.replace(tzinfo=UTC).astimezone(zone)
    days = (datetime.now(zone).date() - local.date()).days
    clock = format_time(local, "short", rebase=False)
    if days == 0:
        return str(gettext("today %(time)s", time=clock))
    if days == 1:
        return str(gettext("yesterday %(time)s", time=clock))
    return f"{format_date(local, rebase=False)} {clock}"


def accounts() -> list[tuple[int, str]]:
    """Return id and name of accounts that have changed something, at most a hundred.

    Each step of the recursion asks the index for the next account, past all its changes.
    """
    first = select(func.min(Change.account_id).label("id")).where(FIRST)
    each = first.cte("each_account", recursive=True)
    beyond = select(func.min(Change.account_id)).where(FIRST, Change.account_id > each.c.id)
    step = select(beyond.scalar_subquery()).where(each.c.id.is_not(None))
    each = each.union_all(step)
    name = select(Change.account).where(FIRST, Change.account_id == each.c.id)
    name = name.order_by(Change.id.desc()).limit(1)
    statement = select(each.c.id, name.scalar_subquery()).where(each.c.id.is_not(None)).limit(100)
    return [(row[0], row[1] or str(row[0])) for row in read(statement)]


def moment(day: date, after: bool = False) -> datetime:
    """Return when a day begins, or ends, where the site's times are shown, in UTC."""
    return to_utc(datetime.combine(day + timedelta(days=after), time())).replace(tzinfo=None)  # type: ignore[no-any-return]
