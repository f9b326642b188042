"""The demo's profile and node, as files."""

import json
from pathlib import Path

from openehc.crypto.keyfile import KeyPurpose
from openehc.wiring.demo import PROFILE, demo_settings, prepare_demo, write_profile


def test_the_demo_node_is_marked_as_one(tmp_path: Path) -> None:
    prepare_demo(tmp_path)

    assert demo_settings(tmp_path, guide_sample=None).mode is KeyPurpose.DEMO


def test_the_profile_appears_only_when_it_is_written(tmp_path: Path) -> None:
    prepare_demo(tmp_path)

    assert not (tmp_path / PROFILE).exists()


def test_a_second_start_withdraws_the_old_profile(tmp_path: Path) -> None:
    registry = prepare_demo(tmp_path)
    write_profile(demo_settings(tmp_path, guide_sample=None), registry)
    prepare_demo(tmp_path)

    assert not (tmp_path / PROFILE).exists()


def test_a_second_start_keeps_the_secrets(tmp_path: Path) -> None:
    registry = prepare_demo(tmp_path)
    write_profile(demo_settings(tmp_path, guide_sample=None), registry)

    assert prepare_demo(tmp_path) == registry


def test_a_damaged_profile_gives_new_secrets(tmp_path: Path) -> None:
    first = prepare_demo(tmp_path)
    (tmp_path / PROFILE).write_text("{")

    assert prepare_demo(tmp_path) != first


def test_the_profile_holds_what_a_client_needs(tmp_path: Path) -> None:
    registry = prepare_demo(tmp_path)
    path = write_profile(demo_settings(tmp_path, guide_sample=None, port=8123), registry)

    assert set(json.loads(path.read_text(encoding="utf-8"))) == {
        "gateway_url", "app_id", "app_secret", "term_id", "ehcin", "ehcappid", "org_code",
        "console_url", "console_user", "console_password", "console_users", "pid",
    }  # fmt: skip


def test_only_the_guides_sample_lets_any_timestamp_through(tmp_path: Path) -> None:
    prepare_demo(tmp_path)

    assert demo_settings(tmp_path, guide_sample=None).window is not None
    assert demo_settings(tmp_path, guide_sample="yes").window is None
