"""Builds what everybody may ask: list of valid software and notices, as JSON and as pages."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter

from openehc.access.notice_store import Notice, NoticeStore
from openehc.access.public_list import PublicList
from openehc.access.public_list_store import PublicEntry, PublicListStore
from openehc.console.api.notices import NoticeView, notices
from openehc.console.api.public import PublicEntryView, valid_software
from openehc.console.api.public_pages import PublicPages
from openehc.console.public_list_page import APPLICATIONS, NOTICES, PublicListPage
from openehc.kernel.clock import Clock
from openehc.spec import load
from openehc.storage.pool import Database


@dataclass(frozen=True, slots=True)
class PublicLists:
    """The lists of one worker; JSON and page share what is kept of them."""

    software: PublicPages[PublicEntry]
    notices: PublicPages[Notice]

    @classmethod
    def over(cls, database: Database, clock: Clock, *, online_for: timedelta) -> "PublicLists":
        """The lists of this database."""
        spec = load()
        return cls(
            valid_software(
                PublicList(PublicListStore(database)), clock, spec, online_for=online_for
            ),
            notices(PublicList(NoticeStore(database)), clock, spec),
        )

    def routers(self) -> list[APIRouter]:
        """Their routes."""
        return [
            self.software.router(
                "/public/applications", PublicEntryView,
                summary="有效客户端应用软件公示 / public list of valid client software",
            ),
            self.notices.router(
                "/public/notices", NoticeView,
                summary="客户端应用软件通告 / notices about client software",
            ),
        ]  # fmt: skip

    def pages(self) -> dict[str, PublicListPage]:
        """Their pages by path."""
        return {
            APPLICATIONS: PublicListPage(self.software.page, "applications.html"),
            NOTICES: PublicListPage(self.notices.page, "notices.html"),
        }
