"""A caller of a proxy under the node's own TLS: real handshakes, and whom it trusts."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.remote.connection import ProxyAddress, ProxyUnreachable
from openehc.crypto.remote.module import ProxyCryptoModule
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.wiring.crypto_backend import CALLER_KEY, WrongBackend, open_module, parse_backend
from openehc.wiring.settings import WrongSettings, read_settings
from openehc.wiring.tls import ContextFactory
from tests.journeys.test_tls import make_certificate
from tests.support.front_proxy import FrontProxy, front_proxy

EXPIRES: Final = datetime(2030, 1, 1, tzinfo=UTC)
KEY: Final = Sm2PrivateKey.generate().public.raw.hex()


@asynccontextmanager
async def proxy_under_tls(folder: Path) -> AsyncIterator[FrontProxy]:
    """A front proxy that shows the certificate which it leaves in `folder`."""
    certificate, key = make_certificate(folder)
    soft = SoftCryptoModule(PUBLIC_TEST_KEYS)
    async with front_proxy(soft, tls=ContextFactory(certificate, key)) as proxy:
        yield proxy


def caller(proxy: FrontProxy, *, host: str = "127.0.0.1", ca: Path | None) -> ProxyCryptoModule:
    """What a node makes of `--crypto proxy:https://...`; it is on the list."""
    key = Sm2PrivateKey.generate()
    proxy.allow(key=key)
    url = f"proxy:https://{host}:{proxy.port}"
    backend = parse_backend(url, proxy_key=proxy.key.public.raw.hex(), proxy_ca=ca)
    module = open_module(backend, PUBLIC_TEST_KEYS, local={CALLER_KEY: key.raw()})
    assert isinstance(module, ProxyCryptoModule)
    return module


async def test_a_caller_trusts_the_authorities_that_its_setting_names(tmp_path: Path) -> None:
    async with proxy_under_tls(tmp_path) as proxy:
        module = caller(proxy, ca=tmp_path / "tls.pem")
        made = await module.make_valid(EXPIRES)
        await module.close()

    assert made == await SoftCryptoModule(PUBLIC_TEST_KEYS).make_valid(EXPIRES)


async def test_a_certificate_of_nobody_trusted_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other, _ = make_certificate(tmp_path / "other")
    async with proxy_under_tls(tmp_path) as proxy:
        for authorities in (other, None):  # None: those of the system
            module = caller(proxy, ca=authorities)
            with pytest.raises(ProxyUnreachable, match="certificate is refused"):
                await module.make_valid(EXPIRES)
            await module.close()

        assert proxy.trail.events == []


async def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    async with proxy_under_tls(tmp_path) as proxy:
        module = caller(proxy, host="localhost", ca=tmp_path / "tls.pem")
        with pytest.raises(ProxyUnreachable, match="certificate is refused: Hostname mismatch"):
            await module.make_valid(EXPIRES)
        await module.close()


async def test_a_caller_that_wants_tls_talks_to_no_proxy_without(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path)
    async with front_proxy(SoftCryptoModule(PUBLIC_TEST_KEYS)) as proxy:
        module = caller(proxy, ca=certificate)
        with pytest.raises(ProxyUnreachable, match="no TLS with the front proxy"):
            await module.make_valid(EXPIRES)
        await module.close()


def test_the_file_of_the_setting_lies_beside_it(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path)
    shutil.move(certificate, tmp_path / "ca.pem")
    (tmp_path / "node.toml").write_text(
        f'[node]\nehcin = "9901A0001"\n[crypto]\nproxy_key = "{KEY}"\nproxy_ca = "ca.pem"\n',
        "utf-8",
    )

    settings = read_settings(tmp_path, crypto="proxy:https://proxy.example.org")

    plain = ProxyAddress("proxy.example.org", 443, tls=True)
    assert settings.crypto.proxies == ((replace(plain, authorities=tmp_path / "ca.pem"), KEY),)
    with pytest.raises(WrongSettings, match="for a proxy with TLS"):
        read_settings(tmp_path, crypto="proxy:http://proxy.example.org")


@pytest.mark.parametrize(
    ("content", "expected"), [(None, "No such file"), ("not one", "holds no certificate")]
)
def test_a_file_without_authorities_is_named(
    tmp_path: Path, content: str | None, expected: str
) -> None:
    authorities = tmp_path / "ca.pem"
    if content:
        authorities.write_text(content, "utf-8")

    with pytest.raises(WrongBackend, match=rf"crypto.proxy_ca: .*ca\.pem: {expected}"):
        parse_backend("proxy:https://a:1", proxy_key=KEY, proxy_ca=authorities)
