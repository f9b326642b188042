"""What stands in the way of an entry: the same thing, registered before. Pure.

The database's unique keys know the same only by its letters. A device on the black list is
looked for in every way to write its number and its maker; software on the list by its name and
by its package.
"""

from typing import Final

from openehc.access.entries import (
    ApplicationEntry,
    Entry,
    InstitutionEntry,
    ModuleEntry,
    TerminalEntry,
)
from openehc.access.kinds import INSTITUTIONS, Kind
from openehc.access.model import Standing
from openehc.kernel.refusal import Reason, Refusal

TAKEN: Final = Refusal(
    Reason.RECORD_EXISTS, "已有相同的登记", "the same is registered already"
)  # fmt: skip


def named_by(entry: Entry) -> tuple[object, ...]:
    """What tells whether two entries are for the same thing, as `clash_sql` takes it."""
    match entry:
        case InstitutionEntry():
            return (entry.org_code,)
        case TerminalEntry():
            return entry.developer, entry.serial_no
        case ModuleEntry():
            return entry.manufacturer, entry.serial_no
        case ApplicationEntry():
            return entry.institution_id, entry.app_channel, entry.app_name, entry.app_package


def closed_to(kind: Kind, standing: Standing) -> tuple[str, str] | None:
    """Why nothing is registered while the same has this standing; None where nothing more is told.

    In Chinese and English.
    """
    if standing is Standing.BLACKLISTED:
        return (
            f"该{kind.title}在黑名单中，移出之前不能登记",
            "the same is black-listed and is not registered until it is taken off",
        )
    if kind is INSTITUTIONS and standing is Standing.EXITED:
        return (
            "该机构已退出接入，请在原登记上重新申请",
            "it left before: apply again on its entry (reapply)",
        )
    if kind is INSTITUTIONS and standing is Standing.REFUSED:
        return (
            "该机构的申请未通过，请在原登记上变更或重新申请",
            "its application was refused: change that entry, or apply again on it",
        )
    return None


def clash(kind: Kind, standing: Standing) -> Refusal:
    """The refusal of an entry while the same has this standing."""
    told = closed_to(kind, standing)
    return Refusal(Reason.STATE_FORBIDS, *told) if told else TAKEN
