"""Several processes at one address: one that is killed is started again, and nobody else notices."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from graphs import written

pytestmark = pytest.mark.slow

BODY = {
    "inputs": [{"name": f"INPUT{n}", "datatype": "INT32", "shape": [1, 16], "data": list(range(16))} for n in (0, 1)]
}


@pytest.fixture
def service(tmp_path: Path, home: object) -> Iterator[tuple[str, int]]:
    """The URL of two workers, and the process that minds them."""
    command = [sys.executable, "-m", "sixfold", "serve", str(written(tmp_path)[0]), "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = next(word for word in process.stdout.readline().split() if word.startswith("http"))
    yield url, process.pid
    process.terminate()
    assert process.wait(20) == 0
    process.stdout.close()


def children(pid: int) -> set[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return set(map(int, text.split()))


def asked(url: str) -> bool:
    try:
        return httpx.post(f"{url}/v2/models/simple/infer", json=BODY, timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def test_a_worker_that_is_killed_is_back_soon_and_the_others_answer_meanwhile(service: tuple[str, int]) -> None:
    url, pid = service
    before = children(pid)
    assert len(before) == 2
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    begun = time.monotonic()
    answered = [asked(url) for _ in range(20)]
    assert sum(answered) >= 19
    while len(children(pid) - {killed}) < 2:
        assert time.monotonic() - begun < 5
        time.sleep(0.02)
    assert all(asked(url) for _ in range(10))
