"""Files as they are: pages, style sheets, Swagger UI and the documents of the APIs."""

import hashlib
import importlib.util
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path

from pydantic import Field

from backbone.http.models import HeaderModel
from backbone.http.results import Raw

SWAGGER_UI = "swagger_ui"

CSS = "text/css; charset=utf-8"
JAVASCRIPT = "text/javascript; charset=utf-8"
JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


class KnownFile(HeaderModel):
    """The entity tag of the file that the visitor has."""

    if_none_match: str | None = Field(default=None, alias="If-None-Match")


@dataclass(frozen=True, slots=True)
class File:
    """A file with what lets browsers keep it: they ask again each time, and get it only when it has changed."""

    text: str
    content_type: str
    entity_tag: str
    last_modified: str

    def answer(self, known: KnownFile) -> Raw:
        """The file, or 304 for who has it."""
        headers = {"ETag": self.entity_tag, "Last-Modified": self.last_modified, "Cache-Control": "no-cache"}
        if known.if_none_match is not None and self.entity_tag in known.if_none_match:
            return Raw(304, headers=headers)
        return Raw(200, self.text, self.content_type, headers)


@lru_cache(maxsize=8)
def file(path: Path, content_type: str) -> File:
    """A file.  Raises `FileNotFoundError`."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()[:32]
    modified = formatdate(path.stat().st_mtime, usegmt=True)
    return File(data.decode("utf-8"), content_type, f'"{digest}"', modified)


def swagger_ui_folder() -> Path:
    """Where the installed package has its files.  Raises `FileNotFoundError`."""
    spec = importlib.util.find_spec(SWAGGER_UI)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(SWAGGER_UI)
    return Path(spec.origin).parent / "static"
