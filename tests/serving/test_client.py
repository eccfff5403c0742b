"""The Python client against real services."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import running

import sixfold
from sixfold.errors import ServiceError
from sixfold.security import ApiKeys, Home
from sixfold.serving import Bundle, Engine, listening
from sixfold.serving._access import Access
from sixfold.serving._limits import Limits

Rows = tuple[list[dict[str, Any]], list[str]]


def test_one_row_and_many_are_answered(table_url: str, table_bundle: Bundle, table_rows: Rows) -> None:
    rows = table_rows[0]
    with sixfold.Client(table_url) as client:
        expected = Engine(table_bundle).answers(rows[:3])
        assert client.predict(rows[0])["malignant"] == expected[0]["malignant"]
        many = client.predict(rows * 3)
        assert len(many) == 3 * len(rows) > 1000
        assert [one["malignant"] for one in many[:3]] == [one["malignant"] for one in expected]
        said = client.ask(rows[:2], request="mine")
        assert (said.request, said.model, len(said.answers)) == ("mine", table_bundle.version, 2)
        assert client.about()["name"] == "tumour"
        assert set(client.example()) >= {"row", "answer"}


def test_values_are_taken_as_python_has_them(
    digits_url: str, table_url: str, digit_pictures: tuple[list[bytes], list[str]], tmp_path: Path
) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(digit_pictures[0][3])
    with sixfold.Client(digits_url) as client:
        assert client.predict({"photo": digit_pictures[0][3]}) == client.predict({"photo": path})
    with sixfold.Client(table_url) as client:
        row = {"mean radius": np.float32(14), "mean texture": float("nan"), "大小": None}
        assert client.predict(row)["malignant"] in ("no", "yes")


def test_what_is_refused_is_told_with_cause_and_mend(table_url: str) -> None:
    with sixfold.Client(table_url, language="zh") as client, pytest.raises(ServiceError) as refused:
        client.predict({"mean radius": "wide"})
    assert refused.value.values["code"] == "request.bad_value"
    assert "mean radius" in str(refused.value)


def test_a_key_opens_the_service(home: Home, table_bundle: Bundle, table_rows: Rows) -> None:
    access = Access(home, "tumour")
    _, key = ApiKeys(home).issue("acme")
    with running(table_bundle, access=access) as url:
        with sixfold.Client(url) as client, pytest.raises(ServiceError, match="API key"):
            client.predict(table_rows[0][0])
        with sixfold.Client(url, key=key) as client:
            assert client.predict(table_rows[0][0])
    access.usage.close()


def test_a_busy_service_is_asked_again(table_bundle: Bundle, table_rows: Rows) -> None:
    with running(table_bundle, limits=Limits(waiting=1)) as url:
        clients = [sixfold.Client(url) for _ in range(6)]
        found: list[Any] = []
        threads = [
            threading.Thread(target=lambda one=client: found.append(one.predict(table_rows[0] * 2)))
            for client in clients
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [len(answers) for answers in found] == [2 * len(table_rows[0])] * 6


def test_a_service_that_is_not_there_is_told_soon() -> None:
    with listening("127.0.0.1", None) as sock:
        port = sock.getsockname()[1]
    begun = time.monotonic()
    with sixfold.Client(f"http://127.0.0.1:{port}", patience=0.3) as client, pytest.raises(ServiceError):
        client.about()
    assert time.monotonic() - begun < 3
    with pytest.raises(ServiceError, match="URL"):
        sixfold.Client("127.0.0.1:8800")


def test_the_client_brings_no_other_package_along() -> None:
    heavy = "numpy", "onnxruntime", "pydantic", "starlette", "click", "orjson"
    code = f"import sys, sixfold; sixfold.Client; sys.exit(any(n in sys.modules for n in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
