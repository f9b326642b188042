"""What a method's handler receives and gives back.

Between the pipeline, which has proven the sender, and the use cases, which know
nothing of messages.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from openehc.access.registry import Admission
from openehc.access.serials import SerialKey
from openehc.kernel.refusal import Refusal


class Call(msgspec.Struct, frozen=True, gc=False):
    """A proven, admitted and checked request: `values` are as the field table normalises them."""

    method: str
    admission: Admission
    values: dict[str, Any]
    serial: SerialKey | None
    external_serial: str
    now: datetime


Biz: TypeAlias = dict[str, Any]
Handler: TypeAlias = Callable[[Call], Awaitable[Biz | Refusal]]
