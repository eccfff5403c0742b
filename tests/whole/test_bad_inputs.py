"""A table of bad inputs: each gives its own error, the mend, the right exit code; nothing half-made, no traceback."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("polars")

from PIL import Image

from sixfold.cli import main

TABLE = {"age": "number", "city": "category"}
ROWS = "age,city,sick\n" + "".join(f"{20 + i % 50},{'ab'[i % 2]},{'yes' if i % 3 else 'no'}\n" for i in range(120))


@dataclass
class Case:
    """One bad input: what lies in the folder, what product.yaml says, and the error that it must give."""

    code: str
    files: Callable[[Path], None] = lambda folder: None
    product: str = ""
    command: tuple[str, ...] = ("run", "product.yaml", "--until", "prepare")
    exit_code: int = 2
    environment: Callable[[Path], dict[str, str]] = lambda folder: {}


def table(text: str | bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "data.csv").write_bytes(text if isinstance(text, bytes) else text.encode())

    return write


def declared(
    data: str = "data.csv", more: str = "", given: str = "{age: number}", predict: str = "{sick: yes_no}"
) -> str:
    return f"name: bad\ndata: {data}\ngiven: {given}\npredict: {predict}\n{more}"


def picture(side: int = 12, seed: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def class_folders(folder: Path, spoil: Callable[[bytes], bytes] = lambda data: data, each: int = 30) -> None:
    for name in ("cat", "dog"):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(each):
            data = picture(seed=number + (1000 if name == "cat" else 0))
            (folder / "photos" / name / f"{number}.png").write_bytes(spoil(data))


def masked(mask: Callable[[int], np.ndarray], photo_side: int = 12) -> Callable[[Path], None]:
    """Pictures of so many pixels a side, each with a mask."""

    def write(folder: Path) -> None:
        for name in ("images", "masks"):
            (folder / "photos" / name).mkdir(parents=True)
        for number in range(12):
            (folder / "photos" / "images" / f"{number}.png").write_bytes(picture(photo_side, number))
            stream = io.BytesIO()
            Image.fromarray(mask(number)).save(stream, "PNG")
            (folder / "photos" / "masks" / f"{number}.png").write_bytes(stream.getvalue())

    return write


def boxed(box: str, photo: Callable[[int], bytes] = lambda number: picture(12, number)) -> Callable[[Path], None]:
    """Pictures of 12 pixels a side and a table that names them, each with one box."""

    def write(folder: Path) -> None:
        (folder / "photos").mkdir()
        (folder / "photos" / "data.csv").write_text(
            "photo,cells\n"
            + "".join(f'{number}.png,"[{box}]"\n'.replace("NUMBER", str(number % 5)) for number in range(12)),
            "utf-8",
        )
        for number in range(12):
            (folder / "photos" / f"{number}.png").write_bytes(photo(number))

    return write


def huge(number: int) -> bytes:
    """A picture whose header promises 20,000 × 20,000 pixels."""
    data = bytearray(picture(12, number))
    data[16:24] = (20_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


BOX = '{""label"": ""a"", ""x"": %s, ""y"": NUMBER, ""width"": 4, ""height"": 4}'
BOXES = {"given": "{photo: image}", "predict": "{cells: boxes}"}
MASKS = {"given": "{photo: image}", "predict": "{scene: {kind: mask, classes: [a, b]}}"}

PHOTOS = {"given": "{photo: image}", "predict": "{animal: category}"}


def zipped(members: dict[str, bytes], *, deflated: bool = False) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        with zipfile.ZipFile(
            folder / "photos.zip", "w", zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
        ) as archive:
            for name, data in members.items():
                archive.writestr(name, data)

    return write


def tarred(make: Callable[[], tarfile.TarInfo]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        with tarfile.open(folder / "photos.tar.gz", "w:gz") as archive:
            archive.addfile(make(), io.BytesIO(b""))

    return write


def link() -> tarfile.TarInfo:
    info = tarfile.TarInfo("cat/1.png")
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


def with_pickle(folder: Path) -> None:
    np.savez(folder / "data.npz", train_images=np.array([{"a": 1}], dtype=object), train_labels=np.array([0]))


def small_disk(folder: Path) -> dict[str, str]:
    place = folder / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("a disk to fill cannot be mounted by this user")
    return {"SIXFOLD_HOME": str(place / "home")}


CASES = {
    "no product file": Case("product.no_file", command=("run", "nowhere.yaml")),
    "not YAML": Case("product.not_yaml", product="name: [\n"),
    "a list instead of keys": Case("product.not_a_mapping", product="- a\n"),
    "an unknown key": Case("product.unknown_key", product=declared(more="prepair: {}\n")),
    "an unknown option of a kind": Case(
        "product.unknown_key", product=declared(given="{age: {kind: number, unit: y}}")
    ),
    "an unknown kind": Case("product.unknown_kind", product=declared(given="{age: nmber}")),
    "an unknown network": Case("product.unknown_kind", product=declared(more="train: {network: cnm}\n")),
    "two targets": Case("product.one_target", product=declared(predict="{sick: yes_no, city: category}")),
    "the target among the given": Case("product.target_given", product=declared(given="{sick: number}")),
    "a split that leaves nothing": Case("product.bad_value", product=declared(more="prepare: {split: {test: 1}}\n")),
    "code that is not there": Case(
        "product.no_code", table(ROWS), declared(more="train: {keras: 'mine:build'}\n"), command=("run", "product.yaml")
    ),
    "data that is not there": Case("source.not_found", product=declared()),
    "an empty file": Case("source.empty_file", table(""), declared()),
    "only a header": Case("source.no_rows", table("age,sick\n"), declared()),
    "binary junk as a table": Case("source.binary_file", table(bytes(range(256)) * 40), declared()),
    "the wrong encoding said": Case(
        "source.wrong_encoding",
        table("age,sick\n1,是\n".encode("gb18030") * 20),
        declared(more="collect: {encoding: utf-8}\n"),
    ),
    "ragged rows": Case("source.ragged_row", table("age,sick\n1,yes\n2,no,3,4,5\n" + "3,yes\n" * 50), declared()),
    "duplicate column names": Case("source.duplicate_columns", table("age,age,sick\n1,2,yes\n" * 1), declared()),
    "100 000 columns": Case(
        "source.too_many_columns",
        table(",".join(f"c{i}" for i in range(100_000)) + "\n" + ",".join("1" * 100_000) + "\n"),
        declared(),
    ),
    "a given column that is missing": Case("source.no_column", table(ROWS), declared(given="{aeg: number}")),
    "the target missing": Case("source.no_column", table(ROWS), declared(predict="{ill: yes_no}")),
    "a group column that is missing": Case(
        "source.no_column", table(ROWS), declared(more="prepare: {split: {group: family}}\n")
    ),
    "a target without any value": Case(
        "data.target_missing", table("age,sick\n" + "".join(f"{i},\n" for i in range(60))), declared()
    ),
    "one class only": Case(
        "data.one_class",
        table("age,sick\n" + "".join(f"{i},yes\n" for i in range(60))),
        declared(predict="{sick: category}"),
    ),
    "no class with enough rows": Case(
        "data.classes_too_small",
        table("age,sick\n" + "".join(f"{i},c{i}\n" for i in range(40))),
        declared(predict="{sick: category}"),
    ),
    "text in a number column": Case(
        "data.bad_values",
        table("age,sick\n" + "".join(f"{'old' if i % 2 else i},{'yes' if i % 3 else 'no'}\n" for i in range(90))),
        declared(),
    ),
    "a value that means yes but is not there": Case(
        "data.bad_column",
        table(ROWS),
        declared(predict="{sick: {kind: yes_no, yes: maybe}}"),
    ),
    "an empty folder": Case(
        "source.nothing_inside", lambda folder: (folder / "photos").mkdir(), declared("photos", **PHOTOS)
    ),
    "every picture truncated": Case(
        "data.unreadable_images",
        lambda folder: class_folders(folder, lambda data: data[:60]),
        declared("photos", **PHOTOS),
    ),
    "zip slip": Case(
        "source.zip_slip",
        zipped({"cat/1.png": picture(), "../../evil.png": picture()}),
        declared("photos.zip", **PHOTOS),
    ),
    "an absolute path in an archive": Case(
        "source.absolute_member",
        zipped({"cat/1.png": picture(), "/etc/evil.png": picture()}),
        declared("photos.zip", **PHOTOS),
    ),
    "a zip bomb": Case(
        "source.zip_bomb",
        zipped({"cat/1.png": b"\0" * 300_000_000, "dog/1.png": picture()}, deflated=True),
        declared("photos.zip", **PHOTOS),
    ),
    "a link in an archive": Case("source.link_member", tarred(link), declared("photos.tar.gz", **PHOTOS)),
    "a broken archive": Case(
        "source.damaged_archive",
        lambda folder: (folder / "photos.zip").write_bytes(b"PK\x03\x04 nothing else"),
        declared("photos.zip", **PHOTOS),
    ),
    "pickled objects in .npz": Case("source.bad_arrays", with_pickle, declared("data.npz", **PHOTOS)),
    "a broken Parquet file": Case(
        "source.unreadable_table",
        lambda folder: (folder / "data.parquet").write_bytes(b"PAR1 nothing PAR1"),
        declared("data.parquet"),
    ),
    "a broken Excel file": Case(
        "source.unreadable_table",
        lambda folder: (folder / "data.xlsx").write_bytes(b"PK\x03\x04 nothing"),
        declared("data.xlsx"),
    ),
    "broken JSON Lines": Case(
        "source.bad_json",
        lambda folder: (folder / "data.jsonl").write_text('{"age": 1, "sick": "yes"}\n{"age": 2, "si\n'),
        declared("data.jsonl"),
    ),
    "an unencrypted address": Case("source.not_https", product=declared("http://example.org/data.csv")),
    "a private address": Case("source.private_address", product=declared("https://127.0.0.1/data.csv")),
    "the metadata address of a cloud": Case(
        "source.private_address", product=declared("https://169.254.169.254/latest/data.csv")
    ),
    "another digest than said": Case(
        "source.sha256_differs", table(ROWS), declared(more=f"collect: {{sha256: '{'0' * 64}'}}\n")
    ),
    "a data set that scikit-learn lacks": Case("source.no_data_set", product=declared("sklearn:titanic")),
    "an option of the source that is none": Case(
        "product.unknown_key", table(ROWS), declared(more="collect: {delimitor: ';'}\n")
    ),
    "a check that is none": Case(
        "product.unknown_check", table(ROWS), declared(more="prepare: {checks: {telepathy: fail}}\n")
    ),
    "a check that fails": Case(
        "data.check_failed",
        table("age,city,sick\n" + "".join(f"{20 + i % 50},a,{'yes' if i % 3 else 'no'}\n" for i in range(120))),
        declared(given="{age: number, city: category}", more="prepare: {checks: {constant columns: fail}}\n"),
    ),
    "a key that is none": Case(
        "keys.not_an_identity", table(ROWS), declared(), environment=lambda folder: {"SIXFOLD_KEY": "secret"}
    ),
    "a home in the way of a file": Case(
        "store.not_a_folder",
        table(ROWS),
        declared(),
        exit_code=1,
        environment=lambda folder: {"SIXFOLD_HOME": str(folder / "data.csv" / "home")},
    ),
    "a home that may not be written": Case(
        "store.disk",
        table(ROWS),
        declared(),
        exit_code=1,
        environment=lambda folder: {"SIXFOLD_HOME": "/proc/sixfold"},
    ),
    "a full disk": Case("store.disk_full", table(ROWS * 400), declared(), exit_code=1, environment=small_disk),
    "masks of another size than their pictures": Case(
        "data.bad_values", masked(lambda number: np.eye(9, k=number % 5, dtype=np.uint8)), declared("photos", **MASKS)
    ),
    "masks with a number that is no class": Case(
        "data.bad_values",
        masked(lambda number: 3 * np.eye(12, k=number % 5, dtype=np.uint8)),
        declared("photos", **MASKS),
    ),
    "masks of one class": Case(
        "data.bad_column",
        masked(lambda number: np.zeros((12, 12 + number % 2), np.uint8)),
        declared("photos", given="{photo: image}", predict="{scene: mask}"),
    ),
    "boxes outside their pictures": Case("data.bad_values", boxed(BOX % 40), declared("photos", **BOXES)),
    "boxes that are none": Case("data.bad_values", boxed("7, NUMBER"), declared("photos", **BOXES)),
    "pictures of 20,000 by 20,000 pixels": Case(
        "data.unreadable_images", boxed(BOX % 1, huge), declared("photos", **BOXES)
    ),
    "a pack that is none": Case(
        "pack.not_a_pack",
        lambda folder: (folder / "a.sixfold").write_bytes(b"nothing"),
        command=("verify", "a.sixfold"),
    ),
    "a report of nothing": Case("input.unknown_product", command=("report", "nothing")),
    "an unknown command": Case("input.unknown_command", command=("rum",)),
    "an unknown option": Case("input.unknown_option", command=("run", "--fast")),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_input_is_refused_with_its_cause_and_mend(
    name: str, tmp_path: Path, home: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    monkeypatch.chdir(tmp_path)
    case.files(tmp_path)
    if case.product:
        (tmp_path / "product.yaml").write_text(case.product, encoding="utf-8")
    for variable, value in case.environment(tmp_path).items():
        monkeypatch.setenv(variable, value)
    before = files_below(tmp_path)
    try:
        code = main([*case.command, "--json"])
        told = capsys.readouterr()
        records = [json.loads(line) for line in told.out.splitlines() if line.startswith("{")]
        error = next(record for record in records if record.get("event") == "error")
        assert error["code"] == case.code, error
        assert code == case.exit_code
        assert error["says"]
        assert error["mend"]
        assert "Traceback" not in told.out + told.err
        assert files_below(tmp_path) == before, "something half-made was left"
        steps = Path(os.environ["SIXFOLD_HOME"]) / "store" / "steps" / "prepare"
        assert not steps.exists() or not list(steps.iterdir())
    finally:
        if (tmp_path / "disk").is_dir():
            subprocess.run(["umount", str(tmp_path / "disk")], check=False)
            shutil.rmtree(tmp_path / "disk", ignore_errors=True)


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 30


def files_below(folder: Path) -> set[str]:
    """What lies in the folder, the home left out."""
    own = {folder / "home", folder / "disk"}
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if not any(up in own for up in [path, *path.parents])
    }
