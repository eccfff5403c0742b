"""Grid maps with problems, in the form of the MovingAI benchmarks."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field as Setting

from sixfold.errors import SourceError
from sixfold.families import Options as KindOptions
from sixfold.fields import Array
from sixfold.hashing import digest, digest_of_value
from sixfold.language import Text
from sixfold.sources._archives import archive_kind, opened
from sixfold.sources._files import located, unreadable
from sixfold.sources._source import Provenance, Source
from sixfold.tasks import Grid

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Movingai"]

_PREFIX = "movingai:"
_LARGEST_MAP = 1 << 24
_LARGEST_FILE = 1 << 26
_WALKABLE = b".GS"
_FIELDS = 9
_HELD_OUT = 0.25
_SAME = 1e-3
"""Of lengths, which files round to five decimals."""


@dataclass(frozen=True, slots=True)
class _Problem:
    start: tuple[int, int]
    goal: tuple[int, int]
    length: float


class Movingai(Source):
    """``movingai:maps.zip``: maps (``.map``) and problems on them (``.map.scen``) in a folder or an archive, as the
    benchmarks of Sturtevant (2012) have them: eight neighbours, no corner cut.

    A row is a problem: the map as a picture (bright: can be walked on), start, goal, and an optimal route, which is
    searched for here and held against the length that the file gives. Problems without a way are left out. Whole maps
    are the test.
    """

    title: ClassVar[Text] = Text("maps with problems (MovingAI)", "带问题的地图（MovingAI）")
    rank: ClassVar[int] = 5

    class Options(KindOptions):
        """``problems``: at most so many of each map, evenly from the easiest to the hardest. ``held_out``: names of the
        maps that are the test; left out, a quarter of them, the last by name.
        """

        problems: int = Setting(100, ge=1, le=100_000)
        held_out: tuple[str, ...] | None = None

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:  # noqa: ARG003
        return place.startswith(_PREFIX)

    @property
    def path(self) -> Path:
        """Where the maps lie."""
        return located(self.place.removeprefix(_PREFIX).strip(), self.base)

    @property
    def roles(self) -> tuple[str, ...]:
        return ("image", "start", "goal", "route")

    def fingerprint(self) -> str:
        try:
            files = [self.path] if self.path.is_file() else sorted(self.path.rglob("*.map*"))
            return digest_of_value([[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files])
        except OSError as error:
            raise unreadable(error, self.path) from error

    def frames(self) -> Iterator[pl.DataFrame]:
        import polars as pl

        held_out = self._held_out
        for name, scenario in self._maps.items():
            free = _map(name, self._files[name])
            grid, picture = Grid(free), _picture(free)
            problems = _problems(scenario, self._files[scenario], free)
            chosen = np.unique(np.linspace(0, len(problems) - 1, min(len(problems), self._said.problems)).astype(int))
            rows = [(problems[place], self._solved(grid, scenario, problems[place])) for place in chosen.tolist()]
            yield pl.DataFrame(
                {
                    "image": [picture] * len(rows),
                    "start": [_point(problem.start) for problem, _ in rows],
                    "goal": [_point(problem.goal) for problem, _ in rows],
                    "route": [route for _, route in rows],
                    "__split__": ["test" if _short(name) in held_out else "train"] * len(rows),
                    "__path__": [f"{_short(name)}, {place + 1}" for place in chosen.tolist()],
                },
                schema_overrides={"image": pl.Binary},
            )

    def provenance(self) -> Provenance:
        data = b"".join(self._files[name] for pair in self._maps.items() for name in pair)
        return Provenance(self.place.removeprefix(_PREFIX), self.kind(), digest(data), len(data))

    def space(self) -> int:
        return sum(map(len, self._files.values()))

    def _solved(self, grid: Grid, scenario: str, problem: _Problem) -> str:
        """An optimal route as text, held against the length that the file gives."""
        found = grid.shortest(problem.start, problem.goal)
        if abs(found.length - problem.length) > _SAME * max(1.0, problem.length):
            raise SourceError(
                "other_optimum",
                path=scenario,
                start=_point(problem.start),
                goal=_point(problem.goal),
                said=f"{problem.length:g}",
                found=f"{found.length:g}",
            )
        assert found.cells is not None
        return " ".join(map(_point, found.cells))

    @cached_property
    def _files(self) -> dict[str, bytes]:
        """Every map and scenario by its name inside."""
        path = self.path
        try:
            if path.is_dir():
                inside = {str(file.relative_to(path)): file for file in sorted(path.rglob("*")) if file.is_file()}
                wanted = {name: file for name, file in inside.items() if _is_ours(name)}
                _hold_small({name: file.stat().st_size for name, file in wanted.items()})
                return {name: file.read_bytes() for name, file in wanted.items()}
            if archive_kind(path) is None:
                raise SourceError("no_maps", path=path.name)
            archive = opened(path)
            wanted_names = [name for name in archive.sizes if _is_ours(name)]
            _hold_small({name: archive.sizes[name] for name in wanted_names})
            return dict(archive.read(wanted_names))
        except OSError as error:
            raise unreadable(error, path) from error

    @cached_property
    def _maps(self) -> dict[str, str]:
        """Each map that has problems, and the file that they stand in; by name."""
        pairs = {name: f"{name}.scen" for name in sorted(self._files) if name.endswith(".map")}
        found = {name: scenario for name, scenario in pairs.items() if scenario in self._files}
        if not found:
            raise SourceError("no_maps", path=self.path.name)
        return found

    @property
    def _held_out(self) -> set[str]:
        names = [_short(name) for name in self._maps]
        said = self._said.held_out
        if said is None:
            return set(names[len(names) - math.floor(_HELD_OUT * len(names)) :])
        if unknown := sorted(set(said) - set(names)):
            raise SourceError("no_such_map", path=self.path.name, name=unknown[0], known=", ".join(names))
        return set(said)

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Movingai.Options)
        return self.options


def _is_ours(name: str) -> bool:
    return name.endswith((".map", ".map.scen")) and not Path(name).name.startswith(".")


def _hold_small(sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        if size > _LARGEST_FILE:
            limit = f"{_LARGEST_FILE >> 20} MiB"
            raise SourceError("too_large_at_once", path=name, size=f"{size >> 20} MiB", limit=limit)


def _short(name: str) -> str:
    return Path(name).name.removesuffix(".map")


def _point(cell: tuple[int, int]) -> str:
    return f"{cell[0]},{cell[1]}"


def _map(name: str, data: bytes) -> Array:
    """Which cells can be walked on, (height, width)."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    header: dict[bytes, bytes] = {}
    for place, line in enumerate(lines[:8]):
        if line.strip() == b"map":
            lines = lines[place + 1 :]
            break
        key, _, value = line.strip().partition(b" ")
        header[key] = value
    else:
        raise SourceError(
            "bad_map", path=name, reason=Text("no line `map` after its head", "头部之后没有 `map` 一行")()
        )
    size = [header.get(side, b"") for side in (b"height", b"width")]
    if not all(re.fullmatch(rb"[1-9]\d{0,5}", side) for side in size):
        raise SourceError("bad_map", path=name, reason=Text("no height and width", "没有高和宽")())
    height, width = (int(side) for side in size)
    if height * width > _LARGEST_MAP:
        raise SourceError("bad_map", path=name, reason=Text("more than 16 million cells", "格子超过 1600 万个")())
    rows = lines[:height]
    if len(rows) < height or any(len(row) < width for row in rows):
        reason = Text(f"fewer than {height} lines of {width} cells", f"不足 {height} 行、每行 {width} 格")
        raise SourceError("bad_map", path=name, reason=reason())
    cells = np.frombuffer(b"".join(row[:width] for row in rows), np.uint8).reshape(height, width)
    return np.isin(cells, np.frombuffer(_WALKABLE, np.uint8))


def _picture(free: Array) -> bytes:
    from PIL import Image as Pillow

    stream = io.BytesIO()
    Pillow.fromarray(free.astype(np.uint8) * 255).save(stream, "PNG")
    return stream.getvalue()


def _problems(name: str, data: bytes, free: Array) -> list[_Problem]:
    """The problems that have a way, in their order."""
    found = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
        parts: list[Any] = line.split("\t") if "\t" in line else line.split()
        if not parts or parts[0] == "version":
            continue
        try:
            if len(parts) != _FIELDS:
                raise ValueError
            x, y, goal_x, goal_y = (int(part) for part in parts[4:8])
            length = float(parts[8])
        except ValueError:
            raise SourceError("bad_scenario", path=name, line=number) from None
        if length == 0 and (x, y) != (goal_x, goal_y):  # the benchmarks' word for: there is no way
            continue
        for end_x, end_y in ((x, y), (goal_x, goal_y)):
            if not (0 <= end_x < free.shape[1] and 0 <= end_y < free.shape[0] and free[end_y, end_x]):
                raise SourceError("bad_scenario", path=name, line=number)
        found.append(_Problem((x, y), (goal_x, goal_y), length))
    if not found:
        raise SourceError("bad_scenario", path=name, line=1)
    return found
