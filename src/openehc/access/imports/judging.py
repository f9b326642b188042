"""What becomes of a good row: new, there already, or in conflict with the register. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum, unique

from openehc.access.entries import Entry, InstitutionEntry, TerminalEntry
from openehc.access.entry_rules import owner_of_category
from openehc.access.imports.model import Mode
from openehc.access.imports.reading import ReadRow
from openehc.access.model import Standing
from openehc.kernel.refusal import Fault


@dataclass(frozen=True, slots=True)
class Place:
    """An institution as the rows of its terminals see it."""

    institution_id: int
    standing: Standing
    owner: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the register holds about the rows of one batch: entries by key, places by code."""

    entries: Mapping[tuple[str, ...], Entry]
    places: Mapping[str, Place]


@unique
class Same(Enum):
    """The register holds the row already."""

    UNCHANGED = "unchanged"


def judged(row: ReadRow, known: Known, *, mode: Mode, reach: int | None) -> Entry | Same | Fault:
    """The entry to insert, or that it is there, or why it is not taken."""
    entry = row.entry
    if entry is None:
        return Fault("", "该行有误", "the row is wrong")
    if isinstance(entry, TerminalEntry):
        place = known.places.get(row.org_code)
        fault = _misplaced(place, mode=mode, reach=reach)
        if fault or place is None:
            return fault or Fault("org_code", "机构未登记", "no such institution")
        entry = replace(entry, institution_id=place.institution_id)
    there = known.entries.get(row.key)
    if there is None:
        return entry
    if _agrees(entry, there):
        return Same.UNCHANGED
    key = "org_code" if isinstance(entry, InstitutionEntry) else "serial_no"
    return Fault(key, "已登记且信息不一致，请在系统中变更", "registered already with other data")


def _misplaced(place: Place | None, *, mode: Mode, reach: int | None) -> Fault | None:
    if place is None:
        return Fault("org_code", "机构未登记", "no such institution")
    if reach is not None and place.institution_id != reach:
        return Fault("org_code", "只能导入本机构的终端", "only terminals of your own institution")
    if place.standing is Standing.ACTIVE:
        return None
    if mode is Mode.APPROVE or place.standing not in {Standing.APPLIED, Standing.SUSPENDED}:
        return Fault("org_code", "机构未批准或已停用", "the institution does not work")
    return None


def _agrees(entry: Entry, there: Entry) -> bool:
    """Whether everything that the row says stands in the register."""
    stored = asdict(there)
    return all(
        value in (None, ()) or stored[name] == value for name, value in asdict(entry).items()
    )


def owner_of(owner_type: str | None, org_category: str | None) -> str:
    """The owner letter of an institution: as registered, else as its category suggests."""
    return owner_type or owner_of_category(org_category or "")
