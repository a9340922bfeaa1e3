"""spreadsheet.py CSV   Opens an export in LibreOffice in twelve languages, and checks that each cell is the text of the file.

Converts CSV to xlsx and back. "Detect special numbers" is on, as always in Excel, and in some languages off as well. It uses
only Python's standard library.
"""
import csv
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile

# Windows' numbers of locales. The first three open the file in both ways.
LOCALES = {
    "English": 1033, "French": 1036, "Arabic": 1025, "German": 1031, "Spanish": 3082, "Russian": 1049, "Turkish": 1055,
    "Japanese": 1041, "Hindi": 1081, "Persian": 1065, "Portuguese": 1046, "Hungarian": 1038,
}
# Separator, quotation mark, UTF-8, first line, columns.
READ = "CSV:44,34,76,1,"
WRITE = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"
XLSX = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def rows(file):
    """Returns the rows of a CSV file as lists of text."""
    with open(file, encoding="utf-8-sig", newline="") as lines:
        return list(csv.reader(lines))


def convert(folder, to, files, options=()):
    command = ["soffice", f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", *options]
    done = subprocess.run([*command, "--convert-to", to, "--outdir", folder / "out", *files], capture_output=True, text=True)
    missing = [file for file in files if not (folder / "out" / f"{file.stem}.{to.split(':')[0]}").exists()]
    if done.returncode or missing:
        sys.exit(f"soffice did not convert {missing}: {done.stdout}{done.stderr}")


def text(node):
    return "".join(part.text or "" for part in node.iter(XLSX + "t"))


def column(name):
    """Returns the number of a column: A is 0, AA is 26."""
    number = 0
    for letter in re.match("[A-Z]+", name)[0]:
        number = number * 26 + ord(letter) - 64
    return number - 1


def sheet(file):
    """Returns the cells of an xlsx file that are not empty: (row, column) → (text, other value)."""
    with zipfile.ZipFile(file) as parts:
        shared = [text(item) for item in ElementTree.fromstring(parts.read("xl/sharedStrings.xml"))]
        cells = ElementTree.fromstring(parts.read("xl/worksheets/sheet1.xml")).iter(XLSX + "c")
    found = {}
    for cell in cells:
        value, name = cell.find(XLSX + "v"), cell.get("r")
        if value is None:
            continue
        is_formula = cell.find(XLSX + "f") is not None
        is_text = cell.get("t") == "s" and not is_formula
        place = int(re.search(r"\d+", name)[0]) - 1, column(name)
        found[place] = shared[int(value.text)] if is_text else ("formula" if is_formula else "number", value.text)
    return found


def changed(wanted, found):
    """Returns the cells that differ from the text of the file."""
    for place in sorted(set(wanted) | set(found)):
        if wanted.get(place) != found.get(place):
            yield f"{place}: {wanted.get(place)!r} became {found.get(place)!r}"


def numbered(table):
    return {(row, number): cell for row, cells in enumerate(table) for number, cell in enumerate(cells) if cell}


def main(exported):
    wanted = numbered(rows(exported))
    faults = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        opened = []
        ways = [(language, "true") for language in LOCALES] + [(language, "false") for language in list(LOCALES)[:3]]
        for language, special in ways:
            file = folder / f"{language}-{special}.csv"
            file.write_bytes(pathlib.Path(exported).read_bytes())
            convert(folder, "xlsx", [file], [f"--infilter={READ},{LOCALES[language]},false,{special},false"])
            opened.append(folder / "out" / f"{file.stem}.xlsx")
        convert(folder, WRITE, opened)
        for file in opened:
            faults += [f"{file.stem}: {fault}" for fault in changed(wanted, sheet(file))]
            again = numbered(rows(file.with_suffix(".csv")))
            faults += [f"{file.stem}, written again: {fault}" for fault in changed(wanted, again)]
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{len(wanted)} cells, opened {len(opened)} times: {len(faults)} are not the text of the file")
    return bool(faults) or len(wanted) < 500


sys.exit(main(sys.argv[1]))
