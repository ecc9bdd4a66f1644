"""History: what is written is what happened, in the same transaction, whoever writes."""

import json
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, insert, select, text, update

from kin import HOUSES, House, Person, Pet, changes, family, kin
from pages import add_people, edit, hidden
from webadmin import bulk, counts, history, images
from webadmin.database import db, writing
from webadmin.permissions import Role
from webadmin.recording import UntrackedWriteError
from webadmin.users import USERS, User

__all__ = ["kin"]
KEPT = ("resource", "key", "action", "before", "after")


def test_the_pages_leave_a_history(app: Flask, client: FlaskClient) -> None:
    token = hidden(client.get("/users/new"), "_submission")
    client.post("/users/new", data={"name": "Zoë", "age": "7", "_submission": token})
    edit(client, 1, age="8")
    client.post("/users/1/delete")
    with app.app_context():
        assert changes(*KEPT) == [
            ("users", "1", "create", None, '{"id":1,"name":"Zoë","age":7}'),
            ("users", "1", "edit", '{"age":7}', '{"age":8}'),
            ("users", "1", "delete", '{"id":1,"name":"Zoë","age":8}', None),
        ]
        batches = {batch for (batch,) in changes("batch")}
        assert len(batches) == 3


def test_what_is_refused_or_changes_nothing_leaves_none(app: Flask, client: FlaskClient) -> None:
    add_people(app, [("Ada", 36)])
    edit(client, 1, age="36")
    edit(client, 1, age="old")
    with app.app_context():
        assert changes("id") == []


def test_a_transaction_that_is_rolled_back_leaves_none(kin: Flask) -> None:
    with kin.app_context(), writing():
        db.session.add(House(name="Elm"))
        db.session.flush()
        bulk.insert(HOUSES, [{"name": "Oak"}])
        assert len(changes("id")) == 2
        db.session.rollback()
        assert changes("id") == []


def test_a_savepoint_that_is_rolled_back_leaves_none(kin: Flask) -> None:
    with kin.app_context(), writing():
        bulk.insert(HOUSES, [{"name": "Elm"}])
        savepoint = db.session.begin_nested()
        bulk.insert(HOUSES, [{"name": "Oak"}, {"name": "Ash"}])
        savepoint.rollback()
        with db.session.begin_nested():
            bulk.insert(HOUSES, [{"name": "Yew"}])
        db.session.commit()
        assert changes("number", "after") == [
            (1, '{"id":1,"name":"Elm"}'),
            (2, changes("after")[1][0]),
        ]
        assert "Yew" in str(changes("after")[1][0])
        assert len({batch for (batch,) in changes("batch")}) == 1


def test_who_and_when_are_kept(kin: Flask) -> None:
    with kin.app_context(), writing():
        account = SimpleNamespace(id=7, email="ada@example.com", role=Role.ADMIN)
        db.session.info["account"] = account
        db.session.add(House(name="Elm"))
        db.session.commit()
        ((at, account_id, name),) = changes("at", "account_id", "account")
        assert (account_id, name) == (7, "ada@example.com")
        now = history._now()
        assert abs((now - at).total_seconds()) < 60  # type: ignore[operator]
        db.session.info.pop("account")


def test_times_have_microseconds(kin: Flask) -> None:
    with kin.app_context(), writing():
        for number in range(20):
            db.session.add(House(name=f"House {number}"))
            db.session.commit()
        assert any(at.microsecond % 1000 for (at,) in changes("at"))  # type: ignore[attr-defined]


def test_secrets_and_binaries_are_not_kept(kin: Flask) -> None:
    with kin.app_context(), writing():
        ada = Person(name="Ada", password="open sesame", picture=b"\x00\x01")
        db.session.add(ada)
        db.session.commit()
        ada.password, ada.picture = "other", b"\x02\x03"
        db.session.commit()
        db.session.delete(ada)
        db.session.commit()
        created, edited, deleted = changes("before", "after")
        for image in (created[1], edited[0], edited[1], deleted[0]):
            kept = json.loads(str(image))
            assert kept["password"] == {"hidden": "string"}
            assert kept["picture"] == {"hidden": "binary"}
        assert "sesame" not in str(changes("before", "after"))


def test_a_bulk_statement_of_the_session_is_refused(app: Flask) -> None:
    add_people(app)
    with app.app_context(), writing():
        for statement in (
            update(User).values(age=1),
            delete(User),
            delete(User).where(User.id == 1),
        ):
            with pytest.raises(UntrackedWriteError, match="bulk"):
                db.session.execute(statement)
        assert db.session.scalar(select(User.age).where(User.id == 1)) == 36


def test_what_goes_along_is_recorded_one_by_one(kin: Flask) -> None:
    with kin.app_context(), writing():
        family()
        from kin import PERSONS

        before = len(changes("id"))
        assert bulk.delete(PERSONS, [(1,)]) == 1
        db.session.commit()
        found = changes("resource", "key", "action")[before:]
        assert sorted(found) == [
            ("letter", "1", "delete"),
            ("person", "1", "delete"),
            ("pet", "1", "delete"),
            ("table:membership", "1,1", "delete"),
            ("table:toy", "1", "delete"),
        ]
        assert found.index(("table:toy", "1", "delete")) < found.index(("pet", "1", "delete"))
        assert found[-1] == ("person", "1", "delete")
        assert len(set(changes("batch")[before:])) == 1


def test_references_that_the_database_empties_are_recorded(kin: Flask) -> None:
    with kin.app_context(), writing():
        family()
        before = len(changes("id"))
        bulk.delete(HOUSES, [(1,)])
        db.session.commit()
        assert changes(*KEPT)[before:] == [
            ("person", "1", "edit", '{"house_id":1}', '{"house_id":null}'),
            ("person", "2", "edit", '{"house_id":1}', '{"house_id":null}'),
            ("house", "1", "delete", '{"id":1,"name":"Elm"}', None),
        ]
        assert db.session.scalars(select(Person.house_id)).all() == [None, None]


def test_objects_that_the_session_deletes_are_recorded(kin: Flask) -> None:
    """A page of one's own may use the session as ever: what the mapper takes along is kept."""
    with kin.app_context(), writing():
        family()
        before = len(changes("id"))
        db.session.delete(db.session.get_one(Person, 1))
        db.session.commit()
        found = changes("resource", "action")[before:]
        assert ("letter", "delete") in found
        assert ("person", "delete") in found


def test_a_batch_can_be_named(kin: Flask) -> None:
    with kin.app_context(), writing():
        with history.batch("people.csv") as batch:
            bulk.insert(HOUSES, [{"name": "Elm"}])
            db.session.add(Pet(name="Rex", person_id=None))
            with pytest.raises(Exception, match="person_id"):
                db.session.flush()
            db.session.rollback()
            bulk.insert(HOUSES, [{"name": "Oak"}])
            db.session.commit()
        assert changes("batch", "source", "number") == [(batch, "people.csv", 1)]


def test_counts_of_the_side_bar_follow_the_history(app: Flask) -> None:
    with app.app_context(), writing():
        assert counts.of_table(USERS).number == 0
        bulk.insert(USERS, [{"name": "A"}, {"name": "B"}, {"name": "C"}])
        db.session.rollback()
        assert counts.remembered(USERS) == counts.Count(0)
        bulk.insert(USERS, [{"name": "A"}, {"name": "B"}, {"name": "C"}])
        db.session.commit()
        assert counts.remembered(USERS) == counts.Count(3)
        bulk.delete(USERS, db.session.execute(select(User.id).limit(2)).all())
        db.session.commit()
        assert counts.remembered(USERS) == counts.Count(1)


def test_indexes_are_those_of_the_model(app: Flask) -> None:
    from sqlalchemy import inspect

    with app.app_context():
        found = {
            index["name"]: index["column_names"]
            for index in inspect(db.engine).get_indexes("webadmin_change")
        }
        wanted = {index.name: [c.name for c in index.columns] for index in history.INDEXES}
        assert found == wanted
        columns = {c["name"] for c in inspect(db.engine).get_columns("webadmin_change")}
        assert columns == {c.name for c in history.Change.__table__.columns}


def test_upgrading_keeps_records(app: Flask) -> None:
    from webadmin import schema

    with app.app_context(), writing():
        db.session.execute(insert(User), [{"name": "Ada"}])
        db.session.execute(text("DROP TABLE webadmin_change"))
        db.session.execute(text("UPDATE webadmin_version SET version_num = '0001'"))
        db.session.commit()
        assert "Made the table webadmin_change." in schema.upgrade()
        assert images.read(images.kept(USERS), [(1,)])[0][1] == "Ada"
