"""A node is told of its front proxy by settings, and says what is missing before it starts."""

from pathlib import Path

import pytest

from openehc.crypto.keyfile import KeyPurpose, open_key_file
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS
from openehc.crypto.remote.connection import ProxyAddress
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.wiring.creating import create_node
from openehc.wiring.crypto_backend import (
    CALLER_KEY,
    PROXY_KEY,
    Kind,
    WrongBackend,
    open_module,
    parse_backend,
)
from openehc.wiring.proxy_keys import new_key, public_half, require_keys
from openehc.wiring.proxy_node import proxy_key_of
from openehc.wiring.settings import Settings, WrongSettings, read_settings
from tests.support.proxied_nodes import ehc, node_folder

KEY = Sm2PrivateKey.generate().public.raw.hex()
OTHER = Sm2PrivateKey.generate().public.raw.hex()
PASSPHRASE = "an invented passphrase"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return node_folder(tmp_path, "n")


def told(folder: Path, crypto: str) -> Settings:
    with (folder / "node.toml").open("a") as file:
        file.write(f"\n[crypto]\n{crypto}\n")
    return read_settings(folder)


def test_a_proxy_is_named_by_its_url_and_its_key(folder: Path) -> None:
    settings = told(folder, f'backend = "proxy:http://10.1.0.5:8090"\nproxy_key = "{KEY}"')

    crypto = settings.crypto
    assert crypto.kind is Kind.PROXY
    assert crypto.proxies == ((ProxyAddress("10.1.0.5", 8090), KEY),)
    assert crypto.holds_no_keys_here


def test_the_command_line_takes_the_key_from_the_file(folder: Path) -> None:
    told(folder, f'proxy_key = "{KEY}"')

    settings = read_settings(folder, crypto="proxy:https://proxy.example.org")

    assert settings.crypto.proxies == ((ProxyAddress("proxy.example.org", 443, tls=True), KEY),)


def test_each_of_several_proxies_has_the_key_under_its_url(folder: Path) -> None:
    settings = told(
        folder,
        'backend = "proxy:http://10.1.0.5:8090, https://b"\n'
        f'proxy_key = {{ "https://b:443/" = "{OTHER}", "http://10.1.0.5:8090" = "{KEY}" }}',
    )

    first, second = ProxyAddress("10.1.0.5", 8090), ProxyAddress("b", 443, tls=True)
    assert settings.crypto.proxies == ((first, KEY), (second, OTHER))
    alone = read_settings(folder, crypto="proxy:https://b")
    assert alone.crypto.proxies == ((second, OTHER),)


@pytest.mark.parametrize(
    ("backend", "key", "expected"),
    [
        ("http://a:1,http://b:1", KEY, "each of several proxies has its own key"),
        ("http://a:1,http://b:1", {"http://a:1": KEY}, 'proxy_key "http://b:1": .*keys proxy show'),
        ("http://a:1,http://b:1", {"http://a:1": KEY, "http://b:1": "04ab"}, "130 hex"),
        ("http://a:1", {"a:1": KEY}, "front proxy 'a:1': http://HOST"),
        ("http://a:1,https://a:1", {"http://a:1": KEY, "https://a:1": KEY}, "named twice"),
        ("http://a,http://a:80", {"http://a:80": KEY}, "named twice"),
        ("http://a:1,", {"http://a:1": KEY}, "http://HOST"),
    ],
)  # fmt: skip
def test_several_proxies_of_which_one_is_in_doubt_are_refused(
    backend: str, key: str | dict[str, str], expected: str
) -> None:
    with pytest.raises(WrongBackend, match=expected):
        parse_backend(f"proxy:{backend}", proxy_key=key)


def test_a_key_that_is_neither_text_nor_table_is_refused(folder: Path) -> None:
    with pytest.raises(WrongSettings, match=r"crypto\.proxy_key: a table"):
        told(folder, f'proxy_key = ["{KEY}"]')


@pytest.mark.parametrize(
    ("backend", "key", "expected"),
    [
        ("proxy:http://a:1", "", "crypto.proxy_key"), ("proxy:http://a:1", "04ab", "130 hex"),
        ("proxy:http://a:1", "04" + "00" * 64, "proxy_key"), ("proxy:a:1", KEY, "http://HOST"),
        ("proxy:", KEY, "proxy:URL"),
    ],
)  # fmt: skip
def test_what_names_no_proxy_is_refused(backend: str, key: str, expected: str) -> None:
    with pytest.raises(WrongBackend, match=expected):
        parse_backend(backend, proxy_key=key)


def test_a_proxy_behind_a_proxy_is_refused(folder: Path) -> None:
    told(folder, f'proxy_key = "{KEY}"')

    with pytest.raises(WrongSettings, match="does not stand behind another"):
        read_settings(folder, crypto="proxy:http://a:1", roles=("crypto",))


def test_a_node_without_a_key_to_call_with_does_not_start(folder: Path) -> None:
    settings = told(folder, f'backend = "proxy:http://a:1"\nproxy_key = "{KEY}"')

    with pytest.raises(WrongSettings, match="ehc keys caller new"):
        require_keys(settings, PASSPHRASE)
    with pytest.raises(WrongBackend, match="ehc keys caller new"):
        open_module(settings.crypto, PUBLIC_TEST_KEYS, local={})
    served = ehc("serve", "--data", str(folder))
    assert (served.exit_code, "ehc keys caller new" in served.output) == (1, True)


def test_the_proxy_gets_its_key_at_its_first_start_and_keeps_it(folder: Path) -> None:
    settings = read_settings(folder, roles=("crypto",))
    with pytest.raises(WrongSettings, match="ehc keys proxy new"):
        proxy_key_of(open_key_file(settings.key_file, PASSPHRASE))

    require_keys(settings, PASSPHRASE)
    first = public_half(open_key_file(settings.key_file, PASSPHRASE), PROXY_KEY)
    require_keys(settings, PASSPHRASE)

    again = proxy_key_of(open_key_file(settings.key_file, PASSPHRASE)).public
    assert first == again


def test_a_private_key_stands_nowhere_in_clear(folder: Path) -> None:
    settings = read_settings(folder)
    new_key(settings, PASSPHRASE, name=CALLER_KEY)

    secret = open_key_file(settings.key_file, PASSPHRASE).local[CALLER_KEY]
    content = (folder / "keys.json").read_bytes()
    assert secret not in content
    assert secret.hex().encode() not in content


def test_a_new_key_in_place_of_an_old_one_wants_the_number_of_the_node(folder: Path) -> None:
    words = ("keys", "caller", "new", "--data", str(folder))
    first = ehc(*words)

    second = ehc(*words)

    shown = ehc("keys", "caller", "show", "--data", str(folder))
    assert (first.exit_code, second.exit_code) == (0, 1)
    assert shown.output == first.output


def test_a_key_that_was_never_made_cannot_be_shown(folder: Path) -> None:
    shown = ehc("keys", "proxy", "show", "--data", str(folder))

    assert (shown.exit_code, "ehc keys proxy new" in shown.output) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ("a b", KEY, "--calls", "all", "--from", "10.0.0.1"),
        ("card", "04ab", "--calls", "all", "--from", "10.0.0.1"),
        ("card", KEY, "--calls", "fly", "--from", "10.0.0.1"),
        ("card", KEY, "--calls", "all", "--from", "nowhere"),
    ],
    ids=["name", "key", "call", "network"],
)
def test_an_entry_that_makes_no_sense_is_refused_in_one_line(
    folder: Path, words: tuple[str, ...]
) -> None:
    refused = ehc("keys", "caller", "allow", *words, "--data", str(folder))

    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert not (folder / "postgres").exists()


def test_a_node_in_production_with_public_keys_is_no_proxy(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    create_node(
        folder, ehcin="9901A0001", mode=KeyPurpose.DEBUGGING, passphrase=PASSPHRASE,
        passphrase_file=str(tmp_path / "passphrase"),
    )  # fmt: skip
    text = (folder / "node.toml").read_text().replace("debugging", "production")
    (folder / "node.toml").write_text(text)

    served = ehc("serve", "--roles", "crypto", "--data", str(folder))

    assert (served.exit_code, "public test keys" in served.output) == (1, True)
