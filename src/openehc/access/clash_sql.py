"""The statements that look for the same thing in a register."""

from typing import Final

from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, MODULES, TERMINALS, Kind

MAKER: Final = {TERMINALS: "developer", MODULES: "manufacturer"}
"""The registers of devices, and the column that names who made one."""


def same_maker(one: str, other: str) -> str:
    """Whether two names of makers differ in width, case and blanks alone."""
    plain = "lower(regexp_replace(normalize({}, nfkc), '\\s', '', 'g'))"
    return f"{plain.format(one)} = {plain.format(other)}"


def same_serial(one: str, other: str) -> str:
    """Whether two serial numbers differ in case alone; blanks and wide letters are in none."""
    return f"lower({one}) = lower({other})"


def _device(kind: Kind) -> str:
    return (
        f"{same_serial('r.serial_no', '$3')} and {same_maker('r.' + MAKER[kind], '$2::text')}"
        " and r.standing not in ('refused', 'exited')"
    )


_SAME: Final = {
    INSTITUTIONS: "r.org_code = $2",
    TERMINALS: _device(TERMINALS),
    MODULES: _device(MODULES),
    APPLICATIONS: (
        "r.standing = 'blacklisted' and r.institution_id = $2"
        " and (r.app_channel = $3 and r.app_name = $4 or r.app_package = $5)"
    ),
}

IN_THE_WAY: Final = {
    kind: (
        f"select r.standing from {kind.table} r where r.{kind.key} <> $1 and {same}"  # noqa: S608 (our own words)
        " order by r.standing = 'blacklisted' desc limit 1"
    )
    for kind, same in _SAME.items()
}
"""The standing of another entry than $1 for what $2 and so on name (`clashes.named_by`)."""
