"""Static files: compressed once, kept for ever where the address says what they hold."""

import gzip
import os
import re
from pathlib import Path
from typing import Any

import brotli
import pytest
from flask import Flask

from conftest import settings
from webadmin import create_app
from webadmin.request_checks import HEADERS
from webadmin.templating import asset_version

THEME = "/static/css/theme.css"
BOOTSTRAP = "/bootstrap/static/css/bootstrap.min.css"


@pytest.fixture
def site(tmp_path: Path) -> Flask:
    return create_app(settings(f"sqlite:///{tmp_path / 'none.sqlite'}", tmp_path))


def ask(app: Flask, path: str, **named: Any) -> Any:
    return app.test_client(signed_in="").open(path, buffered=True, **named)


def content(app: Flask, path: str) -> bytes:
    folder = app if path == THEME else app.blueprints["bootstrap"]
    return (Path(str(folder.static_folder)) / path.split("static/")[1]).read_bytes()


@pytest.mark.parametrize("path", [THEME, BOOTSTRAP])
def test_the_smallest_encoding_that_the_browser_takes(site: Flask, path: str) -> None:
    right = content(site, path)
    unpackers = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}
    sizes = []
    for accepted, chosen in (("", ""), ("gzip", "gzip"), ("gzip, deflate, br, zstd", "br")):
        answer = ask(site, path, headers={"Accept-Encoding": accepted})
        assert answer.headers.get("Content-Encoding", "") == chosen
        assert unpackers[chosen](answer.data) == right
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.mimetype == "text/css"
        sizes.append(len(answer.data))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < len(right) / 3


def test_every_answer_bears_the_headers_of_the_site(site: Flask) -> None:
    answers = [ask(site, THEME), ask(site, BOOTSTRAP), ask(site, "/static/js/list.js")]
    answers.append(ask(site, THEME, method="HEAD"))
    for answer in answers:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "Set-Cookie" not in answer.headers
        assert "Strict-Transport-Security" not in answer.headers
    secure = ask(site, THEME, base_url="https://localhost")
    assert secure.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_a_proxy_that_is_trusted_says_that_there_is_https(tmp_path: Path) -> None:
    app = create_app({**settings("sqlite://", tmp_path), "TRUSTED_PROXIES": ["10.0.0.0/24"]})
    for peer, told in (("10.0.0.1", True), ("10.9.0.1", False)):
        proxy = {"environ_overrides": {"REMOTE_ADDR": peer}}
        answer = ask(app, THEME, headers={"X-Forwarded-Proto": "https"}, **proxy)
        assert ("Strict-Transport-Security" in answer.headers) is told


def test_a_host_that_is_not_trusted_gets_no_file_either(site: Flask) -> None:
    site.config["TRUSTED_HOSTS"] = ["admin.example.com"]
    assert ask(site, THEME, base_url="http://evil.example").status_code == 400
    assert ask(site, THEME, base_url="http://admin.example.com").status_code == 200


def test_only_the_address_that_names_the_content_is_kept_for_ever(site: Flask) -> None:
    version = asset_version(Path(str(site.static_folder)) / "css/theme.css")
    for query, kept in ((f"?v={version}", True), ("", False), ("?v=abc", False)):
        control = ask(site, THEME + query).headers["Cache-Control"]
        assert control == ("public, max-age=31536000, immutable" if kept else "no-cache"), query


def test_pages_name_files_by_their_content_also_below_a_prefix(site: Flask) -> None:
    page = ask(site, "/sign-in", base_url="http://localhost/admin/").text
    links = re.findall(r'(?:href|src)="(/admin/[^"]*static[^"]*)"', page)
    assert len(links) > 5
    for link in links:
        answer = ask(site, link.removeprefix("/admin"), base_url="http://localhost/admin/")
        assert answer.status_code == 200, link
        assert "immutable" in answer.headers["Cache-Control"], link


def test_what_the_browser_has_is_not_sent_again(site: Flask) -> None:
    first = ask(site, THEME)
    again = ask(site, THEME, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    since = ask(site, THEME, headers={"If-Modified-Since": first.headers["Last-Modified"]})
    assert since.status_code == 304
    other = ask(site, THEME, headers={"If-None-Match": 'W/"other"'})
    assert other.data == first.data


def test_head_and_range(site: Flask) -> None:
    whole = ask(site, THEME)
    head = ask(site, THEME, method="HEAD")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.data))
    for part in ("bytes=0-9", "bytes=0-0", "bytes=99999999-", "nonsense"):
        answer = ask(site, THEME, headers={"Range": part})
        assert (answer.status_code, answer.data) == (200, whole.data), part


@pytest.mark.parametrize(
    "path",
    ["/static/css", "/static/no.css", "/static/../wsgi.py", "/static/%2e%2e/wsgi.py",
     "/static/a%00b", "/static/" + "a" * 3000],
)  # fmt: skip
def test_what_is_not_there_has_the_page_of_an_error(site: Flask, path: str) -> None:
    answer = ask(site, path)
    assert answer.status_code == 404
    assert "Error 404" in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_that_changes_is_seen(site: Flask, tmp_path: Path) -> None:
    site.wsgi_app.add_files(str(tmp_path / "more"), "/more/")  # type: ignore[attr-defined]
    (tmp_path / "more").mkdir()
    file = tmp_path / "more" / "a.css"
    for number, text in enumerate(("a {}" * 99, "b {}" * 99)):
        file.write_text(text)
        os.utime(file, (number, number))
        answer = ask(site, "/more/a.css", headers={"Accept-Encoding": "gzip"})
        assert gzip.decompress(answer.data).decode() == text


def test_each_file_is_compressed_once(site: Flask, tmp_path: Path) -> None:
    ask(site, THEME)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "static").iterdir()}
    assert {path.suffix for path in kept} == {".gzip", ".br"}
    again = create_app(settings("sqlite://", tmp_path))
    assert ask(again, THEME, headers={"Accept-Encoding": "br"}).headers["Content-Encoding"] == "br"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "static").iterdir()} == kept


def test_where_nothing_can_be_written_files_go_out_as_they_are(site: Flask, tmp_path: Path) -> None:
    (tmp_path / "static").write_text("in the way")
    answer = ask(site, THEME, headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in answer.headers
    assert answer.data == content(site, THEME)
