"""What the tests of the share room stand on."""

from pathlib import Path

import pytest

from tests.share.share_world import House, certificate


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house with clip 7; its run folder, and that of processes it starts, lies in the test's folder."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    return House(tmp_path).build()


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate and key of `localhost`."""
    return certificate(tmp_path_factory.mktemp("pem"))
