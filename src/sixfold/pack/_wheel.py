"""The runtime that a pack carries: a wheel written from the installed package's own files, and what else to install.

No build tool and no network: the wheel (PyPA specification "binary distribution format" 1.0) holds the files of the
package as they are installed, editable or not, so the customer runs the very code that evaluated the model.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path, PurePosixPath

from sixfold.errors import PackError
from sixfold.pack._zip import zipped

__all__ = ["licence", "page_files", "runtime_requirements", "runtime_version", "runtime_wheel"]

_NAME = "sixfold"
_PACKAGE = Path(__file__).parents[1]
_NOT_CODE = {".pyc", ".pyo", ".orig", ".rej"}
_DESCRIBES = ("METADATA", "entry_points.txt", "top_level.txt")
_WHEEL = f"Wheel-Version: 1.0\nGenerator: {_NAME}\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def runtime_version() -> str:
    """The version of the installed Sixfold.

    Raises:
        PackError: Sixfold runs from a folder without being installed.
    """
    return _own().version


def runtime_wheel() -> tuple[str, bytes]:
    """The wheel of the installed Sixfold: its file name, and its bytes, the same whenever the package is the same.

    Raises:
        PackError: Sixfold runs from a folder without being installed.
    """
    own = _own()
    stem = f"{_NAME}-{own.version}"
    described = {name: text.encode() for name in _DESCRIBES if (text := own.read_text(name))}
    info = {**described, **_licences(own), "WHEEL": _WHEEL.encode()}
    files = {**_package_files(), **{f"{stem}.dist-info/{name}": data for name, data in sorted(info.items())}}
    record = f"{stem}.dist-info/RECORD"
    lines = [f"{name},sha256={_record_digest(data)},{len(data)}" for name, data in files.items()]
    files[record] = "".join(f"{line}\n" for line in (*lines, f"{record},,")).encode()
    return f"{stem}-py3-none-any.whl", zipped(files)


def runtime_requirements() -> str:
    """A requirements file that pins everything the runtime needs, direct or not, to what is installed here.

    Raises:
        PackError: Something that it needs is not installed.
    """
    pinned = sorted({f"{name}=={version}" for name, version in _needed()}, key=str.lower)
    return "".join(f"{line}\n" for line in pinned)


def licence() -> bytes | None:
    """The licence of Sixfold as it was installed; ``None`` where the installer left it out."""
    found = _licences(_own())
    return next((data for name, data in found.items() if PurePosixPath(name).name == "LICENSE"), None)


def page_files() -> dict[str, bytes]:
    """The demo page, by path below its folder."""
    root = _PACKAGE / "serving" / "page"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in _files_below(root)}


def _own() -> Distribution:
    """Sixfold as it is installed; a left-over ``.egg-info`` beside the source is not it."""
    found = next((each for each in distributions(name=_NAME) if each.read_text("METADATA")), None)
    if found is None:
        raise PackError("runtime_incomplete", package=_NAME)
    return found


def _package_files() -> dict[str, bytes]:
    return {f"{_NAME}/{path.relative_to(_PACKAGE).as_posix()}": path.read_bytes() for path in _files_below(_PACKAGE)}


def _files_below(root: Path) -> list[Path]:
    def belongs(path: Path) -> bool:
        hidden = any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(root).parts)
        return path.is_file() and not path.is_symlink() and not hidden and path.suffix not in _NOT_CODE

    return sorted(filter(belongs, root.rglob("*")), key=lambda path: path.relative_to(root).as_posix())


def _licences(own: Distribution) -> dict[str, bytes]:
    """Licence files by their path in ``.dist-info`` (PEP 639)."""
    found = {}
    for file in own.files or []:
        folder, *rest = file.parts
        if folder.endswith(".dist-info") and rest[:1] == ["licenses"]:
            found["/".join(rest)] = Path(str(file.locate())).read_bytes()
    return found


def _record_digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _needed() -> Iterator[tuple[str, str]]:
    """Name and version of every distribution that plain ``pip install sixfold`` brings."""
    waiting, seen = [(_NAME, "")], set[tuple[str, str]]()
    while waiting:
        wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        name, extra = wanted
        found = _installed(name)
        if name != _NAME:
            yield found.metadata["Name"], found.version
        waiting += _requirements(found, extra)


def _installed(name: str) -> Distribution:
    if name == _NAME:
        return _own()
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise PackError("runtime_incomplete", package=name) from error


def _requirements(found: Distribution, extra: str) -> Iterator[tuple[str, str]]:
    """What a distribution requires here, with ``extra`` (empty for none): a name once for each of its own extras."""
    from packaging.requirements import Requirement

    for text in found.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            name = re.sub(r"[-_.]+", "-", requirement.name).lower()
            yield from ((name, wanted) for wanted in ("", *requirement.extras))
