"""What only client software has: credentials, limits, reports of a changed version."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from openehc.access.decide import Approved
from openehc.access.kinds import APPLICATIONS
from openehc.access.limit_application import MOST_NETWORKS, Wanted
from openehc.access.record import Record
from openehc.access.rules import Act
from openehc.console.api.access_desk import AccessDesk, refuse
from openehc.console.api.entry_forms import view_model_of
from openehc.console.api.guards import freshly_proved, needs
from openehc.console.api.registers import (
    Approval,
    Credentials,
    RecordId,
    RegisterRoutes,
    Why,
)
from openehc.console.api.revisions import Revision
from openehc.kernel.refusal import Refusal
from openehc.people.model import Principal

_VIEW = view_model_of(APPLICATIONS)
_WITH_SECRET = create_model(
    "ApplicationWithCredentials", __base__=_VIEW, credentials=(Credentials, ...)
)
_MOST_HOURS = 720
_Method = Annotated[str, Field(min_length=1, max_length=60)]
_Network = Annotated[str, Field(min_length=2, max_length=43, examples=["10.0.0.0/8"])]


class LimitsForm(BaseModel):
    """What an application may do; an empty list of networks lets any address in."""

    model_config = ConfigDict(extra="forbid")
    grants: Annotated[list[_Method], Field(max_length=60, description="授权接口 / methods")]
    rate_limit: Annotated[
        int | None, Field(ge=1, le=100_000, description="每秒请求上限 / requests a second")
    ] = None
    daily_quota: Annotated[
        int | None, Field(ge=1, le=1_000_000_000, description="每日配额 / requests a day")
    ] = None
    allowed_networks: Annotated[
        list[_Network], Field(max_length=MOST_NETWORKS, description="来源网段 / networks (CIDR)")
    ] = []


class Rotation(Why):
    """A rotation; the secret before works so long."""

    overlap_hours: Annotated[
        int, Field(ge=0, le=_MOST_HOURS, description="旧密钥继续有效小时数 / hours of overlap")
    ] = 24


@dataclass(frozen=True, slots=True)
class ApplicationRoutes:
    """Makes the routes."""

    desk: AccessDesk

    def router(self) -> APIRouter:
        """All routes of the register of client software."""
        shared = RegisterRoutes(self.desk, APPLICATIONS)
        router, one = shared.router(), "/applications/{record_id}"
        router.add_api_route(
            f"{one}/approve",
            self._approve(shared),
            methods=["POST"],
            response_model=_WITH_SECRET,
            summary="批准接入，分配编号与密钥 / approve",
        )
        router.add_api_route(
            f"{one}/secret",
            self._rotate(shared),
            methods=["POST"],
            response_model=_WITH_SECRET,
            summary="更换密钥 / rotate the secret",
        )
        for act, path, summary in (
            (Act.END_OVERLAP, "secret/previous", "旧密钥立即失效 / end the overlap"),
            (Act.REVOKE, "secret", "吊销密钥 / revoke the secret"),
        ):
            router.add_api_route(
                f"{one}/{path}",
                self._withdraw(shared, act),
                methods=["DELETE"],
                response_model=_VIEW,
                summary=summary,
            )
        router.add_api_route(
            f"{one}/limits",
            self._limit(shared),
            methods=["PUT"],
            response_model=_VIEW,
            summary="接口授权、频率、配额与来源网段 / limits",
        )
        router.add_api_route(
            f"{one}/accept_report",
            self._accept(shared),
            methods=["POST"],
            response_model=_VIEW,
            summary="受理版本变更报备 / accept the report of a changed version",
        )
        return router  # fmt: skip

    def _approve(self, shared: RegisterRoutes) -> Callable[..., Any]:
        async def approve_application(
            principal: Annotated[Principal, needs("applications.decide")],
            record_id: RecordId,
            approval: Approval,
            revision: Revision,
            response: Response,
        ) -> dict[str, Any]:
            freshly_proved(principal)
            command = shared.command(Act.APPROVE, record_id, revision, principal, approval.reason)
            done = await self.desk.decide.approve(command, tested_on=approval.joint_test_on)
            return _with_secret(shared, done, principal, response)

        return approve_application

    def _rotate(self, shared: RegisterRoutes) -> Callable[..., Any]:
        async def rotate_secret(
            principal: Annotated[Principal, needs("applications.credentials")],
            record_id: RecordId,
            rotation: Rotation,
            revision: Revision,
            response: Response,
        ) -> dict[str, Any]:
            freshly_proved(principal)
            command = shared.command(Act.ROTATE, record_id, revision, principal, rotation.reason)
            overlap = timedelta(hours=rotation.overlap_hours)
            done = await self.desk.manage_secret.rotate(command, overlap=overlap)
            return _with_secret(shared, done, principal, response)

        return rotate_secret

    def _withdraw(self, shared: RegisterRoutes, act: Act) -> Callable[..., Any]:
        async def withdraw(
            principal: Annotated[Principal, needs("applications.credentials")],
            record_id: RecordId,
            why: Why,
            revision: Revision,
            response: Response,
        ) -> dict[str, Any]:
            freshly_proved(principal)
            command = shared.command(act, record_id, revision, principal, why.reason)
            manage = self.desk.manage_secret
            done = await (manage.revoke if act is Act.REVOKE else manage.end_overlap)(command)
            return _plain(shared, done, principal, response)

        withdraw.__name__ = f"{act.value}_of_application"
        return withdraw

    def _limit(self, shared: RegisterRoutes) -> Callable[..., Any]:
        async def limit_application(
            principal: Annotated[Principal, needs("applications.grants")],
            record_id: RecordId,
            form: LimitsForm,
            revision: Revision,
            response: Response,
        ) -> dict[str, Any]:
            command = shared.command(Act.LIMIT, record_id, revision, principal)
            wanted = Wanted(
                grants=tuple(form.grants), rate_limit=form.rate_limit,
                daily_quota=form.daily_quota, allowed_networks=tuple(form.allowed_networks),
            )  # fmt: skip
            return _plain(shared, await self.desk.limit(command, wanted), principal, response)

        return limit_application

    def _accept(self, shared: RegisterRoutes) -> Callable[..., Any]:
        async def accept_report(
            principal: Annotated[Principal, needs("applications.decide")],
            record_id: RecordId,
            why: Why,
            revision: Revision,
            response: Response,
        ) -> dict[str, Any]:
            command = shared.command(Act.ACCEPT_REPORT, record_id, revision, principal, why.reason)
            return _plain(shared, await self.desk.limit.accept_report(command), principal, response)

        return accept_report


def _plain(
    shared: RegisterRoutes, done: Record | Refusal, principal: Principal, response: Response
) -> dict[str, Any]:
    return shared.shown(refuse(done) if isinstance(done, Refusal) else done, principal, response)


def _with_secret(
    shared: RegisterRoutes, done: Approved | Refusal, principal: Principal, response: Response
) -> dict[str, Any]:
    if isinstance(done, Refusal):
        refuse(done)
    told = shared.shown(done.record, principal, response)
    if done.secret is None:
        raise LookupError("an application comes with its secret")
    credentials = {"app_id": done.secret.app_id, "app_secret": done.secret.text}
    return {**told, "credentials": credentials}
