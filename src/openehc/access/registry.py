"""The registers as every worker holds them in memory.

A lookup costs a dict access and no query; rows are read again when the database says that
they changed, all of them when something may have been missed. Writes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from openehc.access.model import (
    NO_LIMITS,
    Application,
    Institution,
    Limits,
    Medium,
    Standing,
    Terminal,
)
from openehc.access.rules import SAID
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
    """The registers in memory; `replace` swaps them as a whole, `change` a few rows."""

    profiles: dict[str, WireProfile]
    loaded: bool = False
    _applications: dict[str, Application] = field(default_factory=dict)
    _callers: dict[str, Caller] = field(default_factory=dict)
    _limits: dict[str, Limits] = field(default_factory=dict)
    _terminals: dict[str, Terminal] = field(default_factory=dict)
    _institutions: dict[int, Institution] = field(default_factory=dict)
    _admissions: dict[tuple[str, str], Admission | Refusal] = field(default_factory=dict)
    _names: dict[tuple[str, int], str] = field(default_factory=dict)

    def replace(self, registers: Registers) -> None:
        """Serve these registers from now on; callers whose secret stayed keep their keys."""
        kept = self._callers
        self._applications, self._callers, self._limits = {}, {}, {}
        self._terminals, self._institutions, self._names = {}, {}, {}
        self._add(registers, kept)
        self.loaded = True

    def change(self, table: str, keys: Iterable[int], found: Registers) -> None:
        """The rows of `table` with these keys are now what was `found`; the others are gone."""
        kept: dict[str, Caller] = {}
        for key in keys:
            if table == "institutions":
                self._institutions.pop(key, None)
                continue
            name = self._names.pop((table, key), "")
            if table == "terminals":
                self._terminals.pop(name, None)
            elif name:
                self._applications.pop(name, None)
                self._limits.pop(name, None)
                caller = self._callers.pop(name, None)
                if caller:
                    kept[name] = caller
        self._add(found, kept)

    def _add(self, registers: Registers, kept: Mapping[str, Caller]) -> None:
        for app in registers.applications:
            self._applications[app.app_id] = app
            self._names["applications", app.application_id] = app.app_id
            if app.limits is not NO_LIMITS:
                self._limits[app.app_id] = app.limits
            caller = kept.get(app.app_id)
            if caller and self._still(caller, app):
                self._callers[app.app_id] = caller
        for terminal in registers.terminals:
            self._terminals[terminal.term_id] = terminal
            self._names["terminals", terminal.terminal_id] = terminal.term_id
        self._institutions |= {row.institution_id: row for row in registers.institutions}
        self._admissions = {}

    def _still(self, caller: Caller, app: Application) -> bool:
        """Whether the application speaks as before: by the same profile and secrets."""
        older = caller.older.keys.secret if caller.older else ""
        return (
            caller.profile is self.profiles[app.wire_profile]
            and caller.keys.secret == app.secret
            and (older, caller.older.until if caller.older else None)
            == (app.previous_secret, app.previous_until)
        )

    def caller(self, app_id: str) -> Caller | None:
        """The application as the envelope sees it, or None."""
        return self._callers.get(app_id) or self._new_caller(app_id)

    def _new_caller(self, app_id: str) -> Caller | None:
        """Keys are made when an application speaks for the first time."""
        app = self._applications.get(app_id)
        if app is None or not app.secret:
            return None
        profile = self.profiles[app.wire_profile]
        older = None
        if app.previous_secret:
            older = Caller(
                app_id, profile, profile.prepare(app.previous_secret), until=app.previous_until
            )
        caller = Caller(app_id, profile, profile.prepare(app.secret), older)
        self._callers[app_id] = caller
        return caller

    def limits(self, app_id: str) -> Limits | None:
        """What limits the application, None when nothing does."""
        return self._limits.get(app_id)

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
        if terminal.standing is not Standing.ACTIVE:
            return Refusal(Reason.TERMINAL_UNKNOWN, f"终端{SAID[terminal.standing][0]}")
        place = self._institutions[terminal.institution_id]
        owner = self._institutions[app.institution_id]
        if app.standing is not Standing.ACTIVE:
            return Refusal(Reason.NOT_GRANTED, f"应用{SAID[app.standing][0]}")
        for institution in (place, owner):
            if institution.standing is not Standing.ACTIVE:
                return Refusal(Reason.NOT_GRANTED, f"机构{SAID[institution.standing][0]}")
        return Admission(
            app_id=app_id, app_channel=app.app_channel, ehcappid=app.ehcappid, medium=app.medium,
            term_id=term_id, institution_id=place.institution_id,
            org_code=place.org_code, org_name=place.org_name,
        )  # fmt: skip
