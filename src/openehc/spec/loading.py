"""CSV tables to frozen objects, with every row checked.

A broken row is a `SpecError` that names file and line, at start rather than in
service. Decides nothing about messages (`tables.py`).

Files under the data folder, each with a header row, UTF-8 without byte order mark:

    dictionaries.csv            the titles of all dictionaries
    dictionaries/<name>.csv     the codes (return_code comes from return_codes.csv)
    aliases.csv                 further names under which an entry is found
    return_codes.csv            the return codes with cause and cure
    app_methods.csv             the methods of the hospital door
    methods/<method>.csv        their field tables
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openehc.spec.model import (
    Dictionary,
    Direction,
    Entry,
    Field,
    Kind,
    Method,
    ReturnCode,
    Status,
    UnknownDictionary,
)
from openehc.spec.rows import Row, SpecError, keyed, rows_of
from openehc.spec.tables import MethodTable, default_is_valid

TITLE_COLUMNS: Final = ("name", "title", "title_en")
ENTRY_COLUMNS: Final = ("code", "name", "parent_code", "source", "note")
ALIAS_COLUMNS: Final = ("dictionary", "alias", "code", "source", "note")
RETURN_CODE_COLUMNS: Final = (
    "code", "text", "meaning_en", "cause_zh", "cause_en", "cure_zh", "cure_en", "source", "note",
)  # fmt: skip
METHOD_COLUMNS: Final = (
    "method", "title", "title_en", "serial_field", "either", "status", "source", "note",
)  # fmt: skip
FIELD_COLUMNS: Final = (
    "direction", "name", "title", "kind", "required", "max_length", "dictionary",
    "minimum", "maximum", "default", "aliases", "source", "note",
)  # fmt: skip

_RETURN_CODE: Final = "return_code"
_NEED_DICTIONARY: Final = frozenset({Kind.CODE, Kind.NATION, Kind.CARD_LIST})
_NEED_LENGTH: Final = frozenset({Kind.TEXT, Kind.PHONE, Kind.PHOTO, Kind.TAGS, Kind.CARD_LIST})
_NEED_MAXIMUM: Final = frozenset({Kind.TAGS, Kind.CARD_LIST})


@dataclass(frozen=True, slots=True)
class Spec:
    """All facts of the documents that the platform looks up."""

    dictionaries: Mapping[str, Dictionary]
    return_codes: Mapping[str, ReturnCode]
    methods: Mapping[str, MethodTable]

    def dictionary(self, name: str) -> Dictionary:
        """The dictionary of that name; raises `UnknownDictionary`."""
        try:
            return self.dictionaries[name]
        except KeyError:
            raise UnknownDictionary(name) from None

    def return_code(self, code: str) -> ReturnCode:
        """The return code (附录E 8); raises `UnknownCode`."""
        self.dictionaries[_RETURN_CODE].require(code)
        return self.return_codes[code]

    def method(self, name: str) -> MethodTable | None:
        """The field table of that method; None when the hospital door has no such method."""
        return self.methods.get(name)


def load_from(folder: Path) -> Spec:
    """The tables of `folder` (file list above); raises `SpecError` at the first broken row."""
    return_codes = _return_codes(folder)
    dictionaries = _dictionaries(folder, return_codes=return_codes)
    methods = _methods(folder, dictionaries=dictionaries)
    return Spec(dictionaries, return_codes, methods)


def _return_codes(folder: Path) -> dict[str, ReturnCode]:
    rows = rows_of(folder, name="return_codes.csv", columns=RETURN_CODE_COLUMNS)

    def build(row: Row) -> ReturnCode:
        return ReturnCode(
            code=row["code"],
            text=row.needed("text"),
            meaning_en=row.needed("meaning_en"),
            cause_zh=row.needed("cause_zh"),
            cause_en=row.needed("cause_en"),
            cure_zh=row.needed("cure_zh"),
            cure_en=row.needed("cure_en"),
            source=row.needed("source"),
            note=row["note"],
        )

    return keyed(rows, column="code", build=build)


def _dictionaries(folder: Path, *, return_codes: Mapping[str, ReturnCode]) -> dict[str, Dictionary]:
    titles = keyed(
        rows_of(folder, name="dictionaries.csv", columns=TITLE_COLUMNS),
        column="name",
        build=lambda row: (row.needed("title"), row.needed("title_en")),
    )
    _refuse_strangers(folder, name="dictionaries", known=titles.keys() - {_RETURN_CODE})
    entries = {name: _entries(folder, dictionary=name) for name in titles if name != _RETURN_CODE}
    # The return codes stand once, in their own table with cause and cure.
    if _RETURN_CODE in titles:
        entries[_RETURN_CODE] = {
            code: Entry(code, row.text, "", row.source, row.note)
            for code, row in return_codes.items()
        }
    aliases = _aliases(folder, entries=entries)
    return {
        name: Dictionary.of(
            name,
            title=title,
            title_en=title_en,
            entries=tuple(entries[name].values()),
            aliases=aliases.get(name, {}),
        )
        for name, (title, title_en) in titles.items()
    }


def _refuse_strangers(folder: Path, *, name: str, known: Iterable[str]) -> None:
    """A table that no index names would never be read: raise rather than ignore it."""
    for file in sorted((folder / name).glob("*.csv")):
        if file.name.removesuffix(".csv") not in set(known):
            raise SpecError(f"{name}/{file.name}", line=0, problem="named in no index")


def _entries(folder: Path, *, dictionary: str) -> dict[str, Entry]:
    rows = list(rows_of(folder, name=f"dictionaries/{dictionary}.csv", columns=ENTRY_COLUMNS))

    def build(row: Row) -> Entry:
        return Entry(
            code=row["code"],
            name=row.needed("name"),
            parent_code=row["parent_code"],
            source=row.needed("source"),
            note=row["note"],
        )

    entries = keyed(rows, column="code", build=build)
    for row in rows:
        parent = row["parent_code"]
        # A parent may be printed below its children (004 附录2 2.6).
        if parent and (parent not in entries or parent == row["code"]):
            raise row.broken(f"unknown parent {parent}")
    return entries


def _aliases(
    folder: Path, *, entries: Mapping[str, Mapping[str, Entry]]
) -> dict[str, dict[str, str]]:
    aliases: dict[str, dict[str, str]] = {}
    for row in rows_of(folder, name="aliases.csv", columns=ALIAS_COLUMNS):
        codes = row.one_of("dictionary", choices=entries)
        row.one_of("code", choices=codes)
        row.needed("source")
        names = aliases.setdefault(row["dictionary"], {})
        if row.needed("alias") in names:
            raise row.broken(f"duplicate alias {row['alias']}")
        names[row["alias"]] = row["code"]
    return aliases


def _methods(folder: Path, *, dictionaries: Mapping[str, Dictionary]) -> dict[str, MethodTable]:
    rows = list(rows_of(folder, name="app_methods.csv", columns=METHOD_COLUMNS))
    methods = keyed(rows, column="method", build=_method)
    _refuse_strangers(folder, name="methods", known=methods.keys())
    tables: dict[str, MethodTable] = {}
    for row in rows:
        method = methods[row["method"]]
        request = _fields(
            folder, method=method.name, direction=Direction.REQUEST, dictionaries=dictionaries
        )
        response = _fields(
            folder, method=method.name, direction=Direction.RESPONSE, dictionaries=dictionaries
        )
        names = {field.name for field in request}
        cited = {method.serial_field} - {""} | {name for group in method.either for name in group}
        if not cited <= names:
            raise row.broken(f"no such field: {', '.join(sorted(cited - names))}")
        tables[method.name] = MethodTable.of(
            method, request=request, response=response, dictionaries=dictionaries
        )
    return tables


def _method(row: Row) -> Method:
    return Method(
        name=row["method"],
        title=row.needed("title"),
        title_en=row.needed("title_en"),
        serial_field=row["serial_field"],
        either=tuple(tuple(group.split("+")) for group in row["either"].split("|") if group),
        status=row.one_of("status", choices={status.value: status for status in Status}),
        source=row.needed("source"),
        note=row["note"],
    )


def _fields(
    folder: Path,
    *,
    method: str,
    direction: Direction,
    dictionaries: Mapping[str, Dictionary],
) -> tuple[Field, ...]:
    """The fields of one direction, in the order of the table."""
    directions = {one.value: one for one in Direction}
    fields: list[Field] = []
    taken: set[str] = set()
    for row in rows_of(folder, name=f"methods/{method}.csv", columns=FIELD_COLUMNS):
        if row.one_of("direction", choices=directions) is not direction:
            continue
        field = _field(row)
        _refuse_unreadable(row, field=field, dictionaries=dictionaries)
        names = {field.name, *field.aliases}
        if len(names) <= len(field.aliases) or names & taken:
            raise row.broken(f"duplicate name {field.name}")
        taken |= names
        fields.append(field)
    return tuple(fields)


def _field(row: Row) -> Field:
    return Field(
        name=row.needed("name"),
        title=row.needed("title"),
        kind=row.one_of("kind", choices={kind.value: kind for kind in Kind}),
        required=row.one_of("required", choices={"Y": True, "N": False}),
        max_length=row.number("max_length"),
        dictionary=row["dictionary"],
        minimum=row.number("minimum"),
        maximum=row.number("maximum"),
        default=row["default"],
        aliases=tuple(row["aliases"].split()),
        source=row.needed("source"),
        note=row["note"],
    )


def _refuse_unreadable(row: Row, *, field: Field, dictionaries: Mapping[str, Dictionary]) -> None:
    """A field whose cells contradict each other or its kind."""
    if field.dictionary and field.dictionary not in dictionaries:
        raise row.broken(f"unknown dictionary {field.dictionary}")
    if not field.dictionary and field.kind in _NEED_DICTIONARY:
        raise row.broken(f"kind {field.kind} needs a dictionary")
    if field.max_length is None and field.kind in _NEED_LENGTH:
        raise row.broken(f"kind {field.kind} needs max_length")
    if field.maximum is None and field.kind in _NEED_MAXIMUM:
        raise row.broken(f"kind {field.kind} needs maximum")
    if field.required and field.default:
        raise row.broken("a required field has no default")
    if field.default and not default_is_valid(field, dictionaries=dictionaries):
        raise row.broken("the default is none of the field's values")
