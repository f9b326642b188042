"""Which revision a change is meant for: the header If-Match, as an ETag prints it.

Missing is 428 (RFC 6585), unreadable 400; whether it is still the present one is the use
case's business, which answers 412.
"""

import re
from typing import Annotated, Final

from fastapi import Depends, Header

from openehc.console.api.problems import Problem

_REVISION: Final = re.compile(r'(?:W/)?"?(\d{1,9})"?', re.ASCII)


async def revision(
    if_match: Annotated[
        str | None, Header(max_length=40, description='The revision that was seen: "3"')
    ] = None,
) -> int:
    """The revision that the caller saw."""
    if if_match is None:
        raise Problem(428, zh="请在If-Match中给出所见的版本号。",
                      en="Give the revision that you saw in If-Match.")  # fmt: skip
    found = _REVISION.fullmatch(if_match.strip())
    if found is None:
        raise Problem(400, zh='If-Match应为版本号，如"3"。',
                      en='If-Match is a revision, like "3".')  # fmt: skip
    return int(found[1])


Revision = Annotated[int, Depends(revision)]


def etag(number: int) -> dict[str, str]:
    """The header that tells a revision."""
    return {"ETag": f'"{number}"'}
