"""``python -m sixfold.reference docs``: write the pages of the reference into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from sixfold.reference import documents


def main() -> int:
    """Write every page; returns the exit code."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():  # noqa: PLR2004 — the program and the folder
        sys.stderr.write("usage: python -m sixfold.reference FOLDER\n")
        return 2
    for name, text in documents().items():
        (Path(sys.argv[1]) / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
