"""Many records at once: the same values and the same history as one at a time."""

import json
from typing import Any

import pytest
from flask import Flask
from library_site import Site, library_app, library_site
from lists import statements
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from kin import HOUSES, PERMITS, PERSONS, House, Permit, Person, changes, everything, family, kin
from library import BOOKS, Author, Book, Shelf
from webadmin import bulk, images
from webadmin.database import db, writing
from webadmin.removing import NeededError
from webadmin.users import USERS, User

__all__ = ["kin", "library_app", "library_site"]


def test_rows_are_read_as_they_are_written(app: Flask) -> None:
    read = 0

    def people() -> Any:
        nonlocal read
        for read in range(1, 2501):
            yield {"name": f"Name {read}", "age": read % 90}

    with app.app_context(), writing():
        with statements() as run:
            assert bulk.insert(USERS, people()) == 2500
        db.session.commit()
        assert len(run) <= 6 * 3
        assert len(changes("id")) == 2500
        assert changes("number")[-1] == (2500,)
        assert changes("after")[0] == ('{"id":1,"name":"Name 1","age":1}',)


def test_rows_may_name_different_columns(app: Flask) -> None:
    with app.app_context(), writing():
        bulk.insert(USERS, [{"name": "A"}, {"age": 5}, {"id": 70, "name": "C", "age": 1}])
        db.session.commit()
        rows = db.session.execute(select(User.name, User.age).order_by(User.id)).all()
        assert sorted(map(tuple, rows), key=repr) == [("A", None), ("C", 1), (None, 5)]


def test_defaults_apply_and_are_recorded(site: Site) -> None:
    with site.app.app_context(), writing():
        bulk.insert(BOOKS, [{"title": "T", "in_print": True, "pages": 4, "extra": None}])
        db.session.commit()
        row = db.session.execute(select(Book).where(Book.title == "T")).scalar_one()
        assert (row.language, row.volume, row.sheets) == ("en", 1, 8)
        after = json.loads(str(changes("after")[-1][0]))
        assert (after["language"], after["volume"], after["sheets"]) == ("en", 1, 8)
        null = db.session.scalar(select(Book.extra.is_(None)).where(Book.title == "T"))
        assert null


def test_each_edit_has_its_own_values(app: Flask) -> None:
    with app.app_context(), writing():
        bulk.insert(USERS, ({"name": f"N{i}", "age": i} for i in range(1, 6)))
        edits = [((i,), {"age": i * 10} if i != 3 else {"age": 3}) for i in range(1, 6)]
        assert bulk.update(USERS, [*edits, ((99,), {"age": 1})]) == 5
        db.session.commit()
        ages = db.session.scalars(select(User.age).order_by(User.id)).all()
        assert ages == [10, 20, 3, 40, 50]
        assert changes("key", "before", "after")[5:] == [
            (str(i), f'{{"age":{i}}}', f'{{"age":{i * 10}}}') for i in (1, 2, 4, 5)
        ]


def test_json_is_emptied_to_null(site: Site) -> None:
    with site.app.app_context(), writing():
        bulk.update(BOOKS, [((1,), {"extra": {"a": [1]}, "copies": 2})])
        bulk.update(BOOKS, [((1,), {"extra": None})])
        db.session.commit()
        assert db.session.scalar(select(Book.extra.is_(None)).where(Book.id == 1))
        assert changes("before", "after")[-1] == (
            '{"extra":{"json":"{\\"a\\": [1]}"}}',
            '{"extra":null}',
        )


def test_a_record_that_others_need_stays(kin: Flask) -> None:
    with kin.app_context(), writing():
        family()
        db.session.add(Permit(id=1, person_id=1))
        db.session.commit()
        before, number = everything(), len(changes("id"))
        with pytest.raises(NeededError) as caught:
            bulk.delete(PERSONS, [(2,), (1,)])
        assert (caught.value.kept.name, caught.value.key) == ("permit", "1")
        db.session.rollback()
        assert everything() == before
        assert len(changes("id")) == number
        assert bulk.delete(PERMITS, [(1,)]) == 1
        assert bulk.delete(PERSONS, [(2,), (1,), (7,)]) == 2
        db.session.commit()


def test_conditions_are_checked_when_the_rows_are_locked(kin: Flask) -> None:
    with kin.app_context(), writing():
        family()
        assert bulk.delete(PERSONS, [(1,), (2,)], [Person.age == 36]) == 1
        assert db.session.scalars(select(Person.name)).all() == ["Bob"]
        db.session.rollback()


def test_a_refused_row_refuses_its_thousand(kin: Flask) -> None:
    with kin.app_context(), writing():
        bulk.insert(PERSONS, [{"name": "Ada"}])
        db.session.commit()
        with pytest.raises(DBAPIError):
            bulk.insert(PERSONS, [{"name": "Bob"}, {"name": "Ada"}])
        db.session.rollback()
        assert db.session.scalars(select(Person.name)).all() == ["Ada"]
        assert len(changes("id")) == 1


def test_every_kind_of_value_comes_back(site: Site) -> None:
    """Delete a record with a value of every type, and create it from its image."""
    from datetime import UTC, date, datetime, time, timedelta
    from decimal import Decimal
    from uuid import UUID

    from library import Mood

    values = {
        "id": 77, "title": "“Ü”\n\t", "author_id": 1, "shelf": "A", "isbn": "1", "summary": "🙂",
        "pages": 3, "copies": 2**60, "weight": 0.1, "height": 0.1, "price": Decimal("1.50"),
        "ratio": Decimal("2"), "in_print": True, "lent": False, "published": date(1, 1, 1),
        "printed_at": datetime(2026, 1, 2, 3, 4, 5, 678901), "read_at": time(23, 59, 59, 1),
        "sold_at": datetime(2026, 10, 25, 1, tzinfo=UTC), "loan": timedelta(days=40, seconds=1),
        "genre": "novel", "binding": "soft", "mood": Mood.WILD, "extra": {"a": [None, 1.5, "ü"]},
        "code": UUID(int=5), "mark": str(UUID(int=6)), "cipher": "abc", "language": "de",
        "data": "", "errors": -1, "sort": 0, "q": "null", "validate": None, "_private": "x",
    }  # fmt: skip
    with site.app.app_context(), writing():
        kept = images.kept(BOOKS)
        bulk.insert(BOOKS, [values])
        (stored,) = images.read(kept, [(77,)])
        bulk.delete(BOOKS, [(77,)])
        image = str(changes("before")[-1][0])
        back = kept.load(image)
        assert back["mood"] is Mood.WILD
        back.pop("sheets")  # it is computed
        bulk.insert(BOOKS, [back])
        assert list(images.read(kept, [(77,)])[0]) == list(stored)
        assert kept.text(images.read(kept, [(77,)])[0]) == image
        db.session.rollback()
        assert db.session.get(Author, 1) is not None
        assert db.session.get(Shelf, 1) is not None


def test_statements_do_not_grow_with_the_records(kin: Flask) -> None:
    with kin.app_context(), writing():
        bulk.insert(HOUSES, ({"name": str(i)} for i in range(900)))
        keys = db.session.execute(select(House.id)).all()
        with statements() as run:
            assert bulk.update(HOUSES, ((key, {"name": "Elm"}) for key in keys)) == 900
            assert bulk.delete(HOUSES, keys) == 900
        bound = [sql for sql, _ in run if "house" in sql or "change" in sql]
        assert len(bound) < 20
        db.session.rollback()


def test_keys_that_are_given_are_not_given_out_again(app: Flask) -> None:
    with app.app_context(), writing():
        bulk.insert(USERS, [{"id": 5, "name": "Five"}, {"id": 7, "name": "Seven"}])
        bulk.insert(USERS, [{"name": "Next"}] * 2)
        db.session.commit()
        assert db.session.scalars(select(User.id).order_by(User.id)).all() == [5, 7, 8, 9]
