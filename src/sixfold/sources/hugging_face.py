"""A data set of the Hugging Face Hub."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import orjson

from sixfold.errors import SourceError
from sixfold.hashing import digest_of_value
from sixfold.language import Text
from sixfold.sources._remote import LARGEST, folder_of, inner_path, is_meant
from sixfold.sources.url import Url

__all__ = ["HuggingFace"]

_PLACE = re.compile(r"hf://datasets/(?P<name>[^/@#]+/[^/@#]+)(?:@(?P<revision>[^/#]+))?(?:/(?P<path>[^#]*))?(?:#.*)?")
_HUB = "https://huggingface.co"
_LONGEST_LIST = 1 << 24


class HuggingFace(Url):
    """``hf://datasets/OWNER/NAME/train.parquet``; a pattern (``…/data/*.parquet``) or a folder names several files.

    ``@revision`` behind the name holds it at a branch, tag or commit; left out, the main branch. HF_TOKEN of the
    environment opens what is not public, HF_ENDPOINT names another hub.
    """

    title: ClassVar[Text] = Text("a data set of the Hugging Face Hub", "Hugging Face Hub 上的数据集")
    rank: ClassVar[int] = 0

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:  # noqa: ARG003
        return place.startswith("hf://")

    @property
    def shown(self) -> str:
        return self.place.partition("#")[0]

    def headers(self, host: str) -> dict[str, str]:
        token = os.environ.get("HF_TOKEN")
        # Not for where the hub redirects to: that is another company's storage.
        return {"Authorization": f"Bearer {token}"} if token and host == urlsplit(self._hub).netloc else {}

    def fetched(self, folder: Path) -> Path:
        if self._is_one:
            return self.downloaded(self._file(self._said["path"]), folder)
        for file in self._files:
            path = inner_path(folder / "data", file["path"])
            self.downloaded(self._file(file["path"]), path.parent, path.name)
        return folder / "data"

    @cached_property
    def _fingerprint(self) -> str:
        if self.sha256 is not None:
            return self.sha256.lower()
        if self._is_one:
            return digest_of_value([self.place, *self.stamp(self._file(self._said["path"]))])
        return digest_of_value([self.place, [[file["path"], file.get("oid")] for file in self._files]])

    @property
    def _hub(self) -> str:
        return os.environ.get("HF_ENDPOINT", _HUB).rstrip("/")

    @cached_property
    def _said(self) -> dict[str, str]:
        found = _PLACE.fullmatch(self.place)
        if found is None:
            raise SourceError("bad_hub_place", path=self.place)
        return {name: value or "" for name, value in found.groupdict().items()}

    @property
    def _is_one(self) -> bool:
        path = self._said["path"]
        return "*" not in path and "." in path.rpartition("/")[2]

    @cached_property
    def _files(self) -> list[dict[str, Any]]:
        """The files that a pattern or a folder names."""
        path = self._said["path"].strip("/")
        within = folder_of(path)
        address = f"{self._hub}/api/datasets/{self._said['name']}/tree/{self._revision}"
        url: str | None = f"{address}{'/' + quote(within) if within else ''}?recursive=true"
        entries: list[dict[str, Any]] = []
        while url is not None:
            more, url = self._listed(url)
            entries += more
        files = [entry for entry in entries if entry.get("type") == "file" and is_meant(path, str(entry["path"]))]
        if not files:
            raise SourceError("download_failed", url=self.shown, reason="404")
        if sum(int(file.get("size") or 0) for file in files) > LARGEST:
            raise SourceError("download_too_large", url=self.shown, limit="20 GiB")
        return files

    def _listed(self, url: str) -> tuple[list[dict[str, Any]], str | None]:
        """One page of a list of files, and the address of the next."""
        connection, answer, _ = self.asked("GET", url)
        try:
            entries = orjson.loads(answer.read(_LONGEST_LIST))
            after = re.search(r'<([^>]+)>;\s*rel="next"', answer.getheader("Link") or "")
        except (OSError, orjson.JSONDecodeError) as error:
            raise SourceError("download_failed", url=self.shown, reason=error) from error
        finally:
            connection.close()
        return entries, after.group(1) if after else None

    @property
    def _revision(self) -> str:
        return quote(self._said["revision"] or "main", safe="")

    def _file(self, path: str) -> str:
        return f"{self._hub}/datasets/{self._said['name']}/resolve/{self._revision}/{quote(path)}"
