"""What an applicant enters into each register: 材料一 表6.3, 6.4, 6.5 and 7.1, field by field.

The fields that the platform itself fills (number, date of access, online status, name of
the node) are not here. Checks nothing; `entry_rules.py` does.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, TypeAlias

from openehc.access.columns import Column, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class InstitutionEntry:
    """An institution (接入机构, 表6.3), then what the figures of 附录E 6.1.3 ask of it."""

    province_code: Annotated[
        str,
        Column("所属省份行政区划代码", "province code", pattern="area", most=6, example="990000"),
    ]
    city_code: Annotated[
        str, Column("所属城市行政区划代码", "city code", pattern="area", most=6, example="990100")
    ]
    org_code: Annotated[
        str,
        Column(
            "组织机构代码",
            "organisation code",
            pattern="org_code",
            most=32,
            example="99019902000000000A1001",
        ),
    ]
    org_name: Annotated[
        str, Column("机构名称", "name of the institution", example="示例市第二医院")
    ]
    org_level: Annotated[
        str, Column("机构等级", "level", dictionary="org_level", most=3, example="032")
    ]
    org_category: Annotated[
        str, Column("机构类别", "category", dictionary="org_category", most=4, example="A100")
    ]
    org_property: Annotated[
        str, Column("机构性质", "ownership", dictionary="org_property", most=2, example="1")
    ]
    access_date: Annotated[
        date | None, Column("机构接入日期", "date of access", shape=Shape.DATE)
    ] = None
    owner_type: Annotated[
        str | None,
        Column(
            "主管单位类别",
            "kind of the body in charge (附录D.2)",
            dictionary="use_unit_type",
            most=1,
        ),
    ] = None
    access_address: Annotated[
        str | None, Column("接入机构系统地址", "address of its system", pattern="address")
    ] = None
    accept_status: Annotated[
        str | None,
        Column(
            "是否可受理健康卡",
            "whether cards are accepted (0 yes, 1 no)",
            dictionary="accept_status",
            most=1,
        ),
    ] = None
    accept_date: Annotated[
        date | None, Column("开始受理健康卡日期", "cards are accepted since", shape=Shape.DATE)
    ] = None
    win_term_num: Annotated[
        int | None,
        Column("窗口部署终端数", "terminals at windows", shape=Shape.NUMBER, most=1_000_000),
    ] = None
    sst_term_num: Annotated[
        int | None,
        Column("自助机部署终端数", "self-service machines", shape=Shape.NUMBER, most=1_000_000),
    ] = None
    other_term_num: Annotated[
        int | None, Column("其他部署终端数", "other terminals", shape=Shape.NUMBER, most=1_000_000)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalEntry:
    """A reading terminal (识读终端, 表6.4; its version is named by the text of 6.4)."""

    institution_id: int
    serial_no: Annotated[
        str,
        Column("终端出厂序列号", "factory serial number", pattern="serial", example="APOS20260001"),
    ]
    term_name: Annotated[str, Column("终端的名称", "name", example="挂号自助终端")]
    purpose: Annotated[str, Column("终端的用途", "purpose", example="用于患者自助挂号")]
    developer: Annotated[str, Column("终端的开发单位", "developer", example="某某开发有限公司")]
    version: Annotated[str | None, Column("终端的版本", "version", example="1.2")] = None
    access_date: Annotated[
        date | None, Column("终端接入日期", "date of access", shape=Shape.DATE)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleEntry:
    """A crypto module (密码模块, 表6.5), its dealer (附录E 6.1.1) and when keys were filled in."""

    institution_id: int | None = None
    model: Annotated[str, Column("密码模块型号", "model")]
    manufacturer: Annotated[str, Column("密码模块生产商", "manufacturer")]
    serial_no: Annotated[str, Column("密码模块序列号", "serial number", pattern="serial")]
    address: Annotated[
        str, Column("密码模块的系统地址", "address", pattern="address", example="10.0.0.9")
    ]
    owner_type: Annotated[
        str,
        Column("主管单位类别", "kind of the body in charge", dictionary="use_unit_type", most=1),
    ]
    dealer: Annotated[str | None, Column("销售厂商", "dealer")] = None
    access_date: Annotated[
        date | None, Column("密码模块接入日期", "date of access", shape=Shape.DATE)
    ] = None
    key_filled_on: Annotated[
        date | None, Column("密钥灌装日期", "keys filled in on", shape=Shape.DATE)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationEntry:
    """A client application (客户端应用软件, 表7.1)."""

    institution_id: int
    app_name: Annotated[str, Column("应用名称", "name", example="示例医院掌上医院")]
    app_channel: Annotated[
        str,
        Column("应用种类", "kind of application", dictionary="app_channel", most=3, example="101"),
    ]
    app_version: Annotated[str, Column("应用版本号", "version", pattern="version", example="1.2")]
    app_category: Annotated[
        tuple[str, ...],
        Column(
            "应用服务种类",
            "kinds of service",
            dictionary="app_category",
            shape=Shape.CODES,
            most=15,
        ),
    ]
    app_package: Annotated[
        str | None, Column("应用包名", "package name, of an app", pattern="package")
    ] = None
    dev_unit: Annotated[str, Column("开发单位名称", "developer")]
    use_unit: Annotated[str, Column("应用运营机构名称", "operator")]
    use_unit_type: Annotated[
        str,
        Column("运营机构类型", "kind of operator", dictionary="use_unit_type", most=1, example="B"),
    ]
    use_unit_people: Annotated[str, Column("运营机构联系人", "contact person", private=True)]
    use_unit_phone: Annotated[
        str, Column("运营机构联系方式", "telephone", pattern="phone", private=True)
    ]
    use_unit_mail: Annotated[
        str, Column("运营机构邮箱", "mail address", pattern="mail", private=True)
    ]
    copyright_no: Annotated[str | None, Column("应用著作权编号", "copyright registration")] = None
    icp_no: Annotated[str | None, Column("应用ICP备案编号", "ICP record")] = None
    djbh_no: Annotated[
        str | None, Column("应用等保报告编号", "report of classified protection")
    ] = None
    launch_time: Annotated[date | None, Column("应用上线日期", "launched on", shape=Shape.DATE)] = (
        None
    )
    app_url: Annotated[
        str, Column("应用地址", "address of the download or the domain", pattern="url", most=100)
    ]
    img_url: Annotated[str, Column("应用logo地址", "address of the logo", pattern="url", most=100)]
    release_channel: Annotated[
        tuple[str, ...],
        Column(
            "发布渠道",
            "stores, of an app",
            dictionary="release_channel",
            shape=Shape.CODES,
            most=11,
        ),
    ] = ()


Entry: TypeAlias = InstitutionEntry | TerminalEntry | ModuleEntry | ApplicationEntry
