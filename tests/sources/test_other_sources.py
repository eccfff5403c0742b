"""Arrays, embedded data, rows in memory, addresses, several places; and what every kind of source owes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pytest
from answering import certified, served
from PIL import Image

from sixfold.errors import ProductError, SourceError
from sixfold.families import find, names
from sixfold.sources import Source, look, source_of
from sixfold.sources._remote import checked_address


def read(data: Any, base: Path | None = None, **options: Any) -> pl.DataFrame:
    return pl.concat(source_of(data, options, base).frames())


def code(data: Any, base: Path | None = None, **options: Any) -> str:
    with pytest.raises(SourceError) as caught:
        read(data, base, **options)
    assert caught.value.says("zh")
    assert caught.value.mend("en")
    return caught.value.slug


@pytest.mark.parametrize("name", names(Source))  # type: ignore[type-abstract]
def test_every_kind_says_what_it_is_and_claims_nothing_absurd(name: str, tmp_path: Path) -> None:
    kind = find(Source, name)  # type: ignore[type-abstract]
    assert kind.title.en
    assert kind.title.zh
    assert kind.Options().model_dump() is not None
    assert not kind.claims("no such place", tmp_path)


def test_a_place_that_is_not_there_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "digits.zip").write_bytes(b"")
    with pytest.raises(SourceError) as caught:
        source_of("digit.zip", {}, tmp_path)
    assert (caught.value.code, caught.value.values["guess"]) == ("source.not_found", "digits.zip")
    (tmp_path / "song.mp3").write_bytes(b"ID3\0\0")
    with pytest.raises(SourceError) as caught:
        source_of("song.mp3", {}, tmp_path)
    assert caught.value.code == "source.no_source"


def test_the_sha256_of_a_file_is_held(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    right = hashlib.sha256((tmp_path / "a.csv").read_bytes()).hexdigest()
    source = source_of("a.csv", {}, tmp_path, sha256=right.upper())
    list(source.frames())
    assert source.provenance().digest == right
    with pytest.raises(SourceError) as caught:
        list(source_of("a.csv", {}, tmp_path, sha256="0" * 64).frames())
    assert (caught.value.code, caught.value.received) == ("source.sha256_differs", right)


# Arrays


def test_medical_arrays_become_pictures_with_their_split(shared_data: Path) -> None:
    source = source_of("pneumonia_mnist.npz", {}, shared_data)
    frame = pl.concat(source.frames())
    assert source.roles == ("image", "class")
    assert dict(frame["__split__"].value_counts().rows()) == {"train": 4_708, "validation": 524, "test": 624}
    with np.load(shared_data / "pneumonia_mnist.npz", allow_pickle=False) as arrays:
        assert (np.asarray(Image.open(io.BytesIO(frame["image"][7]))) == arrays["train_images"][7]).all()
        assert frame["class"].to_list()[:4708] == arrays["train_labels"].reshape(-1).tolist()


def test_plain_arrays_are_pictures_or_a_table(tmp_path: Path) -> None:
    labels = np.array([0, 1, 1])
    np.savez(tmp_path / "t.npz", x=np.arange(6.0).reshape(3, 2), y=labels)
    assert read("t.npz", tmp_path).columns == ["x_1", "x_2", "y"]
    np.savez(
        tmp_path / "p.npz", x_train=np.ones((3, 4, 4, 3)), y_train=labels, x_test=np.zeros((3, 4, 4, 3)), y_test=labels
    )
    frame = read("p.npz", tmp_path)
    assert np.asarray(Image.open(io.BytesIO(frame["image"][0]))).max() == 255


def test_arrays_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "o.npz", x=np.array([{}, {}], dtype=object), y=np.arange(2))
    np.savez(tmp_path / "n.npz", what=np.arange(3))
    np.savez(tmp_path / "s.npz", x=np.zeros((3, 2)), y=np.arange(4))
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 junk")
    assert [code(f"{name}.npz", tmp_path) for name in "onsb"] == [
        "bad_arrays",
        "unclear_arrays",
        "bad_arrays",
        "damaged_archive",
    ]


# scikit-learn


def test_the_digits_are_pictures_and_the_others_tables_with_class_names() -> None:
    source = source_of("sklearn:digits")
    frame = pl.concat(source.frames())
    assert (frame.height, source.roles, frame["class"].n_unique()) == (1_797, ("image", "class"), 10)
    assert Image.open(io.BytesIO(frame["image"][0])).getextrema() == (0, 239)
    assert set(read("sklearn:iris")["target"]) == {"setosa", "versicolor", "virginica"}
    assert set(read("sklearn:breast_cancer")["target"]) == {"malignant", "benign"}
    assert read("sklearn:wine").height == 178
    assert read("sklearn:diabetes")["target"].dtype == pl.Float64
    assert source.provenance().licence == "CC BY 4.0"
    assert code("sklearn:olivetti") == "no_data_set"


def test_a_first_look_at_embedded_pictures(tmp_path: Path) -> None:
    seen = look("sklearn:digits", tmp_path)
    assert (seen.rows, seen.roles, seen.columns[1].distinct) == (1_797, ("image", "class"), 10)


# Rows in memory


def test_frames_and_lists_give_the_same_rows() -> None:
    rows = [{"a": 1, "b": "x", "c": None}, {"a": 2, "b": None, "c": 1.5}]
    expected = pl.DataFrame(rows, schema={"a": pl.Int64, "b": pl.String, "c": pl.Float64})
    for data in (rows, expected, expected.lazy(), pd.DataFrame(rows)):
        assert read(data).equals(expected)


def test_pictures_in_memory_become_bytes() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    frame = read([{"p": pixels}, {"p": Image.fromarray(pixels)}, {"p": b"raw"}])
    assert frame["p"].dtype == pl.Binary
    assert (np.asarray(Image.open(io.BytesIO(frame["p"][1]))) == pixels).all()


def test_the_fingerprint_of_rows_in_memory_is_their_content() -> None:
    one, same, other = ([{"a": 1}, {"a": last}] for last in (2, 2, 3))
    assert source_of(one).fingerprint() == source_of(same).fingerprint() != source_of(other).fingerprint()


def test_rows_that_are_none_are_refused() -> None:
    assert code([]) == "no_rows"
    assert code(pl.DataFrame()) == "no_rows"
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert code(twice) == "duplicate_columns"


# Several places


def test_each_split_may_have_a_place_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("a,b\n1,x\n")
    pl.DataFrame({"a": [2], "b": ["y"]}).write_parquet(tmp_path / "two.parquet")
    data = {"test": "two.parquet", "train": "one.csv"}
    source = source_of(data, {}, tmp_path)
    assert pl.concat(source.frames()).rows() == [(1, "x", "train"), (2, "y", "test")]
    assert set(source.provenance().detected) == {"train", "test"}
    with pytest.raises(SourceError) as caught:
        list(source_of({"train": "one.csv", "test": "sklearn:digits"}, {}, tmp_path).frames())
    assert caught.value.code == "source.parts_differ"


# Addresses


class _Files(BaseHTTPRequestHandler):
    files: ClassVar[dict[str, bytes]] = {"/data/t.csv": b"a,b\n1,x\n2,y\n"}
    gets: ClassVar[int] = 0

    def do_GET(self) -> None:
        type(self).gets += self.command == "GET"
        moved = {"/moved": "/data/t.csv?key=secret", "/plain": "http://example.org/t.csv", "/round": "/round"}
        if self.path in moved:
            self.send_response(302)
            self.send_header("Location", moved[self.path])
            self.end_headers()
            return
        content = self.files.get(self.path.partition("?")[0])
        self.send_response(404 if content is None else 200)
        length = 100 if self.path.endswith("?cut") else len(content or b"")
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", '"1"')
        self.end_headers()
        if content is not None and self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real https server on this machine, whose certificate is trusted for the length of the test."""
    with served(_Files, certified(tmp_path, monkeypatch)) as address:
        yield address


def test_a_table_is_downloaded_over_https_and_read(server: str) -> None:
    source = source_of(f"{server}/data/t.csv", {"allow_private": True})
    assert source.fingerprint() == source_of(f"{server}/data/t.csv", {"allow_private": True}).fingerprint()
    assert pl.concat(source.frames()).rows() == [(1, "x"), (2, "y")]
    provenance = source.provenance()
    assert (provenance.kind, provenance.bytes) == ("url", 12)
    assert provenance.digest == hashlib.sha256(_Files.files["/data/t.csv"]).hexdigest()
    assert read(f"{server}/moved", allow_private=True, delimiter=",").height == 2


def test_with_its_sha256_a_file_is_known_without_asking(server: str) -> None:
    digest = hashlib.sha256(_Files.files["/data/t.csv"]).hexdigest()
    before = _Files.gets
    source = source_of(f"{server}/data/t.csv", {"allow_private": True}, sha256=digest)
    assert source.fingerprint() == digest
    assert _Files.gets == before
    wrong = source_of(f"{server}/data/t.csv", {"allow_private": True}, sha256="0" * 64)
    with pytest.raises(SourceError) as caught:
        list(wrong.frames())
    assert caught.value.code == "source.sha256_differs"


def test_downloads_that_fail_say_why(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert code(f"{server}/nothing.csv", allow_private=True) == "download_failed"
    assert code(f"{server}/round", allow_private=True) == "download_failed"
    assert code(f"{server}/data/t.csv?cut", allow_private=True) == "download_failed"
    assert code(f"{server}/plain", allow_private=True) == "not_https"
    assert code(f"{server}/data/t.csv") == "private_address"
    monkeypatch.delenv("SSL_CERT_FILE")
    assert code(f"{server}/data/t.csv", allow_private=True) == "download_failed"
    assert code("http://example.org/t.csv") == "not_https"
    assert code("ftp://host/t.csv") == "not_https"
    assert code("https://me:secret@example.org/t.csv") == "url_with_password"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "::1", "fe80::1", "::ffff:10.0.0.1", "0.0.0.0"]
)
def test_private_addresses_are_refused(host: str) -> None:
    with pytest.raises(SourceError) as caught:
        checked_address(host, 443, allow_private=False)
    assert caught.value.code == "source.private_address"


def test_an_option_of_another_kind_is_unknown() -> None:
    with pytest.raises(ProductError) as caught:
        source_of("sklearn:iris", {"delimiter": ";"})
    assert caught.value.code == "product.unknown_key"
