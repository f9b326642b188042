"""Changing the sign-in policy, within its bounds: the security administrator."""

from dataclasses import dataclass, replace

from openehc.audit.trail import AuditTrail
from openehc.kernel.refusal import Reason, Refusal
from openehc.people.events import administration
from openehc.people.model import Principal, Visit
from openehc.people.policy import Policy, policy_faults
from openehc.people.user_store import UserStore


@dataclass(frozen=True, slots=True)
class ChangePolicy:
    """Changes the policy; the change names the revision that it was made from."""

    users: UserStore
    trail: AuditTrail

    async def __call__(self, asked: Policy, *, by: Principal, visit: Visit) -> Policy | Refusal:
        """The policy as it is from now on."""
        if faults := policy_faults(asked):
            return Refusal(Reason.INPUT_WRONG, faults=faults)
        before = await self.users.policy()
        event = administration(
            "policy.change", by, visit, object_kind="policy", object_ref="sign-in",
            before=before.told(), after=asked.told(),
        )  # fmt: skip
        async with self.trail.act(event) as act:
            if not await self.users.save_policy(act.connection, asked):
                return act.refused(Refusal(Reason.RECORD_CHANGED))
        return replace(asked, revision=asked.revision + 1)
