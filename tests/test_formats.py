"""How values are shown: by locale, exactly, and never as an error."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape
from test_values import EVERY_TYPE

from library import BOOKS, Mood
from webadmin import create_app
from webadmin.formats import formatter


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.mktemp("formats")
    return create_app(
        {"SECRET_KEY": "x", "INSTANCE_PATH": str(folder), "TIMEZONE": "Europe/Berlin"}
    )


def shown(app: Flask, name: str, value: Any, language: str = "en", short: bool = False) -> str:
    with app.test_request_context(headers={"Accept-Language": language}):
        return str(escape(formatter(BOOKS.columns[name], short)(value)))


@pytest.mark.parametrize(
    ("name", "value", "english", "german"),
    [
        ("price", Decimal("-1234.50"), "-1,234.50", "-1.234,50"),
        ("ratio", Decimal("1E+3"), "1,000", "1.000"),
        ("ratio", Decimal("1" * 36 + ".10"), ",".join(["111"] * 12) + ".10", None),
        ("ratio", Decimal("NaN"), "NaN", "NaN"),
        ("height", 0.1 + 0.2, "0.30000000000000004", "0,30000000000000004"),
        ("height", 1e-20, "0.00000000000000000001", None),
        ("height", 1e300, "1e+300", "1e+300"),
        ("height", 2.0, "2", "2"),
        ("height", 0.0, "0", "0"),
        ("height", float("inf"), "inf", "inf"),
        ("lent", False, "No", "Nein"),
        ("mood", Mood.CALM, "CALM", "CALM"),
        ("genre", "play", "play", "play"),
        ("published", date(2026, 3, 31), "Mar 31, 2026", "31.03.2026"),
        ("published", date(1, 1, 1), "Jan 1, 1", "01.01.1"),
        ("read_at", time(16, 20, 5), "4:20:05\u202fPM", "16:20:05"),
        ("sold_at", datetime(2026, 7, 1, 10), "Jul 1, 2026, 12:00:00\u202fPM CEST", None),
        (
            "sold_at",
            datetime(2026, 1, 1, 11, tzinfo=UTC),
            "Jan 1, 2026, 12:00:00\u202fPM CET",
            None,
        ),
        ("loan", timedelta(days=-3, hours=-1), "-3 01:00:00", "-3 01:00:00"),
        ("cover", 1, "1 byte", "1 Byte"),
        ("title", "<b>&", "&lt;b&gt;&amp;", "&lt;b&gt;&amp;"),
        ("extra", "<b>", "<pre>&#34;&lt;b&gt;&#34;</pre>", None),
    ],
)
def test_values_are_shown_as_the_locale_has_them(
    app: Flask, name: str, value: Any, english: str, german: str | None
) -> None:
    assert shown(app, name, value) == english
    if german is not None:
        assert shown(app, name, value, "de") == german


@pytest.mark.parametrize("name", list(BOOKS.columns))
def test_null_and_nothing_are_told_apart(app: Flask, name: str) -> None:
    assert 'class="empty"' in shown(app, name, None)
    if BOOKS.columns[name].is_text:
        assert shown(app, name, "") != shown(app, name, None)


def test_long_texts_are_cut_in_lists_only(app: Flask) -> None:
    for name, value in (("summary", "é" * 500), ("extra", ["é" * 500])):
        assert len(shown(app, name, value, short=True)) < 150
        assert "é" * 500 in shown(app, name, value)


@pytest.mark.parametrize("name", list(BOOKS.columns))
def test_no_value_breaks_a_page(app: Flask, name: str) -> None:
    """SQLite holds any value in any column, whatever its type says."""
    with app.test_request_context():
        shows = [formatter(BOOKS.columns[name], short) for short in (True, False)]

        @given(EVERY_TYPE)
        def check(value: Any) -> None:
            for show in shows:
                str(escape(show(value)))

        check()


@given(st.text())
def test_what_is_marked_safe_is_escaped(app: Flask, text: str) -> None:
    with app.test_request_context():
        for name in ("title", "summary", "extra", "genre", "cipher"):
            found = formatter(BOOKS.columns[name])(text)
            inner = str(escape(found)).removeprefix("<pre>").removesuffix("</pre>")
            inner = inner.replace('<span class="empty">“”</span>', "")
            assert "<" not in inner
            assert isinstance(found, Markup | str)
