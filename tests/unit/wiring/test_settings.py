"""What a node is told, and how a wrong setting is named."""

from datetime import timedelta
from pathlib import Path

import pytest

from openehc.codes.model import SupplementPolicy
from openehc.crypto.keyfile import KeyPurpose
from openehc.wiring.settings import Settings, WrongSettings, read_settings

SMALLEST = '[node]\nehcin = "9901A0001"\n'


def told(folder: Path, text: str) -> Settings:
    (folder / "node.toml").write_text(text, encoding="utf-8")
    return read_settings(folder)


def test_a_node_needs_nothing_but_its_number(tmp_path: Path) -> None:
    assert told(tmp_path, SMALLEST) == Settings(
        tmp_path, ehcin="9901A0001", mode=KeyPurpose.PRODUCTION
    )


def test_every_setting_is_read(tmp_path: Path) -> None:
    settings = told(
        tmp_path,
        """
        [node]
        ehcin = "9901A0001"
        mode = "debugging"
        public_url = "https://ehc.example.org/"
        passphrase_file = "secret"
        dsn = "postgresql:///ehc"
        [access]
        node_name = "示例管理节点"
        online_hours = 48
        [messages]
        window_minutes = 2.5
        [codes]
        supplement = "off"
        supplement_by_treatment = { "010105" = "require" }
        legacy_channels = { "99010001001" = "9902B0007" }
        public_account_qrcode = "https://qr.example.org"
        longest_life_seconds = 90
        kept_days = 190
        [logs]
        request_days = 200
        [console]
        proxies = ["10.0.0.5", "fd00::0:5"]
        gateway_addresses = ["10.0.0.6"]
        gateway_key_file = "gateway.key"
        """,
    )

    assert settings.mode is KeyPurpose.DEBUGGING
    assert settings.base_url == "https://ehc.example.org"
    assert settings.passphrase_file == tmp_path / "secret"
    assert settings.dsn == "postgresql:///ehc"
    assert settings.window == timedelta(minutes=2.5)
    assert (settings.node_name, settings.online_hours) == ("示例管理节点", 48)
    assert settings.supplement.policy("010105") is SupplementPolicy.REQUIRE
    assert settings.supplement.policy("010101") is SupplementPolicy.OFF
    assert settings.legacy_channels == {"99010001001": "9902B0007"}
    assert settings.public_account_qrcode == "https://qr.example.org"
    assert settings.proxies == {"10.0.0.5", "fd00::5"}
    assert settings.gateway_addresses == {"10.0.0.6"}
    assert settings.gateway_key_file == tmp_path / "gateway.key"
    assert settings.longest_life == timedelta(seconds=90)
    assert (settings.kept_days, settings.request_days) == (190, 200)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "node.ehcin"),
        ('[node]\nehcin = "9901A001"\n', "node.ehcin"),
        ("[node]\nehcin = 9901\n", "node.ehcin"),
        (SMALLEST + 'mode = "prod"\n', "node.mode"),
        (SMALLEST + "public_url = 1\n", "node.public_url"),
        (SMALLEST + "dsn = []\n", "node.dsn"),
        (SMALLEST + "passphrase_file = true\n", "node.passphrase_file"),
        (SMALLEST + "port = 80\n", "node.port"),
        (SMALLEST + "[access]\nonline_hours = 0\n", "access.online_hours"),
        (SMALLEST + "[access]\nonline_hours = true\n", "access.online_hours"),
        (SMALLEST + "[message]\n", "[message]"),
        ("codes = 1\n" + SMALLEST, "[codes]"),
        (SMALLEST + '[messages]\nwindow_minutes = "15"\n', "messages.window_minutes"),
        (SMALLEST + "[messages]\nwindow_minutes = true\n", "messages.window_minutes"),
        (SMALLEST + "[messages]\nwindow_minutes = -1\n", "messages.window_minutes"),
        (SMALLEST + "[messages]\nwindow_minutes = nan\n", "messages.window_minutes"),
        (SMALLEST + "[messages]\nwindow_minutes = inf\n", "messages.window_minutes"),
        (SMALLEST + "[messages]\nwindow_minutes = 0\n", "messages.window_minutes"),
        (SMALLEST + '[codes]\nsupplement = "maybe"\n', "codes.supplement"),
        (SMALLEST + "[codes]\nsupplement = []\n", "codes.supplement"),
        (SMALLEST + '[codes]\nsupplement_by_treatment = "off"\n', "codes.supplement_by_treatment"),
        (
            SMALLEST + '[codes]\nsupplement_by_treatment = { "010105" = "no" }\n',
            "codes.supplement_by_treatment",
        ),
        (SMALLEST + '[codes]\nlegacy_channels = { "1" = "x" }\n', "codes.legacy_channels"),
        (SMALLEST + "[codes]\npublic_account_qrcode = 1\n", "codes.public_account_qrcode"),
        (SMALLEST + '[console]\nproxies = "10.0.0.5"\n', "console.proxies"),
        (SMALLEST + '[console]\nproxies = ["proxy.example"]\n', "console.proxies"),
        (SMALLEST + "[console]\ngateway_addresses = [1]\n", "console.gateway_addresses"),
        (SMALLEST + "[codes]\nkept_days = 1\n", "codes.kept_days"),
        (SMALLEST + "[codes]\nkept_days = 3661\n", "codes.kept_days"),
        (SMALLEST + "[logs]\nrequest_days = -1\n", "logs.request_days"),
        (SMALLEST + "[codes]\nlongest_life_seconds = 9\n", "codes.longest_life_seconds"),
        (SMALLEST + "[codes]\nlongest_life_seconds = 301\n", "codes.longest_life_seconds"),
        (SMALLEST + '[codes]\nlongest_life_seconds = "60"\n', "codes.longest_life_seconds"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(WrongSettings) as caught:
        told(tmp_path, text)

    assert named in str(caught.value)


@pytest.mark.parametrize("mode", ["demo", "debugging"])
def test_any_timestamp_may_be_let_through_outside_production(tmp_path: Path, mode: str) -> None:
    text = f'{SMALLEST}mode = "{mode}"\n[messages]\nwindow_minutes = 0\n'

    assert told(tmp_path, text).window is None


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match=r"node\.toml"):
        told(tmp_path, "[node")


def test_a_missing_file_says_how_to_make_a_node(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match="ehc init"):
        read_settings(tmp_path)


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(SMALLEST + 'dsn = "postgresql:///file"\n')

    assert read_settings(tmp_path, dsn="postgresql:///line").dsn == "postgresql:///line"


def test_what_the_command_line_does_not_say_stays(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(SMALLEST + 'dsn = "postgresql:///file"\n')

    assert read_settings(tmp_path, dsn=None, port=None).dsn == "postgresql:///file"


def test_an_unknown_override_is_a_defect(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(SMALLEST)

    with pytest.raises(TypeError, match="nonsense"):
        read_settings(tmp_path, nonsense=1)


def test_an_unknown_role_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match="moon"):
        Settings(tmp_path, ehcin="9901A0001", mode=KeyPurpose.DEMO, roles=("card", "moon"))


def test_without_a_public_address_the_node_names_its_own(tmp_path: Path) -> None:
    settings = Settings(tmp_path, ehcin="9901A0001", mode=KeyPurpose.DEMO, port=8123)

    assert settings.base_url == "http://127.0.0.1:8123"
