"""Ports that nobody else on the machine takes before a server has started."""

import socket
from pathlib import Path

import pytest

from bench import ports
from bench.ports import NoFreePort, first_ephemeral, free_port, part_of


def test_none_of_those_that_outgoing_connections_get_is_given() -> None:
    assert all(free_port() < first_ephemeral() for _ in range(50))


def test_no_port_is_given_twice_in_a_row() -> None:
    given = [free_port() for _ in range(200)]

    assert len(set(given)) == 200


def test_the_parts_of_workers_that_run_side_by_side_are_apart() -> None:
    parts = [part_of(name, below=32_768) for name in ("", "gw0", "gw1", "gw2", "gw14")]

    together = [port for part in parts for port in part]
    assert len(set(together)) == len(together)
    assert max(together) < 32_768


def test_a_port_on_which_somebody_listens_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, free = free_port(), free_port()
    monkeypatch.setattr(ports, "part_of", lambda *_, **__: [taken, free])
    with socket.create_server(("127.0.0.1", taken)):
        given = {free_port() for _ in range(4)}

    assert given == {free}


def test_when_all_are_taken_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = free_port()
    monkeypatch.setattr(ports, "part_of", lambda *_, **__: [taken])

    with socket.create_server(("127.0.0.1", taken)), pytest.raises(NoFreePort, match=str(taken)):
        free_port()


@pytest.mark.parametrize(
    ("said", "first"),
    [("40000\t60999\n", 40_000), ("1024 65535", 32_768), ("", 32_768)],
    ids=["told", "no room below", "not told"],
)
def test_where_the_system_begins_is_looked_up(tmp_path: Path, said: str, first: int) -> None:
    file = tmp_path / "range"
    file.write_text(said, "ascii")

    assert first_ephemeral(file) == first


def test_a_system_that_tells_no_range_has_the_usual_one(tmp_path: Path) -> None:
    assert first_ephemeral(tmp_path / "none") == 32_768
