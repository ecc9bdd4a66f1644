"""Made-up people: the same ones each time, of many scripts, as many as were asked for."""

import unicodedata
from itertools import islice

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from webadmin import samples
from webadmin.database import db
from webadmin.users import User


def test_fewer_people_are_the_first_of_more() -> None:
    assert list(samples.people(50)) == list(islice(samples.people(5000), 50))


def test_people_are_as_a_user_may_be() -> None:
    people = list(samples.people(50_000))
    names = [str(person["name"]) for person in people]
    assert all(1 <= len(name) <= 255 and name == name.strip() for name in names)
    assert not any(unicodedata.category(char) == "Cc" for char in set("".join(names)))
    ages = [person["age"] for person in people]
    known = [age for age in ages if isinstance(age, int)]
    assert min(known) == 0
    assert max(known) <= 150
    assert ages.count(None) / len(ages) == pytest.approx(0.02, abs=0.005)
    # Most are of an age that people are.
    assert sum(age <= 100 for age in known) / len(known) > 0.97


SCRIPTS = """
LATIN GREEK CYRILLIC ARABIC HEBREW DEVANAGARI BENGALI TAMIL CJK HIRAGANA KATAKANA HANGUL GEORGIAN
ARMENIAN THAI ETHIOPIC
"""


def test_scripts() -> None:
    letters = set("".join(str(person["name"]) for person in samples.people(3000)))
    found = {unicodedata.name(letter, "?").split()[0] for letter in letters}
    assert set(SCRIPTS.split()) <= found


def test_names_are_as_they_are_usually_stored() -> None:
    """NFC (Unicode Standard Annex 15), so that a typed name finds them; Python checks it."""
    names = {str(person["name"]) for person in samples.people(20_000)}
    assert {name for name in names if not unicodedata.is_normalized("NFC", name)} == set()


def test_add(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "BATCH", 40)
    with app.app_context():
        assert list(samples.add(100)) == [40, 80, 100]
        samples.analyze()
        stored = db.session.execute(select(User.name, User.age).order_by(User.id)).all()
        wanted = [(person["name"], person["age"]) for person in samples.people(100)]
        assert stored == wanted


def test_what_was_yielded_is_committed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "BATCH", 10)
    with app.app_context():
        steps = samples.add(1000)
        next(steps)
        assert db.session.scalar(select(func.count()).select_from(User)) == 10


def test_analyze_makes_estimates_right(app: Flask) -> None:
    with app.app_context():
        for _ in samples.add(12_000):
            pass
        samples.analyze()
        estimates = {
            "sqlite": "SELECT CAST(stat AS INTEGER) FROM sqlite_stat1 WHERE tbl = 'users'",
            "postgresql": "SELECT reltuples FROM pg_class WHERE relname = 'users'",
            "mariadb": "SELECT table_rows FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND table_name = 'users'",
        }
        found = db.session.scalar(text(estimates[db.engine.dialect.name]))
        assert found == pytest.approx(12_000, rel=0.05)
