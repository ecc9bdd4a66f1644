"""The operations that are compared: what each asks each contestant for, and what is right."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from expected import RARE_NAME, SIZE, Person, holds_detail, holds_list, holds_names, mentions
from expected import people as read
from peers import DJANGO, FLASK_ADMIN, SQLADMIN
from sites import HAND, OURS, dbms
from sqlalchemy import make_url

from webadmin import cursors, keyset
from webadmin.users import USERS

DEEP = 18_000  # the page far down; in a shorter list the one in the middle
LIST, DETAIL = "list", "one record"
COMMON = "fra"  # Frank, François and others: one person in 76, at the beginning of a word
LIST_OF = {
    OURS: "/users/",
    HAND: "/users/",
    FLASK_ADMIN: "/admin/user/",
    SQLADMIN: "/admin/user/list?pageSize=50",
    DJANGO: "/admin/bench/user/",
}
FORM_OF = {OURS: "/users/new", FLASK_ADMIN: "/admin/user/new/"}

Check = Callable[[str], None]


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: What it is called in the tables.
        most: How many times as long as its yardstick ours may take.
        check: Raises WrongAnswerError unless a page holds what it should.
        paths: What each contestant is asked for that has such a page.
        yardstick: The contestant, or else the operation of ours, that it is measured by.
        checks: The checks of contestants whose pages look otherwise.
    """

    name: str
    most: float
    check: Check
    paths: Mapping[str, str]
    yardstick: str = LIST
    checks: Mapping[str, Check] | None = None

    def check_of(self, contestant: str) -> Check:
        """Return the check of a contestant's page."""
        return (self.checks or {}).get(contestant, self.check)


def operations(uri: str, rows: int) -> list[Operation]:
    """Return the operations on the table of a database."""
    return [*_pages(uri, rows), *_sorts(uri), *_searches(uri), *_records(uri, rows)]


def _pages(uri: str, rows: int) -> list[Operation]:
    deep = DEEP if rows >= DEEP * SIZE else rows // SIZE // 2
    start = (deep - 1) * SIZE
    before = read(uri, f"ORDER BY id OFFSET {start - 1}", 1)[0][0]
    keys = keyset.sort_keys(USERS, USERS.ordering, make_url(uri).get_backend_name())
    far = {
        OURS: f"/users/?after={cursors.encode(start, keys, [before])}",
        HAND: f"/users/?after={before}",
        FLASK_ADMIN: f"/admin/user/?page={deep - 1}",
        SQLADMIN: f"/admin/user/list?pageSize=50&page={deep}",
        DJANGO: f"/admin/bench/user/?p={deep}",
    }
    last = {OURS: "/users/?before=end", HAND: "/users/?before=end"}
    right = holds_list(read(uri, f"ORDER BY id OFFSET {start}"))
    end = holds_list(read(uri, "ORDER BY id DESC")[::-1])
    return [
        Operation(LIST, 2.5, holds_list(read(uri, "ORDER BY id")), LIST_OF, HAND),
        Operation(f"page {deep:,}", 1.2, right, far),
        Operation("last page", 1.2, end, last),
    ]


def _sorts(uri: str) -> list[Operation]:
    by_name = read(uri, "ORDER BY name, id")
    names = {
        OURS: "/users/?sort=name",
        FLASK_ADMIN: "/admin/user/?sort=1",
        SQLADMIN: "/admin/user/list?pageSize=50&sortBy=name&sort=asc",
        DJANGO: "/admin/bench/user/?o=2",
    }
    checks = {FLASK_ADMIN: holds_names(by_name), SQLADMIN: holds_names(by_name)}
    # Without their NULLs, which come last, so that an index serves where there is one.
    by_age = holds_list(read(uri, "WHERE age IS NOT NULL ORDER BY age, id"))
    of_age = holds_list(read(uri, "WHERE age = 42 ORDER BY id"))
    between = holds_list(read(uri, "WHERE age >= 30 AND age < 40 ORDER BY id"))
    return [
        Operation("sort by name", 1.5, holds_list(by_name), names, checks=checks),
        Operation("sort by age", 1.5, by_age, {OURS: "/users/?sort=age"}),
        Operation("filter by age", 1.5, of_age, {OURS: "/users/?age=42"}),
        Operation("filter by a range", 1.5, between, {OURS: "/users/?age__gte=30&age__lt=40"}),
    ]


def _searches(uri: str) -> list[Operation]:
    # MariaDB has no index that finds the inside of words.
    rare = RARE_NAME[:9] if dbms(uri) == "MariaDB" else RARE_NAME[2:10]
    found = []
    for name, term in (("rare search", rare.lower()), ("common search", COMMON)):
        right = read(uri, f"WHERE {_like(uri, term)} ORDER BY id")
        paths = {
            OURS: f"/users/?q={term}",
            FLASK_ADMIN: f"/admin/user/?search={term}",
            SQLADMIN: f"/admin/user/list?pageSize=50&search={term}",
            DJANGO: f"/admin/bench/user/?q={term}",
        }
        found.append(Operation(name, 3.0, holds_list(right), paths))
    return found


def _like(uri: str, term: str) -> str:
    """Return the condition that a name has a term in it, in upper or lower case."""
    return f"name {'ILIKE' if dbms(uri) == 'PostgreSQL' else 'LIKE'} '%{term}%'"


def _records(uri: str, rows: int) -> list[Operation]:
    one: Person = read(uri, f"WHERE age IS NOT NULL AND id > {rows // 3} ORDER BY id", 1)[0]
    paths = {
        OURS: f"/users/{one[0]}",
        HAND: f"/users/{one[0]}",
        FLASK_ADMIN: f"/admin/user/details/?id={one[0]}",
        SQLADMIN: f"/admin/user/details/{one[0]}",
        DJANGO: f"/admin/bench/user/{one[0]}/change/",
    }
    others = dict.fromkeys((FLASK_ADMIN, SQLADMIN, DJANGO), mentions(one))
    return [Operation(DETAIL, 2.5, holds_detail(one), paths, HAND, others)]
