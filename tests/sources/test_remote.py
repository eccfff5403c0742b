"""Object stores and the Hugging Face Hub, against small servers of their languages on this machine."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
from collections.abc import Iterator
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import numpy as np
import polars as pl
import pytest
from answering import certified, served
from PIL import Image

from sixfold.errors import SourceError
from sixfold.sources import source_of


def read(place: str, **options: Any) -> pl.DataFrame:
    return pl.concat(source_of(place, {"allow_private": True, **options}).frames())


def fault(place: str, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        list(source_of(place, options).frames())
    assert caught.value.mend()
    return caught.value


def picture(shade: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((4, 4), shade, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


FILES = {
    "rows.csv": b"a,b\n1,x\n2,y\n",
    "many/part_train.csv": b"a,b\n1,x\n",
    "many/part_test.csv": b"a,b\n2,y\n",
    "photos/cats/1 ä.png": picture(1),
    "photos/dogs/1.png": picture(2),
}


class _Silent(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


class _Store(_Silent):
    """Objects and lists as S3 answers, which Google's store does as well; ``/<bucket>/<key>``."""

    keys: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        self.keys.add(self.headers.get("Authorization", ""))
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        asked = parse_qs(parts.query)
        if bucket == "closed" and "Credential=shop-key" not in self.headers.get("Authorization", ""):
            self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        elif "list-type" in asked:
            prefix = asked.get("prefix", [""])[0]
            found = "".join(
                f"<Contents><Key>{escape(name)}</Key><Size>{len(data)}</Size><ETag>&quot;{tag(data)}&quot;</ETag>"
                "<LastModified>2025-01-01T00:00:00.000Z</LastModified></Contents>"
                for name, data in sorted(FILES.items())
                if name.startswith(prefix)
            )
            self.answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode())
        elif key in FILES:
            moment = format_datetime(dt.datetime(2025, 1, 1, tzinfo=dt.UTC), usegmt=True)
            self.answer(200, FILES[key], ETag=f'"{tag(FILES[key])}"', Last_Modified=moment)
        else:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    do_HEAD = do_GET  # noqa: N815


def tag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    _Store.keys.clear()
    with served(_Store) as address:
        yield address


def test_a_file_of_a_bucket_is_read(store: str) -> None:
    source = source_of("s3://open/rows.csv", {"endpoint": store, "allow_private": True})
    assert pl.concat(source.frames()).rows() == [(1, "x"), (2, "y")]
    provenance = source.provenance()
    assert (provenance.kind, provenance.place, provenance.bytes) == ("bucket", "s3://open/rows.csv", 12)
    assert provenance.digest == hashlib.sha256(FILES["rows.csv"]).hexdigest()
    assert _Store.keys == {""}


def test_patterns_and_folders_of_a_bucket_are_several_files(store: str) -> None:
    assert read("s3://open/many/part_*.csv", endpoint=store).rows() == [(1, "x", "train"), (2, "y", "test")]
    frame = read("s3://open/photos/", endpoint=store)
    assert frame.select("image", "class").rows() == [(picture(1), "cats"), (picture(2), "dogs")]
    assert read("s3://open/#many/part_test.csv", endpoint=store).rows() == [(2, "y")]


def test_a_changed_object_has_another_fingerprint(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fingerprints() -> list[str]:
        places = ("s3://open/rows.csv", "s3://open/many/")
        return [source_of(place, {"endpoint": store, "allow_private": True}).fingerprint() for place in places]

    before = fingerprints()
    assert fingerprints() == before
    monkeypatch.setitem(FILES, "rows.csv", b"a,b\n1,x\n2,z\n")
    monkeypatch.setitem(FILES, "many/part_test.csv", b"a,b\n3,z\n")
    assert all(old != new for old, new in zip(before, fingerprints(), strict=True))


def test_who_asks_is_said_by_the_environment(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fault("s3://closed/rows.csv", endpoint=store, allow_private=True).slug == "download_failed"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "shop-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush-hush")
    monkeypatch.setenv("AWS_ENDPOINT_URL", store)
    assert read("s3://closed/rows.csv").height == 2
    assert not any("hush" in key for key in _Store.keys)
    error = fault("s3://closed/nothing.csv", allow_private=True)
    assert error.slug == "download_failed"
    assert "hush" not in str(error)


def test_stores_of_google_and_azure_are_read(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    account = {
        "gcs_base_url": store,
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(account))
    assert read("gs://open/rows.csv").height == 2
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "shop")
    assert read("az://open/rows.csv", endpoint=store).height == 2


@pytest.mark.parametrize(
    ("endpoint", "slug"),
    [
        ("https://127.0.0.1:9", "private_address"),
        ("https://169.254.169.254/latest", "private_address"),
        ("https://[::1]:9", "private_address"),
        ("http://example.org", "not_https"),
        ("file:///etc", "not_https"),
        ("https://ann:hush@example.org", "url_with_password"),
    ],
)
def test_endpoints_that_are_not_public_are_refused(endpoint: str, slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fault("s3://open/rows.csv", endpoint=endpoint).slug == slug
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert fault("s3://open/rows.csv").slug == slug


def test_places_that_mean_nothing_are_told(store: str) -> None:
    assert fault("s3://open").slug == "bad_bucket_place"
    assert fault("s3://key:secret@open/rows.csv").slug == "bad_bucket_place"
    assert fault("s3://open/nothing/*.csv", endpoint=store, allow_private=True).slug == "download_failed"
    assert fault("hf://models/a/b").slug == "bad_hub_place"


# The Hugging Face Hub


class _Hub(_Silent):
    """The two addresses of the hub that are asked, and the storage that it redirects to."""

    storage: ClassVar[str] = ""
    told: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        if path.startswith("/storage/"):
            self.told.append(self.headers.get("Authorization", ""))
            self.answer(200, FILES[path.removeprefix("/storage/")], ETag='"1"')
        elif self.headers.get("Authorization") != "Bearer hf_hush":
            self.answer(401)
        elif path.startswith("/datasets/me/set/resolve/v1/"):
            name = path.removeprefix("/datasets/me/set/resolve/v1/")
            if name in FILES:
                self.answer(302, Location=f"{self.storage}/storage/{name.replace(' ', '%20')}")
            else:
                self.answer(404)
        elif path.startswith("/api/datasets/me/set/tree/v1"):
            within = path.removeprefix("/api/datasets/me/set/tree/v1").lstrip("/")
            names = [name for name in FILES if name.startswith(within)]
            page = int(parse_qs(parts.query).get("page", ["0"])[0])
            after = {"Link": f'<https://{self.headers["Host"]}{path}?page={page + 1}>; rel="next"'}
            entry = {"type": "file", "path": names[page], "size": 1, "oid": tag(FILES[names[page]])}
            folder = {"type": "directory", "path": within}
            self.answer(200, json.dumps([folder, entry]).encode(), **(after if page + 1 < len(names) else {}))
        else:
            self.answer(404)

    do_HEAD = do_GET  # noqa: N815


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    tls = certified(tmp_path, monkeypatch)
    monkeypatch.setenv("HF_TOKEN", "hf_hush")
    _Hub.told.clear()
    with served(_Hub, tls) as address, served(_Hub, tls) as storage:
        monkeypatch.setattr(_Hub, "storage", storage)
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield


def test_a_data_set_of_the_hub_is_read(hub: None) -> None:
    assert read("hf://datasets/me/set@v1/rows.csv").rows() == [(1, "x"), (2, "y")]
    assert read("hf://datasets/me/set@v1/many/*.csv").rows() == [(1, "x", "train"), (2, "y", "test")]
    assert read("hf://datasets/me/set@v1/photos")["class"].to_list() == ["cats", "dogs"]
    source = source_of("hf://datasets/me/set@v1/many/*.csv", {"allow_private": True})
    assert (
        source.fingerprint() == source_of("hf://datasets/me/set@v1/many/*.csv", {"allow_private": True}).fingerprint()
    )
    assert source_of("hf://datasets/me/set@v1/rows.csv", {"allow_private": True}).fingerprint()


def test_the_token_goes_to_the_hub_alone(hub: None, monkeypatch: pytest.MonkeyPatch) -> None:
    read("hf://datasets/me/set@v1/rows.csv")
    assert set(_Hub.told) == {""}
    monkeypatch.delenv("HF_TOKEN")
    assert fault("hf://datasets/me/set@v1/rows.csv", allow_private=True).slug == "download_failed"


def test_a_hub_on_a_private_address_is_refused(hub: None) -> None:
    assert fault("hf://datasets/me/set@v1/rows.csv").slug == "private_address"
