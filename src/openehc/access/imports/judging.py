"""What becomes of a good row: new, there already, or in conflict with the register. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum, unique

from openehc.access.clashes import closed_to
from openehc.access.entries import Entry, InstitutionEntry, ModuleEntry
from openehc.access.entry_rules import owner_of_category
from openehc.access.imports.importing import Importing, Key
from openehc.access.imports.model import Mode
from openehc.access.imports.reading import ReadRow
from openehc.access.model import Standing
from openehc.access.rules import CLOSED, SAID
from openehc.kernel.refusal import Fault


@dataclass(frozen=True, slots=True)
class Place:
    """An institution as the rows that name it see it."""

    institution_id: int
    standing: Standing
    owner: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the register holds about the rows of one batch: entries by key, places by code.

    People may have entered the same software twice, so a key can have several entries, and
    several standings.
    """

    entries: Mapping[Key, Sequence[Entry]]
    places: Mapping[str, Place]
    standings: Mapping[Key, Collection[Standing]] = field(default_factory=dict)


@unique
class Same(Enum):
    """The register holds the row already."""

    UNCHANGED = "unchanged"


def judged(
    row: ReadRow, importing: Importing, known: Known, *, mode: Mode, reach: int | None
) -> Entry | Same | Fault:
    """The entry to insert, or that it is there, or why it is not taken."""
    entry = row.entry
    if entry is None:
        return Fault("", "该行有误", "the row is wrong")
    if importing.owner:
        place = known.places.get(row.org_code)
        fault = misplaced(row, place, mode=mode, reach=reach)
        if fault:
            return fault
        entry = placed(entry, place)
    closed = _closed(importing, known, importing.key_of(entry))
    if closed:
        return closed
    there = known.entries.get(importing.key_of(entry), ())
    if any(_agrees(entry, one) for one in there):
        return Same.UNCHANGED
    if not there:
        return entry
    return Fault(
        importing.told_at,
        "已登记且信息不一致，请在系统中变更",
        "registered already with other data",
    )


def _closed(importing: Importing, known: Known, key: Key) -> Fault | None:
    """What keeps a row out, also one that agrees with the register: that entry was stopped."""
    for standing in sorted(known.standings.get(key, ())):
        told = closed_to(importing.kind, standing)
        if told:
            return Fault(importing.told_at, *told)
    return None


def faults_with_place(
    row: ReadRow, importing: Importing, known: Known, *, mode: Mode, reach: int | None
) -> tuple[Fault, ...]:
    """Everything that is wrong with a faulty row, its institution as well."""
    if not importing.owner or any(fault.field == "org_code" for fault in row.faults):
        return row.faults
    fault = misplaced(row, known.places.get(row.org_code), mode=mode, reach=reach)
    return (*row.faults, fault) if fault else row.faults


def placed(entry: Entry, place: Place | None) -> Entry:
    """The entry with its institution; what needs none may have none."""
    if isinstance(entry, InstitutionEntry):
        return entry
    if isinstance(entry, ModuleEntry):
        return replace(entry, institution_id=place.institution_id if place else None)
    return replace(entry, institution_id=place.institution_id if place else 0)


def misplaced(row: ReadRow, place: Place | None, *, mode: Mode, reach: int | None) -> Fault | None:
    """What is wrong with the institution of a row; one that needs none may name none."""
    if place is None:
        if not row.org_code and reach is None:
            return None
        return Fault("org_code", "机构未登记", "no such institution")
    if reach is not None and place.institution_id != reach:
        return Fault("org_code", "只能导入本机构的登记", "only for your own institution")
    if place.standing is Standing.ACTIVE:
        return None
    if mode is Mode.APPROVE or place.standing in CLOSED:
        zh, en = SAID[place.standing]
        return Fault("org_code", f"所属机构{zh}", f"the institution is {en}")
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
