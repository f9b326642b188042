"""Builds what everybody may ask: list of valid software and notices, as JSON and as pages."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter

from openehc.access.notice_store import NoticeStore
from openehc.access.public_list import PublicList
from openehc.access.public_list_store import PublicListStore
from openehc.console.api.notices import NoticeRoutes
from openehc.console.api.public import PublicRoutes
from openehc.console.public_list_page import APPLICATIONS, NOTICES, PublicListPage
from openehc.kernel.clock import Clock
from openehc.spec import load
from openehc.storage.pool import Database


@dataclass(frozen=True, slots=True)
class PublicLists:
    """The lists of one worker; JSON and page share what is kept of them."""

    applications: PublicRoutes
    notices: NoticeRoutes

    @classmethod
    def over(cls, database: Database, clock: Clock, *, online_for: timedelta) -> "PublicLists":
        """The lists of this database."""
        spec = load()
        return cls(
            PublicRoutes(PublicList(PublicListStore(database)), spec, clock, online_for),
            NoticeRoutes(PublicList(NoticeStore(database)), spec, clock),
        )

    def routers(self) -> list[APIRouter]:
        """Their routes."""
        return [self.applications.router(), self.notices.router()]

    def pages(self) -> dict[str, PublicListPage]:
        """Their pages by path."""
        return {
            APPLICATIONS: PublicListPage(self.applications.page, "applications.html"),
            NOTICES: PublicListPage(self.notices.page, "notices.html"),
        }
