"""Class folders, and archives of them, honest and hostile."""

from __future__ import annotations

import bz2
import gzip
import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from sixfold.errors import SourceError
from sixfold.progress import Note
from sixfold.sources import _archives, look, source_of


def read(place: str, base: Path) -> pl.DataFrame:
    return pl.concat(source_of(place, {}, base).frames())


def code(place: str, base: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read(place, base)
    assert caught.value.says("zh")
    assert caught.value.mend("en")
    return caught.value.slug


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """60 real digits in class folders, with what file managers leave behind."""
    data = load_digits()
    root = tmp_path / "digits"
    for number in range(60):
        folder = root / str(data.target[number])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((data.images[number] * 15).astype("uint8")).save(folder / f"img{number}.png")
    (root / "3" / ".DS_Store").write_bytes(b"x")
    (root / "3" / "Thumbs.db").write_bytes(b"x")
    (root / "README.txt").write_text("digits")
    return root


def test_class_folders_are_pictures_and_classes_in_natural_order(digits: Path) -> None:
    events: list[object] = []
    source = source_of("digits", {}, digits.parent, events.append)
    frame = pl.concat(source.frames())
    assert source.roles == ("image", "class")
    assert (frame.height, frame["class"].n_unique(), source.count()) == (60, 10, 60)
    assert frame["class"].to_list() == sorted(frame["class"].to_list())
    numbers = [int(path[5:-4]) for path in frame.filter(pl.col("class") == "0")["__path__"]]
    assert numbers == sorted(numbers)
    assert Image.open(io.BytesIO(frame["image"][0])).size == (8, 8)
    skipped = next(event for event in events if isinstance(event, Note) and event.key == "collect.skipped")
    assert skipped.values["count"] == 3


def test_folders_named_after_splits_are_the_official_split(digits: Path) -> None:
    shutil.copytree(digits, digits.parent / "both" / "train")
    shutil.copytree(digits, digits.parent / "both" / "val")
    shutil.copytree(digits, digits.parent / "both" / "测试集")
    frame = read("both", digits.parent)
    assert dict(frame["__split__"].value_counts().rows()) == {"train": 60, "validation": 60, "test": 60}
    assert frame["class"].n_unique() == 10


def test_classes_called_train_and_plane_are_classes(digits: Path) -> None:
    (digits / "1").rename(digits / "train")
    (digits / "2").rename(digits / "plane")
    assert {"train", "plane"} < set(read("digits", digits.parent)["class"])


def test_a_changed_folder_has_another_fingerprint(digits: Path) -> None:
    source = source_of("digits", {}, digits.parent)
    before = source.fingerprint()
    assert source.fingerprint() == before
    (digits / "1" / "new.png").write_bytes(b"not yet a picture")
    assert source_of("digits", {}, digits.parent).fingerprint() != before
    assert read("digits", digits.parent).height == 61  # an unreadable picture is for `prepare` to tell


def pack(folder: Path, to: Path) -> Path:
    if to.suffix == ".zip":
        with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder.parent))
        return to
    mode = {".tar": "w", ".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}[to.suffix]
    with tarfile.open(to, mode) as archive:  # type: ignore[call-overload]
        archive.add(folder, arcname="./" + folder.name)
    return to


@pytest.mark.parametrize("name", ["d.zip", "d.tar", "d.tar.gz", "d.tar.bz2", "d.tar.xz"])
def test_an_archive_gives_what_the_folder_gives(digits: Path, name: str) -> None:
    pack(digits, digits.parent / name)
    found = read(name, digits.parent).sort("image")
    expected = read("digits", digits.parent).sort("image")
    assert found.select("image", "class").equals(expected.select("image", "class"))


def test_an_archive_of_one_table_is_a_table(tmp_path: Path) -> None:
    table = b"a,b\n1,x\n2,y\n"
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("folder/data.csv", table)
        archive.writestr("folder/README.md", "about")
        archive.writestr("folder/inner.zip", "PK")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(table))
    (tmp_path / "t.csv.bz2").write_bytes(bz2.compress(table))
    for name in ("t.zip", "t.csv.gz", "t.csv.bz2"):
        assert read(name, tmp_path).rows() == [(1, "x"), (2, "y")]


def test_names_in_gbk_are_read_as_chinese(digits: Path) -> None:
    picture = next((digits / "1").iterdir()).read_bytes()
    path = zip_of_windows(digits.parent / "g.zip", picture)
    assert set(read(path.name, digits.parent)["class"]) == {"猫", "狗"}


def zip_of_windows(path: Path, picture: bytes) -> Path:
    """As Chinese Windows writes it: GBK bytes where the format says CP437."""

    class Plain(zipfile.ZipInfo):
        def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 — zipfile's name
            return self.filename.encode("gbk"), 0

    with zipfile.ZipFile(path, "w") as archive:
        for label in ("猫", "狗"):
            archive.writestr(Plain(f"{label}/1.png"), picture)
    return path


def hostile_zip(name: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/1.png", b"x")
            archive.writestr(name, b"x")

    return write


def zip_with_link(path: Path) -> None:
    link = zipfile.ZipInfo("a/2.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")


def zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.png", bytes(64 << 20))


def zip_with_overlap(path: Path) -> None:
    import random

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/1.png", random.Random(0).randbytes(10_000))
        first = archive.infolist()[0]
        for number in range(2, 20):
            twin = zipfile.ZipInfo(f"a/{number}.png")
            twin.header_offset, twin.CRC = first.header_offset, first.CRC
            twin.file_size = twin.compress_size = first.file_size
            archive.filelist.append(twin)
        archive._didModify = True  # type: ignore[attr-defined]


def encrypted_zip(path: Path) -> None:
    hostile_zip("a/2.png")(path)
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(magic)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(magic, at + 4)
    path.write_bytes(data)


def broken_zip(path: Path) -> None:
    hostile_zip("a/2.png")(path)
    path.write_bytes(path.read_bytes()[:40])


def changed_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/1.png", b"the bytes of a picture")
    path.write_bytes(path.read_bytes().replace(b"the bytes", b"two bytes"))


def hostile_tar(member: tarfile.TarInfo, size: int = 0, mode: str = "w") -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
            member.size = size
            archive.addfile(member, io.BytesIO(bytes(size)))

    return write


def tar_link(kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo("a/1.png")
    member.type, member.linkname = kind, "/etc/passwd"
    return member


def tar_with_vast_header(path: Path) -> None:
    """A PAX header of 300 MiB: read whole it would fill the memory."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 300 << 20
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(header.tobuf(tarfile.USTAR_FORMAT))
        stream.write(bytes(1 << 20))


HOSTILE: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "zip slip": ("h.zip", hostile_zip("../../evil.png"), "zip_slip"),
    "zip slip with backslashes": ("h.zip", hostile_zip("a\\..\\..\\evil.png"), "zip_slip"),
    "absolute": ("h.zip", hostile_zip("/etc/evil.png"), "absolute_member"),
    "drive": ("h.zip", hostile_zip("C:/evil.png"), "absolute_member"),
    "link": ("h.zip", zip_with_link, "link_member"),
    "bomb": ("h.zip", zip_bomb, "zip_bomb"),
    "overlap": ("h.zip", zip_with_overlap, "zip_bomb"),
    "encrypted": ("h.zip", encrypted_zip, "encrypted_member"),
    "cut off": ("h.zip", broken_zip, "damaged_archive"),
    "changed": ("h.zip", changed_zip, "damaged_member"),
    "tar slip": ("h.tar", hostile_tar(tarfile.TarInfo("../evil.png"), 1), "zip_slip"),
    "tar absolute": ("h.tar", hostile_tar(tarfile.TarInfo("/evil.png"), 1), "absolute_member"),
    "tar symlink": ("h.tar", hostile_tar(tar_link(tarfile.SYMTYPE)), "link_member"),
    "tar hard link": ("h.tar", hostile_tar(tar_link(tarfile.LNKTYPE)), "link_member"),
    "tar device": ("h.tar", hostile_tar(tar_link(tarfile.CHRTYPE)), "link_member"),
    "tar bomb": ("h.tar.gz", hostile_tar(tarfile.TarInfo("a/1.png"), 64 << 20, "w:gz"), "zip_bomb"),
    "tar header bomb": ("h.tar.gz", tar_with_vast_header, "zip_bomb"),
}


@pytest.mark.parametrize("trick", HOSTILE)
def test_a_hostile_archive_is_refused_by_name(tmp_path: Path, trick: str) -> None:
    name, write, slug = HOSTILE[trick]
    write(tmp_path / name)
    assert code(name, tmp_path) == slug
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["m.zip", "m.tar"])
def test_too_many_members_are_refused(digits: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(digits, digits.parent / name)
    monkeypatch.setattr(_archives, "MOST_MEMBERS", 50)
    assert code(name, digits.parent) == "too_many_members"


def test_a_bomb_of_one_compressed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(bytes(64 << 20)))
    assert code("t.csv.gz", tmp_path) == "zip_bomb"


def test_a_cut_tar_is_damaged(digits: Path) -> None:
    whole = pack(digits, digits.parent / "d.tar.gz").read_bytes()
    (digits.parent / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    assert code("cut.tar.gz", digits.parent) in ("damaged_archive", "damaged_member")


def test_places_without_rows_say_what_is_missing(tmp_path: Path) -> None:
    for name in ("empty", "flat", "mixed/train/a", "mixed/b/c", "tables"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "flat" / "1.png").write_bytes(b"x")
    (tmp_path / "mixed/train/a/1.png").write_bytes(b"x")
    (tmp_path / "mixed/b/c/1.png").write_bytes(b"x")
    for name in ("one", "two"):
        (tmp_path / "tables" / f"{name}.csv").write_text("a,b\n1,2\n")
    assert code("empty", tmp_path) == "nothing_inside"
    assert code("flat", tmp_path) == "no_classes"
    assert code("mixed", tmp_path) == "mixed_folders"
    assert code("tables", tmp_path) == "several_tables"


def test_a_first_look_at_class_folders_names_the_classes(digits: Path) -> None:
    seen = look("digits", digits.parent)
    assert (seen.kind, seen.roles, seen.rows) == ("folder", ("image", "class"), 60)
    assert seen.columns[1].values == tuple("0123456789")


def test_real_archives_have_their_published_counts(shared_data: Path) -> None:
    frame = read("sign_digits.zip", shared_data)
    assert (frame.height, sorted(frame["class"].unique())) == (2_062, list("0123456789"))
    seen = look("fashion_mnist.zip", shared_data)
    assert (seen.rows, seen.splits, len(seen.columns[1].values)) == (70_000, ("train", "test"), 10)
