"""What every test may ask for."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sixfold.security import Home, Keyring, Ledger
from sixfold.store import Store

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of its own, empty, that SIXFOLD_HOME names; no key comes from the environment."""
    for variable in ("SIXFOLD_KEY", "SIXFOLD_KEY_FILE", "SIXFOLD_SIGNING_KEY", "SIXFOLD_LEDGER_KEY", "SIXFOLD_LANG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SIXFOLD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIXFOLD_LANG", "en")
    return Home.default()


@pytest.fixture
def keyring(home: Home) -> Keyring:
    return Keyring(home)


@pytest.fixture
def store(home: Home, keyring: Keyring) -> Store:
    return Store(home, keyring)


@pytest.fixture
def ledger(home: Home, keyring: Keyring) -> Ledger:
    return Ledger(home, keyring)


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets beside the checkout; a test that needs it is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the real data sets are not at {SHARED.name}/ beside the checkout")
    return SHARED


def postgres_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    named = shutil.which("initdb")
    return found[-1].parent if found else Path(named).parent if named else None


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL of this test alone, on 127.0.0.1, with the user ann and a password."""
    where = postgres_programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed: `apt-get install postgresql`")
    folder = Path(tempfile.mkdtemp(prefix="sixfold-postgres-"))
    who: dict[str, Any] = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    secret = folder / "secret"
    secret.write_text("hush-hush")
    secret.chmod(0o644)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    init = [where / "initdb", "-D", data, "-U", "ann", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "-N"]
    subprocess.run(init, check=True, capture_output=True, cwd=folder, env={"LC_ALL": "C"}, **who)
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    command = [where / "postgres", "-D", data, "-p", str(port), *settings]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env={"LC_ALL": "C"}, **who)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)
