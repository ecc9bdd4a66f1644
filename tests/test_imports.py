"""Imports: what a file says becomes records, by the rules of the forms, all or none of it."""

import csv
import gc
import io
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_wtf import FlaskForm
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lists import NAMES, POOLS, THINGS, USERS, state, statements, things
from sqlalchemy import func, select, text
from wtforms import StringField
from wtforms.validators import ValidationError

from pages import add_people, stored
from signing_in import ADMIN
from webadmin import (
    deferred_indexes,
    exports,
    forms,
    imports,
    judging,
    list_counts,
    matching,
    rows,
    sheets,
    tables,
)
from webadmin.database import db, writing
from webadmin.fields import TextField, WholeNumberField
from webadmin.history import Change
from webadmin.import_report import Report
from webadmin.matching import Choices
from webadmin.resource import Resource
from webadmin.rows import Rules
from webadmin.users import UserForm

EASY = hypothesis_settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@contextmanager
def request(app: Flask) -> Iterator[None]:
    with app.test_request_context("/", method="POST"):
        db.session.info["account"] = ADMIN
        yield


def run(
    app: Flask,
    resource: Resource,
    data: bytes,
    folder: Path,
    keep: bool = True,
    **choices: Any,
) -> Report:
    """Import a file and return what came of it."""
    (folder / "raw").write_bytes(data)
    with request(app):
        table = tables.prepare(folder / "raw", folder / "plain.csv")
        columns = matching.match(resource, table.heading)
        chosen = Choices(columns=columns, dates=table.dates, comma=table.comma)
        chosen = replace(chosen, **choices)
        assert matching.check(resource, chosen) == ""
        work = imports.Import(resource, folder / "plain.csv", chosen, folder / "refused.csv")
        *_, report = work.steps("people.csv", keep)
    return report


def numbers(report: Report) -> tuple[int, int, int, int]:
    return report.new, report.changed, report.unchanged, report.refused


def table_of(app: Flask, resource: Resource) -> list[tuple[Any, ...]]:
    """Return all records with all columns, as the database has them."""
    with app.app_context():
        columns = [column.attribute for column in resource.columns.values()]
        keys = [column.attribute for column in resource.key_columns]
        return [tuple(row) for row in db.session.execute(select(*columns).order_by(*keys))]


def empty(app: Flask, resource: Resource) -> None:
    with app.app_context(), writing():
        db.session.execute(resource.table.delete())
        db.session.execute(Change.__table__.delete())
        db.session.commit()


def exported(app: Flask, resource: Resource, form: str) -> bytes:
    with app.test_request_context("/"):
        db.session.info["account"] = ADMIN
        found = exports.start(state(resource, ""), list(resource.columns), form)
        return b"".join(exports.FORMATS[form].write(found))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read sheets in this process: to start one takes longer than a test may with Hypothesis."""

    def convert(command: list[str], stdout: Any, **_: Any) -> Any:
        text = io.TextIOWrapper(stdout, encoding="utf-8", newline="", write_through=True)
        sheets.write(command[-1], text)
        text.detach()
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", convert)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@EASY
@given(data=st.data())
def test_export_and_import_give_back_every_value(
    site: Flask, tmp_path: Path, form: str, data: st.DataObject
) -> None:
    """Into the records there are nothing changes; into an empty table all of them come back."""
    columns = data.draw(st.lists(st.sampled_from(list(POOLS)), unique=True, max_size=8))
    found = data.draw(things(columns, 12))
    empty(site, THINGS)
    with site.app_context(), writing():
        if found:
            db.session.execute(THINGS.table.insert(), found)
        db.session.commit()
    before, file = table_of(site, THINGS), exported(site, THINGS, form)
    try:
        report = run(site, THINGS, file, tmp_path)
        assert numbers(report) == (0, 0, len(found), 0)
        assert table_of(site, THINGS) == before
        empty(site, THINGS)
        report = run(site, THINGS, file, tmp_path, partly=True)
        right = [row for row in before if row[0]]  # no form takes an empty key
        assert numbers(report) == (len(right), 0, 0, len(before) - len(right))
        assert table_of(site, THINGS) == right
    finally:
        empty(site, THINGS)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffe\uffff"))


@EASY
@given(names=st.lists(st.none() | texts.map(lambda text: text[:40]), max_size=10))
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_any_text_comes_back(
    site: Flask, tmp_path: Path, form: str, names: list[str | None]
) -> None:
    rows = [{"part": "p", "number": i, "size": 1, "name": n} for i, n in enumerate(names)]
    empty(site, THINGS)
    with site.app_context(), writing():
        if rows:
            db.session.execute(THINGS.table.insert(), rows)
        db.session.commit()
    before, file = table_of(site, THINGS), exported(site, THINGS, form)
    empty(site, THINGS)
    try:
        assert numbers(run(site, THINGS, file, tmp_path)) == (len(names), 0, 0, 0)
        assert table_of(site, THINGS) == before
    finally:
        empty(site, THINGS)


PEOPLE = b"id,name,age\n1,Ada King,37\n2,Zo\xc3\xab Knuth,\n,New,5\n,Wrong,old\n9,Nine,9\n"


def test_modes(app: Flask, tmp_path: Path) -> None:
    add_people(app)
    before = stored(app)
    assert numbers(run(app, USERS, PEOPLE, tmp_path, keep=False)) == (2, 1, 1, 1)
    assert stored(app) == before
    report = run(app, USERS, PEOPLE, tmp_path, mode="create", keep=False)
    assert numbers(report) == (2, 0, 0, 3)
    assert report.refusals[0] == (2, "ID", "1", "There is a record with this key already.")
    report = run(app, USERS, PEOPLE, tmp_path, mode="update", keep=False)
    assert numbers(report) == (0, 1, 1, 3)
    assert [refusal[3] for refusal in report.refusals] == [
        "Fill in this field.",
        "Fill in this field.",
        "There is no record with this key.",
    ]


def test_all_or_nothing_or_all_but_the_refused(app: Flask, tmp_path: Path) -> None:
    add_people(app)
    before = stored(app)
    report = run(app, USERS, PEOPLE, tmp_path)
    assert not report.written
    assert stored(app) == before
    report = run(app, USERS, PEOPLE, tmp_path, partly=True)
    assert report.written
    assert ("Ada King", 37) in [(name, age) for _, name, age in stored(app)]
    assert {(9, "Nine", 9)} < set(stored(app))
    assert len(stored(app)) == 7
    assert report.changes == [(2, "1", [("Name", "Ada Lovelace", "Ada King"), ("Age", "36", "37")])]


def test_refused_lines_are_mended_and_sent_again(app: Flask, tmp_path: Path) -> None:
    data = "name;age;note\n=1+1;old;'=x\nJosé;7;\n".encode("cp1252")
    assert numbers(run(app, USERS, data, tmp_path, partly=True)) == (1, 0, 0, 1)
    refused = (tmp_path / "refused.csv").read_text("utf-8")
    line, reason, *cells = list(csv.reader(io.StringIO(refused)))[1]
    assert (line, cells) == ("2", ["'=1+1", "old", "'=x"])
    assert reason == "Age: Write a whole number in plain digits from 0 to 150, or nothing."
    mended = refused.replace(",old,", ",70,").encode("utf-8-sig")
    assert numbers(run(app, USERS, mended, tmp_path)) == (1, 0, 0, 0)
    assert [each[1:] for each in stored(app)] == [("José", 7), ("=1+1", 70)]


def test_it_is_one_batch_of_the_history(app: Flask, tmp_path: Path) -> None:
    add_people(app)
    run(app, USERS, PEOPLE, tmp_path, partly=True)
    with app.app_context():
        changes = db.session.execute(select(Change.batch, Change.source, Change.action)).all()
    assert len({batch for batch, _, _ in changes}) == 1
    assert {source for _, source, _ in changes} == {"people.csv"}
    assert sorted(action for _, _, action in changes) == ["create", "create", "edit"]


def test_a_rehearsal_leaves_nothing(app: Flask, tmp_path: Path) -> None:
    run(app, USERS, PEOPLE, tmp_path, keep=False)
    assert stored(app) == []
    with app.app_context():
        assert db.session.execute(select(func.count()).select_from(Change)).scalar_one() == 0


def indexes_of(app: Flask) -> list[tuple[Any, ...]]:
    """Return the indexes of users, where SQLite serves."""
    if not app.config["DATABASE_URI"].startswith("sqlite"):
        return []
    sql = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'users' ORDER BY 1"
    )
    with app.app_context():
        return sorted(tuple(row) for row in db.session.execute(text(sql)))


@pytest.mark.parametrize("age", ["4", "old"])
@pytest.mark.parametrize("keep", [True, False])
def test_indexes_are_there_again_after_many_records(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool, age: str
) -> None:
    monkeypatch.setattr(deferred_indexes, "WORTH", 3)
    before = indexes_of(app)
    with app.app_context(), statements() as run_:
        report = run(app, USERS, f"name,age\nA,1\nB,2\nC,3\nD,{age}\n".encode(), tmp_path, keep)
        dropped = [sql for sql, *_ in run_ if "DROP INDEX" in sql]
    assert indexes_of(app) == before
    assert len(dropped) == len(before)
    assert report.written == (keep and age == "4")
    with app.app_context():
        assert list_counts.of_list(state(USERS, "age__gte=1")).number == 4 * report.written
        assert list_counts.of_list(state(USERS, "q=b")).number == report.written


@pytest.mark.parametrize("why", ["unique", "few"])
def test_indexes_stay_where_they_are_needed(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(deferred_indexes, "WORTH", 2)
    add_people(app, [("A", 1), ("B", 2)] if why == "unique" else [("A", 1)] * 9)
    with app.app_context(), writing():
        for name in ("ix_users_name", "ix_users_age"):
            on = " ON users" if db.engine.dialect.name in ("mysql", "mariadb") else ""
            db.session.execute(text(f"DROP INDEX {name}{on}"))
        kind = "UNIQUE " if why == "unique" else ""
        db.session.execute(text(f"CREATE {kind}INDEX one ON users (name)"))
        db.session.commit()
    with app.app_context(), statements() as run_:
        report = run(app, USERS, b"name,age\nA,1\nC,2\nD,3\n", tmp_path)
        assert not [sql for sql, *_ in run_ if "DROP INDEX" in sql]
    assert report.refused == (1 if why == "unique" else 0)


def test_a_key_twice_in_a_file_is_refused(app: Flask, tmp_path: Path) -> None:
    report = run(app, USERS, b"id,name\n7,a\n8,b\n7,c\n", tmp_path, partly=True)
    assert numbers(report) == (2, 0, 0, 1)
    assert report.refusals == [(4, "ID", "7", "A line before has this key already.")]


def test_keys_that_are_made_are_not_those_of_the_file(app: Flask, tmp_path: Path) -> None:
    assert numbers(run(app, USERS, b"id,name\n,a\n1,b\n,c\n2,d\n", tmp_path)) == (4, 0, 0, 0)
    assert numbers(run(app, USERS, b"name\ne\n", tmp_path)) == (1, 0, 0, 0)


def test_what_the_database_refuses_is_found_among_many(app: Flask, tmp_path: Path) -> None:
    with app.app_context(), writing():
        db.session.execute(db.text("CREATE UNIQUE INDEX users_name ON users (name)"))
        db.session.commit()
    add_people(app, [("taken", 1)])
    lines = [f"name {number},{number % 100}" for number in range(2500)]
    lines[1700] = "taken,5"
    lines[2300] = "name 3,5"
    report = run(app, USERS, "\n".join(["name,age", *lines]).encode(), tmp_path, partly=True)
    assert numbers(report) == (2498, 0, 0, 2)
    assert [line for line, *_ in report.refusals] == [1702, 2302]
    assert {reason for *_, reason in report.refusals} == {
        "Another record has this value already. Choose another."
    }
    assert len(stored(app)) == 2499


def test_a_hopeless_file_is_given_up(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MOST_REFUSED", 1500)
    data = b"name,age\n" + b"x,old\n" * 5000
    report = run(app, USERS, data, tmp_path, partly=True)
    assert (report.refused, report.stopped, report.written) == (2000, True, False)
    assert len(report.refusals) == imports.SHOWN


def test_no_statement_is_run_for_each_row(app: Flask, tmp_path: Path) -> None:
    data = b"id,name\n" + b"".join(b"%d,n\n" % number for number in range(1, 1001))
    with app.app_context(), statements() as first:
        run(app, USERS, data, tmp_path)
    with app.app_context(), statements() as second:
        run(app, USERS, data.replace(b",n", b",m"), tmp_path)
    assert max(len(first), len(second)) < 30


def test_nothing_is_left_where_the_caller_goes_away(app: Flask, tmp_path: Path) -> None:
    data = b"name\n" + b"n\n" * 3000
    (tmp_path / "raw").write_bytes(data)
    with request(app):
        tables.prepare(tmp_path / "raw", tmp_path / "plain.csv")
        choices = Choices(columns=["name"])
        work = imports.Import(USERS, tmp_path / "plain.csv", choices, tmp_path / "refused.csv")
        steps = work.steps("x", keep=True)
        for _ in range(3):
            next(steps)
        assert work.report.new == 2000
        steps.close()
    assert stored(app) == []
    assert gc.isenabled()
    assert numbers(run(app, USERS, data, tmp_path)) == (3000, 0, 0, 0)


def test_nobody_imports_beyond_the_scope(app: Flask, tmp_path: Path) -> None:
    add_people(app)
    narrow = replace(USERS, name="users", scope=lambda account: USERS.model.age == 4)
    app.extensions["webadmin"]["users"] = narrow
    (tmp_path / "raw").write_bytes(b"id,name,age\n1,mine,4\n3,other,4\n,fresh,5\n,good,4\n")
    with request(app):
        db.session.info["account"] = type("A", (), {"id": 1, "email": "a@b", "role": None})()
        tables.prepare(tmp_path / "raw", tmp_path / "plain.csv")
        choices = Choices(columns=["id", "name", "age"], partly=True)
        work = imports.Import(narrow, tmp_path / "plain.csv", choices, tmp_path / "r.csv")
        *_, report = work.steps("x", keep=True)
    assert numbers(report) == (1, 1, 0, 2)
    assert stored(app)[0] == (1, "Ada Lovelace", 36)
    assert stored(app)[2] == (3, "other", 4)


@pytest.mark.parametrize(
    ("columns", "mode", "problem"),
    [
        (["", ""], "both", "Choose a field for at least one column."),
        (["name", "name"], "both", "“Name” is chosen for two columns."),
        (["name", "age"], "update", "To update records, the file must have their key: ID."),
        (["id", "name"], "update", ""),
    ],
)
def test_choices_are_checked(app: Flask, columns: list[str], mode: str, problem: str) -> None:
    with request(app):
        assert matching.check(USERS, Choices(columns=columns, mode=mode)) == problem


def test_columns_are_matched_by_name_and_label(app: Flask) -> None:
    with request(app):
        assert matching.match(USERS, [" NAME ", "Age", "Id", "age", "other"]) == [
            "name", "age", "id", "", "",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "dates", "cell", "text"),
    [
        ("day", "dmy", "31.3.2026", "2026-03-31"),
        ("day", "dmy", "31/03/2026", "2026-03-31"),
        ("day", "mdy", "3/31/2026", "2026-03-31"),
        ("day", "ymd", "2026-03-31 00:00:00", "2026-03-31"),
        ("at", "dmy", "31.03.2026 9:05", "2026-03-31 09:05"),
        ("at", "ymd", "2026-03-31", "2026-03-31 00:00:00"),
        ("price", "ymd", "12,5", "12.5"),
        ("flag", "ymd", "TRUE", "true"),
        ("flag", "ymd", "No", "false"),
        ("flag", "ymd", "1", "true"),
        ("size", "ymd", " 42 ", "42"),
        ("size", "ymd", " ", None),
        ("name", "ymd", " a ", " a "),
        ("name", "ymd", "'", ""),
        ("name", "ymd", "", None),
    ],
)
def test_cells_as_people_write_them(
    app: Flask, name: str, dates: str, cell: str, text: str | None
) -> None:
    with request(app):
        assert rows.reader(THINGS.columns[name], dates, comma=True)(cell) == text


class OddForm(FlaskForm):  # type: ignore[misc]
    """A form whose fields look at each other."""

    name = StringField("Name")
    age = WholeNumberField("Age")

    def validate_age(self, field: Any) -> None:
        if self.name.data == "baby" and field.data and field.data > 3:
            raise ValidationError("Too old for a baby.")


def test_a_form_with_rules_of_its_own_is_asked_itself(app: Flask, tmp_path: Path) -> None:
    odd = replace(USERS, form=OddForm)
    data = b"name,age\nbaby,2\nbaby,4\nman,4\n"
    report = run(app, odd, data, tmp_path, partly=True)
    assert report.refusals == [(3, "Age", "4", "Too old for a baby.")]
    assert [each[1:] for each in stored(app)] == [("baby", 2), ("man", 4)]
    report = run(app, odd, b"id,age\n1,5\n2,5\n", tmp_path, partly=True)
    assert numbers(report) == (0, 1, 0, 1)


ages = st.sampled_from(["", "5", "-1", "150", "151", "old", "1.5", "٣", " 7", "99999999999"])


@EASY
@given(name=st.sampled_from(["", "'", *NAMES, "x" * 256, "a\tb"]) | st.text(max_size=9), age=ages)
def test_fields_judged_one_by_one_are_judged_as_by_the_form(
    site: Flask, name: str, age: str
) -> None:
    """What is quick says to the letter what the form says: for new records and those there are."""
    with request(site):
        quick, slow = Rules(USERS), Rules(USERS)
        assert quick._plain
        slow._plain = False
        slow._lengths = {}
        for given_cells in ({"name": name}, {"age": age}, {"name": name, "age": age}):
            said = []
            for rules in (quick, slow):
                cells = {n: rules.column(n, [raw])[0] for n, raw in given_cells.items()}
                made = rules.create(cells)
                edited = rules.update(cells, {"name": "old", "age": 3})
                said.append((*made, *edited))
            assert [sorted(map(str, each)) for each in said[0]] == [
                sorted(map(str, each)) for each in said[1]
            ]


@EASY
@given(data=st.data())
def test_every_type_is_judged_as_by_the_form(site: Flask, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(POOLS)))
    value = data.draw(st.sampled_from(POOLS[name]))
    with request(site):
        right = THINGS.columns[name].text(value)
        text = data.draw(st.sampled_from([None, "", "x", "0", "a" * 50, right]))
        rules = Rules(THINGS)
        assert rules._plain
        field = rules._fields[name]
        form_says, problems = rules._past(rules._new, {name: text}, {})
        mine = [problem.message for problem in problems if problem.column == name]
        assert judging.judge(field, text) == (form_says[name], tuple(mine))


def test_only_forms_of_known_fields_are_quick(app: Flask) -> None:
    class Filtered(FlaskForm):  # type: ignore[misc]
        name = TextField("Name", filters=[lambda text: text])

    class Inline(UserForm):
        def validate_name(self, field: Any) -> None:
            """Look."""

    class Whole(UserForm):
        def validate(self, **_: Any) -> bool:
            return True

    with request(app):
        options = {"formdata": None, "meta": {"csrf": False}}
        assert judging.is_plain(forms.build(USERS, **options))
        for form in (OddForm, Filtered, Inline, Whole):
            assert not judging.is_plain(form(**options)), form


def test_zones_of_times_are_kept(site: Flask) -> None:
    with request(site):
        text = rows.reader(THINGS.columns["zoned"], "ymd", False)("2026-03-31 16:20:00+02:00")
        parsed = THINGS.columns["zoned"].parse(text or "")
    assert (parsed.hour, parsed.tzinfo) == (14, UTC)
