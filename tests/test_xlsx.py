"""XLSX written as a stream: other programs read in it what was written."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from webadmin import xlsx

# calamine does not undo the escapes of the two characters that XML has not in its last plane.
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")
) | st.text(alphabet="_x0041F\r\n\t <&>\0", max_size=12)
values = (
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.dates(min_value=xlsx.FIRST_DAY)
    | st.datetimes(min_value=datetime(1900, 3, 1)).map(lambda value: value.replace(microsecond=0))
    | texts
)


def made(*rows: tuple[Any, ...]) -> bytes:
    width = len(rows[0]) if rows else 1
    return b"".join(xlsx.stream("users", [f"c{i}" for i in range(width)], [rows]))


@given(st.lists(values, min_size=1, max_size=30))
def test_calamine_reads_what_was_written(cells: list[Any]) -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(made(*((cell,) for cell in [*cells, "end"]))))
    assert book.sheet_names == ["users"]
    heading, *rows = book.get_sheet_by_index(0).to_python()
    assert heading == ["c0"]
    assert [row[0] for row in rows] == [*map(as_read, cells), "end"]


def as_read(cell: Any) -> Any:
    """calamine gives a date for a time at midnight, and an empty text for an empty cell."""
    if isinstance(cell, datetime) and cell == datetime.combine(cell, time()):
        return cell.date()
    return "" if cell is None else cell


def test_openpyxl_reads_what_was_written() -> None:
    row = ("=1+1", "a\r\nb", " x ", 42, -0.5, True, None, date(2026, 3, 31))
    row += (datetime(2026, 3, 31, 16, 20, 5), "<&>", "🙂")
    sheet = openpyxl.load_workbook(io.BytesIO(made(row))).active
    found = [cell.value for cell in sheet[2]]
    assert found[1] == "a_x000D_\nb", "openpyxl leaves the escape, which Excel undoes"
    assert found[2:7] == [" x ", 42, -0.5, True, None]
    assert found[7:] == [datetime(2026, 3, 31), datetime(2026, 3, 31, 16, 20, 5), "<&>", "🙂"]
    assert sheet["A2"].data_type == "inlineStr" or sheet["A2"].value == "=1+1"
    assert sheet["H2"].number_format == "yyyy\\-mm\\-dd"
    assert sheet.freeze_panes == "A2"


def test_every_part_is_xml_and_named() -> None:
    with zipfile.ZipFile(io.BytesIO(made((1,)))) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            ElementTree.fromstring(archive.read(name))
        types = archive.read("[Content_Types].xml").decode()
        for name in ("xl/workbook.xml", "xl/styles.xml", "xl/worksheets/sheet1.xml"):
            assert f'PartName="/{name}"' in types


def test_pieces_come_as_batches_do() -> None:
    asked = []

    def batches() -> Iterator[list[tuple[str]]]:
        for number in range(3):
            asked.append(number)
            yield [(str(hash((number, i))),) for i in range(5000)]

    pieces = xlsx.stream("users", ["c"], batches())
    assert next(pieces).startswith(b"PK")
    assert asked == []
    next(pieces)
    assert asked == [0]
    pieces.close()
    assert asked == [0]


@pytest.mark.parametrize("moment", [datetime(2026, 1, 1, 23, 59, s) for s in range(60)])
def test_seconds_are_exact(moment: datetime) -> None:
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(made((moment,)))).get_sheet_by_index(0)
    assert sheet.to_python()[1] == [moment]
