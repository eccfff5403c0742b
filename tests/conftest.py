"""What every test may ask for."""

from __future__ import annotations

from pathlib import Path

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
