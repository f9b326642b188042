"""The registers as every worker holds them in memory.

A lookup costs a dict access and no query; the store's rows are read again whenever
the database says that a register changed. Writes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from openehc.access.model import Application, Institution, Medium, Standing, Terminal
from openehc.envelope.message import Caller
from openehc.envelope.profile import WireProfile
from openehc.kernel.refusal import Reason, Refusal


class Admission(msgspec.Struct, frozen=True, gc=False):
    """An application at a registered terminal: who asks, and from where."""

    app_id: str
    app_channel: str
    ehcappid: str
    medium: Medium
    term_id: str
    institution_id: int
    org_code: str
    org_name: str


@dataclass(frozen=True, slots=True)
class Registers:
    """What was read from the database at one moment."""

    institutions: tuple[Institution, ...] = ()
    applications: tuple[Application, ...] = ()
    terminals: tuple[Terminal, ...] = ()


@dataclass(slots=True)
class Registry:
    """The registers in memory; `replace` swaps them as a whole."""

    profiles: dict[str, WireProfile]
    loaded: bool = False
    _applications: dict[str, Application] = field(default_factory=dict)
    _callers: dict[str, Caller] = field(default_factory=dict)
    _terminals: dict[str, Terminal] = field(default_factory=dict)
    _institutions: dict[int, Institution] = field(default_factory=dict)
    _admissions: dict[tuple[str, str], Admission | Refusal] = field(default_factory=dict)

    def replace(self, registers: Registers) -> None:
        """Serve these registers from now on; callers whose secret stayed keep their keys."""
        kept = self._callers
        applications = {app.app_id: app for app in registers.applications}
        self._callers = {
            app_id: self._caller(app, kept.get(app_id)) for app_id, app in applications.items()
        }
        self._applications = applications
        self._terminals = _by_id(registers.terminals)
        self._institutions = {row.institution_id: row for row in registers.institutions}
        self._admissions = {}
        self.loaded = True

    def _caller(self, app: Application, kept: Caller | None) -> Caller:
        profile = self.profiles[app.wire_profile]
        if kept and kept.profile is profile and kept.keys.secret == app.secret:
            return kept
        return Caller(app_id=app.app_id, profile=profile, keys=profile.prepare(app.secret))

    def caller(self, app_id: str) -> Caller | None:
        """The application as the envelope sees it, or None."""
        return self._callers.get(app_id)

    def application(self, app_id: str) -> Application | None:
        """The application of that id, or None."""
        return self._applications.get(app_id)

    def admit(self, app_id: str, *, term_id: str, method: str) -> Admission | Refusal:
        """Whether this application may call `method` from this terminal (材料一 6.4, 9.4)."""
        place = (app_id, term_id)
        admission = self._admissions.get(place)
        if admission is None:
            admission = self._admission(app_id, term_id)
            if isinstance(admission, Refusal):  # not kept: an attacker chooses terminal ids
                return admission
            self._admissions[place] = admission
        if method not in self._applications[app_id].grants:
            return Refusal(Reason.NOT_GRANTED, f"应用未获{method}的授权")
        return admission

    def _admission(self, app_id: str, term_id: str) -> Admission | Refusal:
        app = self._applications.get(app_id)
        if app is None:
            return Refusal(Reason.APP_UNKNOWN)
        terminal = self._terminals.get(term_id)
        if terminal is None:
            return Refusal(Reason.TERMINAL_UNKNOWN)
        if terminal.standing is Standing.SUSPENDED:
            return Refusal(Reason.TERMINAL_UNKNOWN, "终端已停用")
        place = self._institutions[terminal.institution_id]
        owner = self._institutions[app.institution_id]
        if app.standing is Standing.SUSPENDED:
            return Refusal(Reason.NOT_GRANTED, "应用已停用")
        if Standing.SUSPENDED in (place.standing, owner.standing):
            return Refusal(Reason.NOT_GRANTED, "机构已停用")
        return Admission(
            app_id=app_id, app_channel=app.app_channel, ehcappid=app.ehcappid, medium=app.medium,
            term_id=term_id, institution_id=place.institution_id,
            org_code=place.org_code, org_name=place.org_name,
        )  # fmt: skip


def _by_id(terminals: Iterable[Terminal]) -> dict[str, Terminal]:
    return {terminal.term_id: terminal for terminal in terminals}
