"""Contact persons of client software (表7.1), sealed at rest; also those of earlier states.

Name, telephone and mail address of an application are one sealed value, bound to its app_id;
those that a change wrote into the history are another, bound to the entry. Reads and writes
no database.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from openehc.access.columns import columns_of
from openehc.access.entries import ApplicationEntry
from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.ids import Entropy

CONTACTS: Final = tuple(
    column.name for column in columns_of(ApplicationEntry) if column.private
)  # fmt: skip
"""The columns of contact persons: none of them is a column of the database."""

SEALED: Final = "sealed_contact"
"""The column of the database that holds them."""

Values = Mapping[str, Any]


def contact_row(app_id: str) -> bytes:
    """The identity under which an application's contact person is sealed."""
    return b"applications.sealed_contact:" + app_id.encode()


def history_row(record_id: int) -> bytes:
    """The identity under which contact persons in an application's history are sealed."""
    return b"register_history.sealed_contact:" + str(record_id).encode()


def without(values: Values) -> dict[str, Any]:
    """Columns without those of contact persons."""
    return {name: value for name, value in values.items() if name not in CONTACTS}


def only(values: Values) -> dict[str, Any]:
    """The columns of contact persons among these."""
    return {name: values[name] for name in CONTACTS if name in values}


@dataclass(frozen=True, slots=True)
class Contacts:
    """Seals and opens; `sealer` gives the sealer of the present keys."""

    sealer: Callable[[], ProfileSealer]
    entropy: Entropy

    def columns(self, values: Values, *, app_id: str, present: Values) -> dict[str, Any]:
        """Columns as the database takes them; of contacts not among `values`, the present ones."""
        given = only(values)
        if not given:
            return dict(values)
        sealed = self._sealed({**only(present), **given}, contact_row(app_id))
        return {**without(values), SEALED: sealed}

    def opened(self, sealed: bytes | None, *, app_id: str) -> dict[str, Any]:
        """The contact person of an application; None for each that was never entered."""
        empty: dict[str, Any] = dict.fromkeys(CONTACTS)
        return empty | (self._open(sealed, contact_row(app_id)) if sealed else {})

    def history(self, record_id: int, *, before: Values, after: Values) -> bytes | None:
        """What a history row keeps sealed; None when no contact person stands in it."""
        both = {"before": only(before), "after": only(after)}
        return self._sealed(both, history_row(record_id)) if any(both.values()) else None

    def from_history(
        self, sealed: bytes | None, *, record_id: int
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The contact persons of a history row, before and after."""
        if not sealed:
            return {}, {}
        both = self._open(sealed, history_row(record_id))
        return both["before"], both["after"]

    def _sealed(self, values: Values, row: bytes) -> bytes:
        plain = msgspec.json.encode(values)
        return self.sealer().seal(plain, row=row, entropy=self.entropy).content

    def _open(self, sealed: bytes, row: bytes) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.sealer().open(bytes(sealed), row=row))
        return found
