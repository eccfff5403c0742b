"""What work takes of the machine is measured, other processes' work left out."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from sixfold.metering import Meter

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

_HUNGRY = "held = bytearray(200 << 20); import time; time.sleep(1.0)"


def test_memory_of_a_process_that_was_started_counts() -> None:
    with Meter() as alone:
        time.sleep(0.3)
    with Meter() as meter:
        subprocess.run([sys.executable, "-c", _HUNGRY], check=True)
    assert meter.used.peak_bytes > alone.used.peak_bytes + (200 << 20)
    assert meter.used.seconds >= 1.0


def test_a_process_that_ran_before_does_not_count() -> None:
    other = subprocess.Popen([sys.executable, "-c", _HUNGRY.replace("1.0", "30")])
    time.sleep(0.7)
    try:
        with Meter() as meter:
            time.sleep(0.5)
    finally:
        other.kill()
        other.wait()
    with Meter() as after:
        time.sleep(0.3)
    assert abs(meter.used.peak_bytes - after.used.peak_bytes) < (50 << 20)
