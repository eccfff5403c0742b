"""API keys: who may call, how fast, how much; what they used; and a certificate."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from graphs import written
from served import running

from sixfold.cli._app import _app
from sixfold.errors import KeyringError
from sixfold.security import ApiKeys, Home
from sixfold.serving import Bundle, Exchange, Witness, used
from sixfold.serving._access import Access
from sixfold.targets.local import Local

Rows = tuple[list[dict[str, Any]], list[str]]


@pytest.fixture
def keys(home: Home) -> ApiKeys:
    return ApiKeys(home)


@pytest.fixture
def told() -> list[Exchange]:
    return []


@pytest.fixture
def url(home: Home, table_bundle: Bundle, told: list[Exchange]) -> Iterator[str]:
    access = Access(home, "tumour")
    with running(table_bundle, access=access, witness=Witness(told.append)) as url:
        yield url
    access.usage.close()


def asked(url: str, key: str, row: Any, **more: Any) -> httpx.Response:
    return httpx.post(f"{url}/predict", json=row, headers={"authorization": f"Bearer {key}", **more})


def test_a_key_is_found_by_its_secret_alone_and_kept_as_a_digest(keys: ApiKeys, home: Home) -> None:
    entry, key = keys.issue("acme")
    assert keys.find(key, "any") == entry
    for wrong in (key[:-1], f"{key}x", f"sk6_{entry.id}_", f"sk7{key[3:]}", "", "sk6__", "ключ"):
        assert keys.find(wrong, "any") is None
    secret = key.rpartition("_")[2]
    assert secret not in (home.path / "api-keys.json").read_text()
    assert (home.path / "api-keys.json").stat().st_mode & 0o077 == 0


def test_a_key_opens_its_products_until_it_is_revoked(keys: ApiKeys, home: Home) -> None:
    entry, key = keys.issue("acme", products=["churn"])
    elsewhere = ApiKeys(home)
    assert elsewhere.find(key, "churn") is not None
    assert elsewhere.find(key, "tumour") is None
    keys.revoke("acme")
    assert elsewhere.find(key, "churn") is None
    with pytest.raises(KeyringError, match="no API key"):
        keys.revoke(entry.id)


def test_without_a_key_nothing_but_health_is_told(url: str, keys: ApiKeys, table_rows: Rows) -> None:
    row = table_rows[0][0]
    for path in ("/about", "/", "/openapi.json", "/v2/models/tumour", "/example"):
        response = httpx.get(f"{url}{path}")
        assert (response.status_code, "Basic" in response.headers["www-authenticate"]) == (401, True)
    assert httpx.get(f"{url}/v2/models/tumour").json()["error"].startswith("This service needs an API key")
    assert asked(url, "sk6_a_b", row).json()["error"]["code"] == "request.no_key"
    for path in ("/health/live", "/health/ready", "/v2/health/ready"):
        assert httpx.get(f"{url}{path}").status_code == 200
    _, key = keys.issue("acme")
    assert asked(url, key, row).status_code == 200
    assert httpx.post(f"{url}/predict", json=row, headers={"x-api-key": key}).status_code == 200
    assert httpx.get(f"{url}/", auth=("anybody", key)).status_code == 200
    foreign = {"sec-fetch-site": "cross-site"}
    assert httpx.post(f"{url}/predict", json=row, auth=("", key), headers=foreign).status_code == 401


def test_a_key_does_only_what_it_may(url: str, keys: ApiKeys) -> None:
    _, key = keys.issue("acme")
    _, manager = keys.issue("ops", scopes=["predict", "manage"])
    load = f"{url}/v2/repository/models/tumour/load"
    response = httpx.post(load, headers={"x-api-key": key})
    assert response.status_code == 403
    assert httpx.post(load, headers={"x-api-key": manager}).status_code == 200


def test_a_key_is_held_to_its_rate_and_its_quota(url: str, keys: ApiKeys, table_rows: Rows) -> None:
    row = table_rows[0][0]
    _, quick = keys.issue("quick", rate=3)
    assert [asked(url, quick, row).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert asked(url, quick, row).headers["retry-after"]
    _, small = keys.issue("small", quota=5)
    assert [asked(url, small, [row] * 3).status_code for _ in range(3)] == [200, 200, 429]


def test_usage_is_counted_for_each_key_and_written_as_csv(
    url: str, keys: ApiKeys, table_rows: Rows, home: Home, told: list[Exchange]
) -> None:
    row = table_rows[0][0]
    entry, key = keys.issue("=acme")
    asked(url, key, [row] * 4)
    tensor = {"name": "mean radius", "datatype": "FP64", "shape": [2], "data": [14.0, 15.0]}
    httpx.post(f"{url}/v2/models/tumour/infer", json={"inputs": [tensor]}, headers={"x-api-key": key})
    asked(url, key, {"unknown": 1})
    ends = time.monotonic() + 5
    while not (lines := list(used(home.path / "usage"))) and time.monotonic() < ends:
        time.sleep(0.1)
    time.sleep(1.2)
    (line,) = used(home.path / "usage")
    assert lines
    assert (line.key, line.name, line.requests, line.rows, line.refused) == (entry.id, "=acme", 2, 6, 1)
    assert list(used(home.path / "usage", "1999-01")) == []
    assert {exchange.key for exchange in told} == {"=acme"}
    written_out = CliRunner().invoke(_app, ["access", "usage"]).output
    (row_out,) = csv.DictReader(io.StringIO(written_out))
    assert (row_out["name"], row_out["rows"]) == ("'=acme", "6")


def test_keys_are_issued_listed_and_revoked_on_the_command_line(home: Home) -> None:
    run = CliRunner()
    made = json.loads(run.invoke(_app, ["access", "new", "acme", "--rate", "60", "--json"]).output)
    assert ApiKeys(home).find(made["key"], "any") is not None
    listed = run.invoke(_app, ["access", "list"]).output
    assert made["id"] in listed
    assert made["key"] not in listed
    assert run.invoke(_app, ["access", "revoke", "acme"]).exit_code == 0
    assert ApiKeys(home).find(made["key"], "any") is None


@pytest.mark.slow
def test_a_deployed_service_that_needs_keys_can_still_be_minded_by_its_owner(
    home: Home, table_bundle: Bundle, table_rows: Rows
) -> None:
    target = Local(home, Local.Options(keys=True))
    url = target.deploy(table_bundle).url
    try:
        assert httpx.post(f"{url}/predict", json=table_rows[0][0]).status_code == 401
        _, key = ApiKeys(home).issue("acme")
        assert asked(url, key, table_rows[0][0]).status_code == 200
        assert target.deploy(table_bundle).url == url
    finally:
        target.stop("tumour")


@pytest.mark.slow
def test_a_service_answers_with_the_certificate_that_it_is_given(tmp_path: Path, home: Home) -> None:
    certificate, key = self_signed(tmp_path)
    command = [sys.executable, "-m", "sixfold", "serve", str(written(tmp_path)[0]), "--tls", certificate, key]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = next(word for word in process.stdout.readline().split() if word.startswith("https://"))
        assert httpx.get(f"{url}/v2/health/ready", verify=certificate).json() == {"ready": True}
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def self_signed(folder: Path) -> tuple[str, str]:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    import ipaddress

    place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(place, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    clear = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths[1].write_bytes(private.private_bytes(serialization.Encoding.PEM, *clear))
    return str(paths[0]), str(paths[1])
