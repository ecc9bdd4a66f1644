"""XLSX files written as a stream: nothing is kept but the piece that is being sent.

Libraries make the whole file first: 45 s without a byte for a million records, where a proxy
gives up after 60. One sheet needs little of the format (ECMA-376, part 1, SpreadsheetML).
"""

import html
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

# The specification of Excel: rows of a sheet, and characters of a cell.
MOST_ROWS = 1_048_576
MOST_CHARACTERS = 32_767
# Before this day Excel counts a 29th of February 1900 that was none.
FIRST_DAY = date(1900, 3, 1)
_DAY_ZERO = datetime(1899, 12, 30)
_SECONDS = 86_400

# What XML cannot hold or changes, and what reads like its escape (ECMA-376, ST_Xstring).
_ESCAPED = re.compile("[\0-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# Styles by number: 0 plain, 1 bold, 2 a date, 3 a date and time.
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package'
    '.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="{name}" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><numFmts count="2">'
    '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>",
}
_SHEET_BEGINS = (
    f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>'
    "</sheetViews><sheetData>"
)


class _Pipe(io.RawIOBase):
    """What `zipfile` writes to, and what it has written is taken from."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.waiting.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken, self.waiting = b"".join(self.waiting), []
        return taken


def stream(
    name: str, heading: Sequence[str], batches: Iterable[Iterable[Sequence[Any]]]
) -> Iterator[bytes]:
    """Yield a file with one sheet; the first piece comes before the first batch is asked for.

    Args:
        name: The sheet's: at most 31 characters, without any of []:*?/ in it.
        heading: The first row.
        batches: The other rows, some at a time: None, bool, int, float, str, date, datetime.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in _PARTS.items():
            archive.writestr(path, _XML + text.replace("{name}", html.escape(name, quote=False)))
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            head = "".join(_text(each, ' s="1"') for each in heading)
            sheet.write(f"{_XML}{_SHEET_BEGINS}<row>{head}</row>".encode())
            yield pipe.take()
            for rows in batches:
                lines = [f"<row>{''.join(map(_cell, row))}</row>" for row in rows]
                sheet.write("".join(lines).encode())
                if pipe.waiting:
                    yield pipe.take()
            sheet.write(b"</sheetData></worksheet>")
    yield pipe.take()


def _cell(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return _text(value)
    if value is None:
        return "<c/>"
    if kind is bool:
        return f'<c t="b"><v>{value:d}</v></c>'
    if kind is date or kind is datetime:
        return _moment(value)
    return f"<c><v>{value!r}</v></c>"


def _text(text: str, style: str = "") -> str:
    if _ESCAPED.search(text):
        text = _ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    text = html.escape(text, quote=False)
    return f'<c t="inlineStr"{style}><is><t xml:space="preserve">{text}</t></is></c>'


def _moment(value: date) -> str:
    """Return a day as Excel counts it, a time as the fraction of it."""
    if not isinstance(value, datetime):
        return f'<c s="2"><v>{value.toordinal() - _DAY_ZERO.toordinal()}</v></c>'
    passed = value - _DAY_ZERO
    return f'<c s="3"><v>{passed.days + passed.seconds / _SECONDS!r}</v></c>'
