"""What stands behind the ports of features that this node does not run."""

from openehc.access.registry import Admission
from openehc.cards.model import CardAccount
from openehc.cards.usage import Purpose
from openehc.codes.model import ParsedCode
from openehc.kernel.refusal import Reason, Refusal


class NoNetwork:
    """A node without cross-domain authentication refuses codes of other nodes."""

    async def verify(
        self, code: ParsedCode, *, issuer: str, admission: Admission, purpose: Purpose
    ) -> CardAccount | Refusal:
        """Always refused, with the issuer's number: that is no secret and helps the window."""
        del code, admission, purpose
        return Refusal(Reason.FOREIGN_CODE, f"该码由节点{issuer}签发，本节点尚未接入跨域认证")
