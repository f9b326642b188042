"""Which client certificates a handshake lets in, and which settings and files go together."""

import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from openehc.wiring.client_certificates import ClientCertificates
from openehc.wiring.settings import WrongSettings, read_settings
from openehc.wiring.tls import ClientTrust, ContextFactory, WrongCertificate, ended_lists
from tests.support.tls_authority import DAY, SERVER, Party, TlsAuthority, self_signed

SMALLEST = '[node]\nehcin = "9901A0001"\n'
HOWS = (ClientCertificates.OFFERED, ClientCertificates.DEMANDED)


@pytest.fixture
def authority(tmp_path: Path) -> TlsAuthority:
    return TlsAuthority(tmp_path)


def handshake(server: ssl.SSLContext, shown: Party | None) -> str | None:
    """The version that both ends agree on in memory; ssl.SSLError when one refuses."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    if shown:
        client.load_cert_chain(shown.pem, shown.key)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(up, down, server_side=True), client.wrap_bio(down, up, server_side=False)
    ]  # fmt: skip
    for _ in range(4):
        for end in ends:
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].version()


def server_of(
    authority: TlsAuthority, how: ClientCertificates, *, revoked: Path | None = None,
    trusted: Path | None = None,
) -> ssl.SSLContext:  # fmt: skip
    node = authority.party("node", use=SERVER)
    trust = ClientTrust(how, trusted or authority.pem, revoked)
    return ContextFactory(node.pem, node.key, trust).context()


SPOILT: dict[str, Callable[[TlsAuthority], Party]] = {
    "self-signed": lambda ours: self_signed(ours.folder, "stranger"),
    "of another authority": lambda ours: TlsAuthority(ours.folder, "Other").party("stranger"),
    "of an authority with the same name": lambda ours: TlsAuthority(
        _made(ours.folder / "false"), ours.name
    ).party("stranger"),
    "expired": lambda ours: ours.party("late", begins=-2 * DAY, ends=-timedelta(hours=1)),
    "not yet valid": lambda ours: ours.party("early", begins=timedelta(hours=1)),
    "of a server": lambda ours: ours.party("server", use=SERVER),
}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", SPOILT)
def test_a_certificate_that_proves_nothing_ends_the_handshake(
    authority: TlsAuthority, how: ClientCertificates, name: str
) -> None:
    server = server_of(authority, how)
    assert handshake(server, authority.party("hospital")) == "TLSv1.3"

    with pytest.raises(ssl.SSLError):
        handshake(server, SPOILT[name](authority))


def test_without_a_certificate_only_the_offer_is_passed(authority: TlsAuthority) -> None:
    offered, demanded = (server_of(authority, how) for how in HOWS)

    assert handshake(offered, None) == "TLSv1.3"
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        handshake(demanded, None)


@pytest.mark.parametrize("how", HOWS)
def test_a_revoked_certificate_ends_the_handshake(
    authority: TlsAuthority, how: ClientCertificates
) -> None:
    kept, lost = authority.party("kept"), authority.party("lost")
    server = server_of(authority, how, revoked=authority.list_of(lost))

    assert handshake(server, kept) == "TLSv1.3"
    with pytest.raises(ssl.SSLError, match="certificate revoked"):
        handshake(server, lost)


def test_an_ended_list_lets_nobody_in_and_is_told(
    authority: TlsAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    ended = authority.list_of(ends=-timedelta(hours=1))

    server = server_of(authority, ClientCertificates.OFFERED, revoked=ended)

    assert "CN=Invented TLS Authority ended at" in caplog.text
    with pytest.raises(ssl.SSLError, match="CRL has expired"):
        handshake(server, authority.party("hospital"))


def test_each_list_of_a_file_is_looked_at(tmp_path: Path) -> None:
    ended = timedelta(hours=-1)
    lists = [TlsAuthority(tmp_path, name).list_of(ends=ended) for name in ("First", "Second")]
    pem = b"".join(path.read_bytes() for path in lists)

    assert len(ended_lists(pem, now=datetime.now(UTC))) == 2
    assert ended_lists(pem, now=datetime.now(UTC) - 2 * DAY) == []


def test_every_authority_on_the_way_needs_a_list(authority: TlsAuthority, tmp_path: Path) -> None:
    issuing = TlsAuthority(tmp_path, "Issuing", authority)
    party, lists = issuing.party("hospital"), tmp_path / "lists.pem"
    trusted = tmp_path / "both.pem"
    trusted.write_bytes(authority.pem.read_bytes() + issuing.pem.read_bytes())
    how = ClientCertificates.DEMANDED

    lists.write_bytes(issuing.list_of().read_bytes())
    with pytest.raises(ssl.SSLError, match="unable to get certificate CRL"):
        handshake(server_of(authority, how, revoked=lists, trusted=trusted), party)

    lists.write_bytes(lists.read_bytes() + authority.list_of().read_bytes())
    assert handshake(server_of(authority, how, revoked=lists, trusted=trusted), party) == "TLSv1.3"


@pytest.mark.parametrize("content", ["missing", "nothing", "a list besides", "no root"])
def test_a_file_without_authorities_stops_the_start(
    authority: TlsAuthority, tmp_path: Path, content: str
) -> None:
    path, issuing = tmp_path / "clients.pem", TlsAuthority(tmp_path, "Issuing", authority)
    contents = {
        "nothing": b"junk",
        "a list besides": authority.pem.read_bytes() + authority.list_of().read_bytes(),
        "no root": issuing.pem.read_bytes(),
    }  # fmt: skip
    if content in contents:
        path.write_bytes(contents[content])

    with pytest.raises(WrongCertificate, match=r"clients\.pem"):
        server_of(authority, ClientCertificates.OFFERED, trusted=path)


@pytest.mark.parametrize("content", ["missing", "nothing", "a certificate besides"])
def test_a_file_without_lists_stops_the_start(
    authority: TlsAuthority, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "lists.pem"
    if content == "nothing":
        path.write_bytes(b"junk")
    if content == "a certificate besides":  # it would be trusted
        path.write_bytes(
            authority.list_of().read_bytes() + TlsAuthority(tmp_path, "Other").pem.read_bytes()
        )

    with pytest.raises(WrongCertificate, match=r"lists\.pem"):
        server_of(authority, ClientCertificates.OFFERED, revoked=path)


def test_files_of_the_settings_lie_beside_them(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(
        f'{SMALLEST}tls_certificate = "tls.pem"\ntls_key = "tls.key"\n'
        'tls_client_certificates = "demanded"\ntls_client_ca = "ca.pem"\n'
        'tls_client_crl = "crl.pem"\n',
        "utf-8",
    )

    settings = read_settings(tmp_path)

    assert settings.tls_client_certificates is ClientCertificates.DEMANDED
    assert (settings.tls_client_ca, settings.tls_client_crl) == (
        tmp_path / "ca.pem", tmp_path / "crl.pem",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ('tls_client_certificates = "always"', "off, offered, demanded, forwarded"),
        ('tls_client_certificates = "offered"\ntls_client_ca = "a"', "tls_certificate"),
        ('tls_certificate = "c"\ntls_key = "k"\ntls_client_certificates = "demanded"',
         "tls_client_ca"),
        ('tls_client_ca = "a"', "not read"),
        ('tls_client_crl = "a"', "not read"),
        ('tls_client_certificates = "forwarded"', "console.proxies"),
    ],
)  # fmt: skip
def test_settings_that_do_not_go_together_stop_the_start(
    tmp_path: Path, lines: str, named: str
) -> None:
    (tmp_path / "node.toml").write_text(SMALLEST + lines, "utf-8")

    with pytest.raises(WrongSettings, match=named):
        read_settings(tmp_path)


def test_a_front_proxy_does_not_shut_its_callers_out(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(
        f'{SMALLEST}tls_certificate = "c"\ntls_key = "k"\ntls_client_ca = "a"\n', "utf-8"
    )

    with pytest.raises(WrongSettings, match="show no certificate"):
        read_settings(
            tmp_path, roles=("card", "crypto"), tls_client_certificates=ClientCertificates.DEMANDED
        )
