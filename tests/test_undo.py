"""Undo: what was done is taken back to the last value, unless somebody has built on it."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st
from sqlalchemy import delete, select

from kin import (
    HOUSES,
    PERSONS,
    PETS,
    House,
    Kin,
    Letter,
    Person,
    Pet,
    changes,
    everything,
    family,
    kin,
)
from webadmin import bulk, history, images, undo
from webadmin.database import db, writing
from webadmin.history import Change
from webadmin.permissions import Role

__all__ = ["kin"]
SETTINGS = options(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def last() -> Change:
    found = db.session.scalar(select(Change).order_by(Change.id.desc()).limit(1))
    assert found is not None
    return found


def take_back(what: Change | str) -> undo.Outcome:
    outcome = undo.batch(what) if isinstance(what, str) else undo.change(what)
    if outcome.problems:
        db.session.rollback()
    else:
        db.session.commit()
    return outcome


def test_a_deleted_record_returns_with_its_key_and_its_links(kin: Flask) -> None:
    with kin.app_context(), writing():
        family()
        before = everything()
        bulk.delete(PERSONS, [(1,)])
        db.session.commit()
        assert everything() != before
        assert take_back(last().batch).number == 5
        assert everything() == before
        assert take_back(last().batch).number == 5
        assert [row[1] for row in everything()["person"]] == ["Bob"]
        assert take_back(last().batch).number == 5
        assert everything() == before


def test_references_that_a_delete_emptied_return(kin: Flask) -> None:
    with kin.app_context(), writing():
        family()
        before = everything()
        bulk.delete(HOUSES, [(1,), (2,)])
        db.session.commit()
        take_back(last().batch)
        assert everything() == before
        assert set(changes("undoes")[-4:]) == {(each,) for (each,) in changes("id")[-8:-4]}


def test_an_edit_is_taken_back_unless_somebody_changed_the_value(kin: Flask) -> None:
    with kin.app_context(), writing():
        family()
        bulk.update(PERSONS, [((1,), {"age": 37, "name": "Ada K"})])
        db.session.commit()
        mine = last()
        bulk.update(PERSONS, [((1,), {"age": 38, "house_id": 2})])
        db.session.commit()
        outcome = take_back(mine)
        (problem,) = outcome.problems
        assert problem.sides == (undo.Side("age", 36, 37, 38),)
        assert outcome.forcible
        assert db.session.get_one(Person, 1, populate_existing=True).age == 38
        forced = undo.change(mine, outcome.digest)
        assert forced.problems == []
        db.session.commit()
        ada = db.session.get_one(Person, 1, populate_existing=True)
        assert (ada.age, ada.name, ada.house_id) == (36, "Ada", 2)


def test_what_was_seen_must_be_what_is_overwritten(kin: Flask) -> None:
    with kin.app_context(), writing():
        family()
        bulk.update(PERSONS, [((1,), {"age": 37})])
        db.session.commit()
        mine = last()
        bulk.update(PERSONS, [((1,), {"age": 38})])
        db.session.commit()
        seen = take_back(mine).digest
        bulk.update(PERSONS, [((1,), {"age": 39})])
        db.session.commit()
        assert undo.change(mine, seen).problems
        db.session.rollback()
        assert db.session.get_one(Person, 1, populate_existing=True).age == 39


@pytest.mark.parametrize("since", ["deleted", "referred", "edited"])
def test_a_creation_is_taken_back_only_where_nothing_builds_on_it(kin: Flask, since: str) -> None:
    with kin.app_context(), writing():
        bulk.insert(PERSONS, [{"name": "Ada"}])
        db.session.commit()
        mine = last()
        (key,) = db.session.scalars(select(Person.id)).all()
        if since == "deleted":
            bulk.delete(PERSONS, [(key,)])
        elif since == "referred":
            bulk.insert(PETS, [{"name": "Rex", "person_id": key}])
        else:
            bulk.update(PERSONS, [((key,), {"age": 4})])
        db.session.commit()
        before = everything()
        outcome = take_back(mine)
        assert len(outcome.problems) == 1
        assert not outcome.forcible
        assert everything() == before


def test_a_record_that_was_created_anew_is_not_overwritten(kin: Flask) -> None:
    with kin.app_context(), writing():
        bulk.insert(HOUSES, [{"id": 5, "name": "Elm"}])
        bulk.delete(HOUSES, [(5,)])
        db.session.commit()
        mine = last()
        bulk.insert(HOUSES, [{"id": 5, "name": "Other"}])
        db.session.commit()
        assert "again" in take_back(mine).problems[0].message
        assert everything()["house"] == [(5, "Other")]


def test_what_is_not_kept_cannot_be_given_back(kin: Flask) -> None:
    with kin.app_context(), writing():
        db.session.add_all([Person(name="Ada", password="open"), Person(name="Bob", picture=b"x")])
        db.session.commit()
        keys = db.session.execute(select(Person.id)).all()
        bulk.delete(PERSONS, [tuple(key) for key in keys])
        db.session.commit()
        outcome = take_back(last().batch)
        assert len(outcome.problems) == 2
        assert "does not keep" in outcome.problems[0].message
        assert not outcome.forcible


def test_one_batch_may_change_a_record_twice(kin: Flask) -> None:
    with kin.app_context(), writing():
        family()
        before = everything()
        for age in (1, 2, 3):
            bulk.update(PERSONS, [((1,), {"age": age})])
        bulk.insert(PETS, [{"id": 9, "name": "Tom", "person_id": 2}])
        bulk.delete(PETS, [(9,)])
        db.session.commit()
        assert take_back(last().batch).number == 5
        assert everything() == before


@pytest.mark.parametrize(
    ("role", "own", "action", "allowed"),
    [
        (Role.EDITOR, True, "create", True),  # though an editor may not delete
        (Role.EDITOR, True, "edit", True),
        (Role.EDITOR, True, "delete", False),
        (Role.EDITOR, False, "edit", False),
        (Role.VIEWER, True, "edit", False),
        (Role.ADMIN, False, "delete", True),
        (Role.ADMIN, False, "prune", False),
    ],
)
def test_who_may_undo(kin: Flask, role: Role, own: bool, action: str, allowed: bool) -> None:
    with kin.app_context():
        db.session.info["account"] = SimpleNamespace(id=1, email="a@example.com", role=role)
        change = Change(resource="house", action=action, account_id=1 if own else 2)
        assert undo.may(change) is allowed
        change.resource = "table:toy"
        assert undo.may(change) is (role is Role.ADMIN and action != "prune")
        db.session.info.pop("account")


def test_a_batch_of_others_is_not_for_everybody(kin: Flask) -> None:
    with kin.app_context(), writing():
        bulk.insert(HOUSES, [{"name": "Elm"}])
        db.session.commit()
        db.session.info["account"] = SimpleNamespace(id=1, email="a", role=Role.EDITOR)
        with pytest.raises(PermissionError):
            undo.batch(last().batch)
        db.session.rollback()
        db.session.info.pop("account")


# A step is what is done, to which of the records, with what.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["create", "edit", "delete", "house", "pet", "bulk", "undo"]),
        st.integers(0, 5),
        st.one_of(st.none(), st.integers(0, 3)),
    ),
    max_size=14,
)


def perform(step: tuple[str, int, int | None]) -> None:
    """Do one step in a transaction of its own, as far as it can be done."""
    deed, which, value = step
    people = sorted(db.session.scalars(select(Person.id)))
    key = people[which % len(people)] if people else None
    if deed == "create":
        names = db.session.scalars(select(Person.name)).all()
        db.session.add(
            Person(name=f"P{len(names)}-{last_id()}", age=value, story="a\n“b” " * which)
        )
    elif deed == "house":
        houses = db.session.scalars(select(House.id)).all()
        if houses and which > 2:
            bulk.delete(HOUSES, [(houses[0],)])
        else:
            bulk.insert(HOUSES, [{"name": f"H{which}"}])
    elif deed == "undo":
        batches = db.session.scalars(select(Change.batch).order_by(Change.id.desc())).all()
        if batches and undo.batch(batches[which % len(batches)]).problems:
            db.session.rollback()
    elif key is not None and deed == "edit":
        db.session.get_one(Person, key).age = value
    elif key is not None and deed == "bulk":
        bulk.update(PERSONS, [((each,), {"age": value, "story": str(which)}) for each in people])
    elif key is not None and deed == "pet":
        houses = db.session.scalars(select(House.id)).all()
        db.session.add(Pet(name="Rex", person_id=key))
        db.session.add(Letter(text="Hi", person_id=key))
        db.session.get_one(Person, key).house_id = houses[0] if houses else None
    elif key is not None:
        bulk.delete(PERSONS, [(key,)])
    db.session.commit()
    db.session.expire_all()


def last_id() -> int:
    return db.session.scalar(select(Change.id).order_by(Change.id.desc()).limit(1)) or 0


def replayed() -> dict[str, dict[str, Any]]:
    """Return the records that the history from the first change on says there are."""
    found: dict[str, dict[str, Any]] = {}
    rows = db.session.execute(select(Change.__table__).order_by(Change.id)).all()
    for row in rows:
        name = f"{row.resource} {row.key}"
        if row.action == "delete":
            assert found.pop(name) == json.loads(row.before)
        elif row.action == "create":
            assert name not in found
            found[name] = json.loads(row.after)
        else:
            changed = json.loads(row.before)
            assert {each: found[name][each] for each in changed} == changed
            found[name] |= json.loads(row.after)
    return found


def stored() -> dict[str, dict[str, Any]]:
    """Return all records as images."""
    found = {}
    for table in Kin.metadata.sorted_tables:
        kept = images.of_table(table)
        for row in db.session.execute(kept.select):
            found[f"{kept.name} {kept.key_text(kept.key(row))}"] = json.loads(kept.text(row))
    return found


def empty() -> None:
    for table in reversed(Kin.metadata.sorted_tables):
        db.session.execute(delete(table))
    db.session.connection().execute(delete(Change.__table__))
    db.session.commit()


def check(steps: Sequence[tuple[str, int, int | None]]) -> None:
    empty()
    for step in steps:
        perform(step)
    assert replayed() == stored()
    batches = db.session.execute(select(Change.batch, Change.id).order_by(Change.id.desc())).all()
    for batch in dict.fromkeys(batch for batch, _ in batches):
        outcome = undo.batch(batch)
        assert outcome.problems == []
        db.session.commit()
    assert stored() == {}
    assert replayed() == {}


@SETTINGS
@given(steps=STEPS)
def test_history_replayed_is_the_table_and_undone_the_start(
    kin: Flask, steps: list[tuple[str, int, int | None]]
) -> None:
    with kin.app_context(), writing():
        check(steps)


def test_a_long_batch_is_taken_back_in_parts(kin: Flask) -> None:
    with kin.app_context(), writing():
        bulk.insert(HOUSES, ({"name": str(i)} for i in range(2500)))
        db.session.commit()
        before = everything()
        keys = db.session.execute(select(House.id)).all()
        with history.batch() as batch:
            bulk.update(HOUSES, ((key, {"name": "Elm"}) for key in keys))
            bulk.delete(HOUSES, keys)
            db.session.commit()
        assert take_back(batch).number == 5000
        assert everything() == before
