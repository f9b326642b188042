"""The four registers as data: what is entered, where it is kept, what can be done to it.

Whoever adds a register adds a `Kind`; life, history, numbers and lists come with it.
"""

from dataclasses import dataclass, field
from typing import Final

from openehc.access.entries import (
    ApplicationEntry,
    Entry,
    InstitutionEntry,
    ModuleEntry,
    TerminalEntry,
)
from openehc.access.rules import Act

_ALL: Final = frozenset({
    Act.APPLY, Act.APPROVE, Act.REFUSE, Act.CHANGE, Act.SUSPEND, Act.RESUME, Act.BLACKLIST,
    Act.RESTORE, Act.EXIT,
})  # fmt: skip
_OF_SOFTWARE: Final = frozenset({
    Act.ROTATE, Act.END_OVERLAP, Act.REVOKE, Act.LIMIT, Act.BIND, Act.ACCEPT_REPORT,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """One register.

    `name` is how audit and history call an entry, `title` how people do; `number` is the
    column of the number that an approval assigns, "" for none; `label` the column that
    names an entry to people; `more` are columns that the platform fills. An act among
    `by_two` is done only when a second person agreed.
    """

    name: str
    title: str
    table: str
    key: str
    entry: type[Entry]
    number: str
    label: str
    acts: frozenset[Act]
    dated: str
    more: tuple[str, ...] = field(default=())
    by_two: frozenset[Act] = frozenset()


INSTITUTIONS: Final = Kind(
    name="institution", title="机构", table="institutions", key="institution_id",
    entry=InstitutionEntry, number="", label="org_name",
    acts=_ALL | {Act.REAPPLY}, dated="access_date", by_two=frozenset({Act.EXIT}),
)  # fmt: skip
APPLICATIONS: Final = Kind(
    name="application", title="客户端应用软件", table="applications", key="application_id",
    entry=ApplicationEntry, number="ehcappid", label="app_name",
    acts=_ALL | _OF_SOFTWARE, dated="record_time",
    more=("app_id", "record_time", "erhc_system", "secret_made_at", "previous_until",
          "report_due_since", "rate_limit", "daily_quota", "allowed_networks",
          "client_certificates", "certificate_needed", "grants", "last_success_at", "has_secret"),
    by_two=frozenset({Act.EXIT}),
)  # fmt: skip
TERMINALS: Final = Kind(
    name="terminal", title="识读终端", table="terminals", key="terminal_id",
    entry=TerminalEntry, number="term_id", label="term_name",
    acts=_ALL, dated="access_date",
)  # fmt: skip
MODULES: Final = Kind(
    name="module", title="密码模块", table="crypto_modules", key="module_id",
    entry=ModuleEntry, number="module_no", label="model",
    acts=_ALL, dated="access_date",
)  # fmt: skip

KINDS: Final = (INSTITUTIONS, APPLICATIONS, TERMINALS, MODULES)
DEPENDING: Final = (APPLICATIONS, TERMINALS, MODULES)
"""The registers whose entries belong to an institution; a crypto module may belong to none."""
