"""What only client software has: credentials, certificates, limits, reports of a new version."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from openehc.access.bind_certificates import MOST_CERTIFICATES, Bound
from openehc.access.decide import Approved
from openehc.access.kinds import APPLICATIONS
from openehc.access.limit_application import MOST_NETWORKS, Wanted
from openehc.access.record import ActCommand, Record
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
_ONE = "/applications/{record_id}"
_Method = Annotated[str, Field(min_length=1, max_length=60)]
_Fingerprint = Annotated[
    str, Field(min_length=64, max_length=95, examples=["AB:CD:EF:01" + ":23:45:67:89" * 7])
]  # fmt: skip
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


class CertificatesForm(Why):
    """The TLS certificates of an application, all of them; two at once let one be renewed."""

    certificates: Annotated[
        list[_Fingerprint],
        Field(max_length=MOST_CERTIFICATES, description="客户端证书SHA-256指纹 / certificates"),
    ]
    needed: Annotated[bool, Field(description="仅凭所列证书调用 / it calls with one of these only")]


class Rotation(Why):
    """A rotation; the secret before works so long."""

    overlap_hours: Annotated[
        int, Field(ge=0, le=_MOST_HOURS, description="旧密钥继续有效小时数 / hours of overlap")
    ] = 24


@dataclass(frozen=True, slots=True)
class Seen:
    """An application in the revision that somebody saw, who may act on it."""

    record_id: int
    by: Principal
    revision: int
    response: Response


def seen_by(permission: str) -> Any:  # noqa: ANN401 (what Depends gives)
    """A dependency: the application of the path as somebody with this permission saw it."""

    async def seen(
        record_id: RecordId, by: Annotated[Principal, needs(f"applications.{permission}")],
        revision: Revision, response: Response,
    ) -> Seen:  # fmt: skip
        return Seen(record_id, by, revision, response)

    return Depends(seen)


ToDecide = Annotated[Seen, seen_by("decide")]
ToManageSecret = Annotated[Seen, seen_by("credentials")]
ToLimit = Annotated[Seen, seen_by("grants")]


@dataclass(frozen=True, slots=True)
class ApplicationRoutes:
    """Makes the routes."""

    desk: AccessDesk

    @property
    def shared(self) -> RegisterRoutes:
        """The routes that every register has."""
        return RegisterRoutes(self.desk, APPLICATIONS)

    def router(self) -> APIRouter:
        """All routes of the register of client software."""
        router = self.shared.router()
        self._add_secrets(router)
        self._add_certificates(router)
        self._add_limits(router)
        return router

    def _add_secrets(self, router: APIRouter) -> None:
        manage = self.desk.manage_secret

        @router.post(
            f"{_ONE}/approve", response_model=_WITH_SECRET,
            summary="批准接入，分配编号与密钥 / approve",
        )  # fmt: skip
        async def approve_application(approval: Approval, seen: ToDecide) -> dict[str, Any]:
            freshly_proved(seen.by)
            command = self._command(seen, Act.APPROVE, approval)
            tested_on = approval.joint_test_on
            return self._with_secret(
                seen, await self.desk.decide.approve(command, tested_on=tested_on)
            )

        @router.post(
            f"{_ONE}/secret", response_model=_WITH_SECRET, summary="更换密钥 / rotate the secret"
        )
        async def rotate_secret(rotation: Rotation, seen: ToManageSecret) -> dict[str, Any]:
            freshly_proved(seen.by)
            overlap = timedelta(hours=rotation.overlap_hours)
            command = self._command(seen, Act.ROTATE, rotation)
            return self._with_secret(seen, await manage.rotate(command, overlap=overlap))

        @router.delete(
            f"{_ONE}/secret/previous", response_model=_VIEW,
            summary="旧密钥立即失效 / end the overlap",
        )  # fmt: skip
        async def end_overlap_of_application(why: Why, seen: ToManageSecret) -> dict[str, Any]:
            freshly_proved(seen.by)
            command = self._command(seen, Act.END_OVERLAP, why)
            return self._shown(seen, await manage.end_overlap(command))

        @router.delete(
            f"{_ONE}/secret", response_model=_VIEW, summary="吊销密钥 / revoke the secret"
        )
        async def revoke_secret_of_application(why: Why, seen: ToManageSecret) -> dict[str, Any]:
            freshly_proved(seen.by)
            return self._shown(seen, await manage.revoke(self._command(seen, Act.REVOKE, why)))

    def _add_certificates(self, router: APIRouter) -> None:
        bind = self.desk.bind

        @router.put(
            f"{_ONE}/certificates", response_model=_VIEW,
            summary="绑定客户端证书 / bind client certificates",
        )  # fmt: skip
        async def bind_certificates(form: CertificatesForm, seen: ToManageSecret) -> dict[str, Any]:
            freshly_proved(seen.by)
            wanted = Bound(certificates=tuple(form.certificates), needed=form.needed)
            return self._shown(seen, await bind(self._command(seen, Act.BIND, form), wanted))

    def _add_limits(self, router: APIRouter) -> None:
        limit = self.desk.limit

        @router.put(
            f"{_ONE}/limits", response_model=_VIEW,
            summary="接口授权、频率、配额与来源网段 / limits",
        )  # fmt: skip
        async def limit_application(form: LimitsForm, seen: ToLimit) -> dict[str, Any]:
            wanted = Wanted(
                grants=tuple(form.grants), rate_limit=form.rate_limit,
                daily_quota=form.daily_quota, allowed_networks=tuple(form.allowed_networks),
            )  # fmt: skip
            return self._shown(seen, await limit(self._command(seen, Act.LIMIT, Why()), wanted))

        @router.post(
            f"{_ONE}/accept_report", response_model=_VIEW,
            summary="受理版本变更报备 / accept the report of a changed version",
        )  # fmt: skip
        async def accept_report(why: Why, seen: ToDecide) -> dict[str, Any]:
            command = self._command(seen, Act.ACCEPT_REPORT, why)
            return self._shown(seen, await limit.accept_report(command))

    def _command(self, seen: Seen, act: Act, why: Why) -> ActCommand:
        return self.shared.command(act, seen.record_id, seen.revision, seen.by, why.reason)

    def _shown(self, seen: Seen, done: Record | Refusal) -> dict[str, Any]:
        if isinstance(done, Refusal):
            refuse(done)
        return self.shared.shown(done, seen.by, seen.response)

    def _with_secret(self, seen: Seen, done: Approved | Refusal) -> dict[str, Any]:
        if isinstance(done, Refusal):
            refuse(done)
        if done.secret is None:
            raise LookupError("an application comes with its secret")
        credentials = {"app_id": done.secret.app_id, "app_secret": done.secret.text}
        return {**self._shown(seen, done.record), "credentials": credentials}
