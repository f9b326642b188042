"""What each route is called in the documentation, Chinese first.

The routes of the registers name themselves, since one function makes them for all registers;
the others are named here.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from fastapi import APIRouter
from fastapi.routing import APIRoute

SUMMARIES: Final[Mapping[str, str]] = {
    "GET /session": "当前会话 / who is signed in",
    "POST /session": "登录 / sign in",
    "DELETE /session": "退出登录 / sign out",
    "GET /captcha": "图形验证码 / captcha",
    "GET /captcha/{captcha_id}/audio": "语音验证码 / spoken captcha",
    "POST /session/challenge": "证书登录：取随机数 / challenge",
    "POST /session/certificate": "证书登录 / sign in with a certificate",
    "POST /session/gateway": "经认证网关登录 / sign in behind a gateway",
    "POST /session/proof": "重新验证身份 / prove again",
    "PUT /session/password": "修改密码 / change the password",
    "POST /session/totp": "绑定动态口令：取密钥 / offer an authenticator",
    "PUT /session/totp": "绑定动态口令：确认 / confirm the authenticator",
    "GET /users": "用户列表 / list",
    "POST /users": "新建用户 / make",
    "GET /users/{user_id}": "查看用户 / show",
    "PUT /users/{user_id}": "修改姓名 / rename",
    "POST /users/{user_id}/disable": "停用用户 / disable",
    "POST /users/{user_id}/enable": "启用用户，解除锁定 / enable",
    "PUT /users/{user_id}/roles": "分配角色与所属机构 / assign roles",
    "POST /users/{user_id}/reset": "重置用户凭据 / reset",
    "PUT /users/{user_id}/certificate": "绑定证书 / bind a certificate",
    "GET /policy": "查看登录策略 / show the policy",
    "PUT /policy": "修改登录策略 / change the policy",
    "GET /sessions": "在线会话列表 / list",
    "DELETE /sessions/{session_id}": "强制下线 / sign somebody out",
    "GET /approvals": "双人审批列表 / list",
    "POST /approvals": "提交审批申请 / ask",
    "GET /approvals/{approval_id}": "查看审批申请 / show",
    "DELETE /approvals/{approval_id}": "撤回审批申请 / withdraw",
    "POST /approvals/{approval_id}/approve": "同意并执行 / approve",
    "POST /approvals/{approval_id}/refuse": "不同意 / refuse",
    "GET /residents/doubles": "疑似重复账户 / possible doubles",
    "GET /residents/{ehealth_card_id}/doubles": "该居民的疑似重复账户 / possible doubles of one",
    "POST /residents/{ehealth_card_id}/merge-check": "合并前检查 / check a merge",
    "POST /residents/{ehealth_card_id}/separate-check": "撤销合并前检查 / check a separation",
    "POST /residents/search": "查找居民 / search",
    "GET /residents/{ehealth_card_id}": "查看居民（脱敏） / show, masked",
    "POST /residents/{ehealth_card_id}/reveal": "查看明文字段 / reveal",
    "PUT /residents/{ehealth_card_id}/tags": "设置用户属性标签 / tags",
    "POST /residents/{ehealth_card_id}/cards": "绑卡 / bind a card",
    "DELETE /residents/{ehealth_card_id}/cards/{position}": "解绑卡 / unbind a card",
    "PUT /residents/{ehealth_card_id}/cards/{position}/default": "设为默认卡 / make default",
    "POST /residents/{ehealth_card_id}/blacklist": "列入黑名单 / black-list",
    "POST /residents/{ehealth_card_id}/restore": "移出黑名单 / restore",
    "POST /residents/{ehealth_card_id}/close": "注销账户 / close",
    "GET /audit/records": "审计记录查询 / search",
    "GET /audit/statistics": "审计统计 / statistics",
    "POST /audit/exports": "导出审计记录 / export",
    "POST /audit/verifications": "校验审计链 / verify",
    "GET /audit/checkpoints": "审计检查点 / checkpoints",
    "GET /usage": "用卡与发卡记录 / uses",
    "GET /usage/statistics": "用卡与发卡统计 / statistics of use",
    "GET /residents/{ehealth_card_id}/records": "该居民的用卡记录 / records of one resident",
}
"""By method and path, without the prefix."""


def named(router: APIRouter) -> APIRouter:
    """The router, each of whose routes that is named here bears its name."""
    for route in _routes(router):
        for method in route.methods or ():
            route.summary = SUMMARIES.get(f"{method} {route.path}", route.summary)
    return router


def _routes(router: APIRouter) -> Iterator[APIRoute]:
    """Its routes, also those of routers that it includes."""
    for route in router.routes:
        included = getattr(route, "original_router", None)
        if isinstance(route, APIRoute):
            yield route
        elif isinstance(included, APIRouter):
            yield from _routes(included)
