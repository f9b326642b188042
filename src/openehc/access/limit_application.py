"""What an application may do: methods, requests a second and a day, networks it comes from.

Also accepting the report of a major version, after which nothing is due any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from openehc.access.act_on_record import ActOnRecord
from openehc.access.record import ActCommand, Record
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.spec import Spec

MOST_NETWORKS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The limits an application shall have; None and () limit nothing."""

    grants: tuple[str, ...]
    rate_limit: int | None = None
    daily_quota: int | None = None
    allowed_networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LimitApplication:
    """The use cases."""

    act_on: ActOnRecord
    spec: Spec

    async def __call__(self, command: ActCommand, wanted: Wanted) -> Record | Refusal:
        """The application under its new limits."""
        networks = networks_of(wanted.allowed_networks)
        faults = (*self._unknown(wanted), *(networks if isinstance(networks, tuple) else ()))
        if faults or isinstance(networks, tuple):
            return Refusal(Reason.INPUT_WRONG, faults=faults)

        async def change(connection: Any, record: Record) -> Mapping[str, Any] | Refusal:  # noqa: ANN401
            await self.act_on.records.set_grants(connection, record, wanted.grants)
            return {
                "rate_limit": wanted.rate_limit, "daily_quota": wanted.daily_quota,
                "allowed_networks": networks,
                "noted": ({"grants": list(record.more["grants"])},
                          {"grants": sorted(wanted.grants)}),
            }  # fmt: skip

        return await self.act_on(command, change)

    async def accept_report(self, command: ActCommand) -> Record | Refusal:
        """The changed version was reported and assessed (材料二 2.4)."""

        async def change(_connection: Any, record: Record) -> Mapping[str, Any] | Refusal:  # noqa: ANN401
            if record.more["report_due_since"] is None:
                return Refusal(
                    Reason.STATE_FORBIDS, "没有待报备的版本变更", "no change of version is due"
                )
            return {"report_due_since": None}

        return await self.act_on(command, change)

    def _unknown(self, wanted: Wanted) -> tuple[Fault, ...]:
        unknown = sorted(set(wanted.grants) - set(self.spec.methods))
        if not unknown:
            return ()
        return (Fault("grants", "有不存在的接口", "some of these methods do not exist"),)


def networks_of(
    texts: tuple[str, ...],
) -> list[IPv4Network | IPv6Network] | tuple[Fault, ...]:
    """The networks that CIDR texts name, or what is wrong with them."""
    if len(texts) > MOST_NETWORKS:
        return (Fault("allowed_networks", f"至多{MOST_NETWORKS}个网段", "at most 50 networks"),)
    try:
        return [ip_network(text) for text in texts]
    except ValueError:
        fault = Fault(
            "allowed_networks", "网段应为10.0.0.0/8形式，主机位须为0",
            "networks such as 10.0.0.0/8, host bits zero",
        )  # fmt: skip
        return (fault,)
