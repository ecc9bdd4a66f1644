"""Files as spreadsheets write them, found out and held against the limits."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from flask import Flask

from conftest import settings
from webadmin import create_app, tables
from webadmin.tables import Table, TableError

Prepared = Callable[[bytes], tuple[Table, list[tuple[int, list[str]]]]]


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return create_app(settings(f"sqlite:///{tmp_path / 'test.sqlite'}", tmp_path))


@pytest.fixture
def prepared(app: Flask, tmp_path: Path) -> Prepared:
    def prepare(data: bytes) -> tuple[Table, list[tuple[int, list[str]]]]:
        (tmp_path / "raw").write_bytes(data)
        with app.test_request_context("/"):
            table = tables.prepare(tmp_path / "raw", tmp_path / "plain.csv")
        return table, list(tables.read(tmp_path / "plain.csv"))

    return prepare


ROWS = [["1", "Zoë “Z” Müller – €", "31.03.2026"], ["2", 'a;b,c\t"d"\r\nnext', "1.4.2026"]]


def text(delimiter: str, end: str = "\r\n") -> str:
    lines = [["id", "name", "born"], *ROWS]
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in line] for line in lines]
    return end.join(delimiter.join(line) for line in quoted) + end


@pytest.mark.parametrize(
    ("data", "encoding", "delimiter"),
    [
        pytest.param(text(",", "\n").encode(), "utf-8", ",", id="Google Sheets"),
        pytest.param(text(",", "\n").encode("utf-8-sig"), "utf-8", ",", id="LibreOffice, BOM"),
        pytest.param(text(";").encode("utf-8-sig"), "utf-8", ";", id="Excel, CSV UTF-8, Europe"),
        pytest.param(text(";").encode("cp1252"), "windows-1252", ";", id="Excel, CSV, Europe"),
        pytest.param(text("\t").encode("utf-16"), "utf-16", "\t", id="Excel, Unicode text"),
        pytest.param(text("\t").encode("utf-16-le"), "utf-16-le", "\t", id="UTF-16 without BOM"),
        pytest.param(text("|").encode(), "utf-8", "|", id="bars"),
    ],
)
def test_csv_is_found_out(prepared: Prepared, data: bytes, encoding: str, delimiter: str) -> None:
    table, rows = prepared(data)
    assert (table.encoding, table.delimiter) == (encoding, delimiter)
    assert table.heading == ["id", "name", "born"]
    assert (table.rows, table.dates) == (2, "dmy")
    assert rows == [(2, ROWS[0]), (3, ROWS[1])]


def test_other_scripts_in_utf_8_are_no_guess(prepared: Prepared) -> None:
    table, rows = prepared("name\n鈴木\nفاطمة\n".encode())
    assert table.encoding == "utf-8"
    assert [row for _, row in rows] == [["鈴木"], ["فاطمة"]]


def by_openpyxl() -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    sheet.append(["name", "age", "born", "at", "clock", "active", "price", "none", "formula"])
    at = datetime(2026, 3, 31, 16, 20, 5)
    sheet.append(["Zoë\nB", 42, date(2026, 3, 31), at, time(9, 5), True, 0.1, None, "=1+1"])
    book.create_sheet("second").append(["not this one"])
    book.save(file)
    return file.getvalue()


def test_xlsx_of_openpyxl(prepared: Prepared) -> None:
    table, rows = prepared(by_openpyxl())
    assert table.form == "xlsx"
    line, cells = rows[0]
    assert (line, cells[:3]) == (2, ["Zoë\nB", "42", "2026-03-31"])
    assert cells[3:8] == ["2026-03-31 16:20:05", "09:05:00", "true", "0.1", ""]


def test_xlsx_of_excels_own_kind(prepared: Prepared) -> None:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["name", "age", "big", "tiny", "born"])
        sheet.write_row(1, 0, ["=x", -5, 2**53, 1e-07], None)
        day = book.add_format({"num_format": "dd.mm.yyyy"})
        sheet.write_datetime(1, 4, datetime(1999, 12, 31), day)
        sheet.write_string(2, 0, "'")
    table, rows = prepared(file.getvalue())
    assert table.rows == 2
    assert rows[0][1][1:] == ["-5", "9007199254740992", "0.0000001", "1999-12-31"]
    assert rows[1][1][0] == "'"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "The file is empty."),
        (b"  \n ", "The file is empty."),
        (b"\n\nid\n", "The first line is empty."),
        (b"id,name\n1,a,b\n", "Line 2 has 3 cells, but the heading only 2."),
        (b"id\n" + b"1\n" * 11, "more than 10 records"),
        (b",".join([b"c"] * 6) + b"\n", "6 columns; at most 5"),
        (b"id\n" + b"x" * 101 + b"\n", "A cell of line 2 has more than 100 characters."),
        (b'id\n"' + b"x\n" * 200, "Perhaps a quotation mark is not closed."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Excel file"),
        (b"PK\x03\x04 and nothing more", "cannot be read as XLSX"),
    ],
)
def test_what_is_wrong_is_said(app: Flask, prepared: Prepared, data: bytes, message: str) -> None:
    app.config |= {"IMPORT_MAX_ROWS": 10, "IMPORT_MAX_COLUMNS": 5, "IMPORT_MAX_CELL": 100}
    with pytest.raises(TableError, match=message):
        prepared(data)


def test_a_bomb_is_refused_before_it_is_unpacked(
    app: Flask, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * 2_000_000)
    app.config["IMPORT_MAX_UNPACKED"] = 1_000_000
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(TableError, match="more than 1,000,000 bytes"):
        prepared(file.getvalue())


def test_an_archive_that_lies_about_its_size_is_refused(prepared: Prepared) -> None:
    data = by_openpyxl()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    lie = data.replace(size.to_bytes(4, "little"), (1).to_bytes(4, "little"))
    assert lie != data
    with pytest.raises(TableError, match="cannot be read as XLSX"):
        prepared(lie)


def test_an_archive_that_is_no_sheet_is_refused(prepared: Prepared) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(TableError, match="cannot be read as XLSX"):
        prepared(file.getvalue())


@pytest.mark.parametrize(
    ("cells", "dates"),
    [
        (["3/31/2026"], "mdy"),
        (["31/3/2026"], "dmy"),
        (["1/2/2026"], "dmy"),
        (["2026-03-31"], "ymd"),
    ],
)
def test_how_dates_are_written_is_found_out(
    prepared: Prepared, cells: list[str], dates: str
) -> None:
    assert prepared("\n".join(["born", *cells]).encode())[0].dates == dates


def test_decimal_commas_are_found_out(prepared: Prepared) -> None:
    assert prepared(b"a;b\n1,5;x\n")[0].comma
    assert not prepared(b'a,b\n"1,5",x\n')[0].comma
