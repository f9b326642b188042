"""The demo's register, complete: every field of 表6.3 to 6.5 and 7.1, all of it made up."""

from datetime import date
from typing import Final

from openehc.access.entries import (
    ApplicationEntry,
    InstitutionEntry,
    ModuleEntry,
    TerminalEntry,
)
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, TERMINALS
from openehc.access.store import AccessStore

_SINCE: Final = date(2026, 1, 5)
_NAME: Final = "示例市第一医院"
_MAKER: Final = "示例软件有限公司"


async def describe_demo(
    store: AccessStore, institution_id: int, *, org_code: str, ehcin: str, app_name: str,
    numbers: tuple[str, str],
) -> None:  # fmt: skip
    """Complete what was registered in short; `numbers` are the application's and terminal's."""
    ehcappid, term_id = numbers
    await store.describe(INSTITUTIONS, org_code, InstitutionEntry(
        province_code="990000", city_code="990100", org_code=org_code, org_name=_NAME,
        org_level="032", org_category="A100", org_property="1", access_date=_SINCE,
        owner_type="B", access_address="10.99.0.10", accept_status="0", accept_date=_SINCE,
        win_term_num=1, sst_term_num=0, other_term_num=0,
    ))  # fmt: skip
    await store.describe(APPLICATIONS, ehcappid, ApplicationEntry(
        institution_id=institution_id, app_name=app_name, app_channel="601", app_version="1.0",
        app_category=("01", "02"), dev_unit=_MAKER, use_unit=_NAME, use_unit_type="B",
        use_unit_people="甲样本", use_unit_phone="19900000000", use_unit_mail="demo@example.org",
        launch_time=_SINCE, app_url="https://his.example.org",
        img_url="https://his.example.org/icon.png",
    ))  # fmt: skip
    await store.describe(TERMINALS, term_id, TerminalEntry(
        institution_id=institution_id, serial_no=f"DEMO-{term_id[-4:]}", term_name="门诊收费窗口1",
        purpose="门诊窗口扫码", developer="示例设备有限公司", version="1.0", access_date=_SINCE,
    ))  # fmt: skip
    await store.save_module(f"{ehcin}CRPA0001", ModuleEntry(
        model="DEMO-SOFT", manufacturer="示例密码有限公司", serial_no="DEMO-0001",
        address="127.0.0.1", owner_type="A", access_date=_SINCE,
    ))  # fmt: skip
