"""What systemd hears, on a socket of its kind."""

import socket
from pathlib import Path

import pytest

from camd import systemd


@pytest.mark.parametrize("is_abstract", [False, True])
def test_words_arrive_as_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_abstract: bool) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{path}" if is_abstract else path)
        manager.settimeout(1)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{path}" if is_abstract else path)
        systemd.tell(READY=1, STATUS="watching\nporch")
        assert manager.recv(1000) == b"READY=1\nSTATUS=watching porch"


@pytest.mark.parametrize("path", [None, "", "/nowhere/notify", "vsock:2:1"])
def test_nobody_who_listens_is_no_trouble(path: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if path is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", path)
    systemd.tell(WATCHDOG=1)
