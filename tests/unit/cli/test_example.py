"""The example call that the demo prints can be pasted into another shell."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from openehc.cli import serve_commands
from openehc.crypto.keyfile import KeyPurpose
from openehc.wiring.demo import DemoRegistry
from openehc.wiring.settings import Settings


@pytest.mark.parametrize(
    ("started", "command"),
    [
        (".venv/bin/ehc", [".venv/bin/ehc"]),
        ("/opt/with blank/ehc", ["/opt/with blank/ehc"]),
        ("/somewhere/openehc/__main__.py", [sys.executable, "-m", "openehc"]),
    ],
)
def test_the_printed_call_names_the_program_as_it_was_started(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    started: str,
    command: list[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [started, "demo"])
    settings = Settings(data=tmp_path, ehcin="9901A0001", mode=KeyPurpose.DEMO)

    serve_commands._welcome(settings, DemoRegistry("a secret", "a password"))

    line = next(text for text in capsys.readouterr().out.splitlines() if " call ehc." in text)
    words = shlex.split(line)
    assert words[: len(command)] == command
    assert json.loads(words[len(command) + 2])["id_no"] == "990101199001010019"
