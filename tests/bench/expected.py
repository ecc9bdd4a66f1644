"""What pages must hold: people read by plain SQL, and the checks of pages against them."""

import re
from collections.abc import Callable, Sequence
from html import unescape

from client import WrongAnswerError
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

Person = tuple[int, str, int | None]
SIZE = 50  # records of a page
RARE_NAME = "Quetzalcoatl Xochipilli"  # three people of each table are called so

_CELL = re.compile(r"<(t[hd])\b[^>]*>(.*?)</\1>", re.DOTALL)
_VALUE = re.compile(r"<dd\b[^>]*>(.*?)</dd>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def people(uri: str, rest: str, number: int = SIZE) -> Sequence[Person]:
    """Return people by plain SQL.

    Args:
        uri: The database.
        rest: WHERE and ORDER BY, and OFFSET if need be, without LIMIT.
        number: How many.
    """
    statement, offset, start = rest.partition(" OFFSET ")
    limited = f"SELECT id, name, age FROM users {statement} LIMIT {number}{offset}{start}"
    with create_engine(uri, poolclass=NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(text(limited))]


def count(uri: str, rest: str) -> int:
    """Return the number that SELECT count(*) FROM and `rest` say."""
    with create_engine(uri, poolclass=NullPool).connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {rest}")).scalar_one())


def name_rare_ones(uri: str, rows: int) -> None:
    """Give three people of the table the rare name, as another program would."""
    statement = text("UPDATE users SET name = :name WHERE id IN (:a, :b, :c)")
    keys = {"a": rows // 4, "b": rows // 2, "c": rows // 4 * 3}
    with create_engine(uri, poolclass=NullPool).begin() as connection:
        connection.execute(statement, {"name": RARE_NAME, **keys})


def holds_list(people: Sequence[Person]) -> Callable[[str], None]:
    """Return the check that the table of a page has exactly these people, in this order."""

    def check(page: str) -> None:
        found = rows(page)
        if len(found) != len(wanted):
            raise WrongAnswerError(f"{len(found)} records instead of {len(wanted)}")
        for number, (there, right) in enumerate(zip(found, wanted, strict=True), 1):
            # Whatever else stands in a row, its id, name and age stand side by side.
            at = there.index(right[0]) if right[0] in there else -4
            shown = there[at : at + 3] if at >= 0 else there
            if shown[:2] != right[:2] or _number(shown[2]) != right[2]:
                raise WrongAnswerError(f"record {number} is {shown} instead of {right}")

    wanted = [[str(id_), name, "" if age is None else str(age)] for id_, name, age in people]
    return check


def holds_names(people: Sequence[Person]) -> Callable[[str], None]:
    """Return the check that a page has people of these names, in this order.

    A list that is sorted by name alone may have those of one name in any order.
    """

    def check(page: str) -> None:
        found = rows(page)
        if len(found) != len(people):
            raise WrongAnswerError(f"{len(found)} records instead of {len(people)}")
        for number, (there, person) in enumerate(zip(found, people, strict=True), 1):
            if person[1] not in there:
                raise WrongAnswerError(f"record {number} is {there} instead of {person[1]}")

    return check


def holds_detail(person: Person) -> Callable[[str], None]:
    """Return the check that a page shows the values of one person, in a list of definitions."""

    def check(page: str) -> None:
        found = [_text(value) for value in _VALUE.findall(page)]
        if not set(wanted) <= set(found):
            raise WrongAnswerError(f"the values are {found} instead of {wanted}")

    wanted = [str(value) for value in person if value is not None]
    return check


def mentions(person: Person) -> Callable[[str], None]:
    """Return the check that a page has the values of one person anywhere."""

    def check(page: str) -> None:
        if not all(value in unescape(page) for value in wanted):
            raise WrongAnswerError(f"{wanted} are not all there")

    wanted = [str(value) for value in person if value is not None]
    return check


def rows(page: str) -> list[list[str]]:
    """Return the texts of the cells of a page's last table, row by row."""
    body = page.rpartition("</thead>")[2].partition("</table>")[0]
    return [[_text(cell) for _, cell in _CELL.findall(row)] for row in body.split("<tr")[1:]]


def _text(html: str) -> str:
    return unescape(_TAG.sub("", html)).strip()


def _number(text: str) -> str:
    """Return a number as text; nothing for the words that say there is none."""
    return text if text.isdigit() else ""
