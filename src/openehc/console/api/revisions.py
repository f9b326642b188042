"""Optimistic locking over HTTP: If-Match carries the revision that the caller saw.

Missing is 428 (RFC 6585), unreadable 400; whether it is still the present one is the use
case's business, which answers 412.
"""

import re
from typing import Annotated, Final

from fastapi import Depends, Header

from openehc.console.api.problems import Problem

_TAG: Final = re.compile(r'(?:W/)?"?([0-9]{1,9})"?', re.ASCII)


def _revision(
    if_match: Annotated[
        str | None,
        Header(max_length=40, description='所见版本号 / the revision that you saw, such as "3"'),
    ] = None,
) -> int:
    if if_match is None:
        raise Problem(
            428, zh="请在If-Match中带上所见的版本号。", en="Send the revision in If-Match."
        )
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        raise Problem(400, zh='If-Match应为版本号，如"3"。',
                      en='If-Match is a revision, like "3".')  # fmt: skip
    return int(found[1])


Revision = Annotated[int, Depends(_revision)]


def tag(revision: int) -> dict[str, str]:
    """The header that tells the present revision."""
    return {"ETag": f'"{revision}"'}
