"""How each register is imported: what names the same thing, and how far an import may go.

Decides nothing; reading, judging and the statements are made from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from openehc.access.columns import Column, columns_of
from openehc.access.entries import Entry
from openehc.access.imports.model import Mode
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, MODULES, TERMINALS, Kind
from openehc.access.numbers import CRYPTO_MODULE, TERMINAL

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Importing:
    """The import of one register.

    `key` are the columns that two entries for the same thing share; a file names the
    institution by its code where `key` has its id. What clashes is told at
    `told_at`. `owner` is the column whose code titles the institution, None where a row
    has none; `component` the kind of the numbers that an approval gives, "" for none.
    """

    kind: Kind
    key: tuple[str, ...]
    told_at: str
    owner: Column | None = None
    component: str = ""
    modes: frozenset[Mode] = frozenset(Mode)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the template."""
        own = columns_of(self.kind.entry)
        return (self.owner, *own) if self.owner else own

    def key_in_file(self, values: Mapping[str, Any]) -> Key:
        """What rows of a file for the same thing share."""
        names = ["org_code" if name == "institution_id" else name for name in self.key]
        key = tuple(str(values.get(name) or "") for name in names)
        return tuple(
            value.lower() if name == "serial_no" else value
            for name, value in zip(names, key, strict=True)
        )

    def key_of(self, entry: Entry) -> Key:
        """What entries for the same thing share."""
        return tuple(str(getattr(entry, name)) for name in self.key)


def _org_code(title: str) -> Column:
    return Column(
        title, "organisation code", pattern="org_code", most=32, name="org_code",
        example="99019902000000000A1002",
    )  # fmt: skip


OF: Final[Mapping[Kind, Importing]] = {
    INSTITUTIONS: Importing(INSTITUTIONS, ("org_code",), "org_code"),
    TERMINALS: Importing(
        TERMINALS, ("developer", "serial_no"), "serial_no", _org_code("终端使用机构编码"), TERMINAL
    ),
    # 表6.5 names no institution; a maker numbers what it makes (硬件产品序列号)
    MODULES: Importing(
        MODULES, ("manufacturer", "serial_no"), "serial_no",
        replace(_org_code("使用机构编码"), needed=False), CRYPTO_MODULE,
    ),
    # 表7.1: each kind of one application has a number of its own (record_num), so a name alone
    # names several; package and address belong to a version or a store and change. An approval
    # wants the day of its joint test and shows a secret once: one by one, not here
    APPLICATIONS: Importing(
        APPLICATIONS, ("institution_id", "app_channel", "app_name"), "app_name",
        _org_code("组织机构代码"), modes=frozenset({Mode.CHECK, Mode.APPLY}),
    ),
}  # fmt: skip
"""Every register, in the order of the routes."""
