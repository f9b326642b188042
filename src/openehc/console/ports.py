"""What the pages for people need from elsewhere."""

from typing import Protocol

from openehc.people.model import Principal


class Sessions(Protocol):
    """Who is behind a session cookie."""

    async def principal(self, token: str, *, address: str) -> Principal | None:
        """The person, and their session used now; None when it ended or never was.

        `address` is where the request came from. Raises DatabaseDown.
        """
