"""Files as they are: the style sheet, Swagger UI and the API document.

Swagger UI's own files are put into the folder `files` when packages are built (`infra/build.py`); from a checkout they
come from the installed package.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path

from backbone.http import Raw

_FILES = Path(__file__).with_name("files")
SWAGGER_UI = "swagger_ui"
SWAGGER_UI_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")

CSS = "text/css; charset=utf-8"
JAVASCRIPT = "text/javascript; charset=utf-8"
JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class File:
    """A file with what lets browsers keep it: they ask again each time, and get it only when it has changed."""

    text: str
    content_type: str
    entity_tag: str
    last_modified: str

    def answer(self, if_none_match: str | None) -> Raw:
        """The file, or 304 for who has it."""
        headers = {"ETag": self.entity_tag, "Last-Modified": self.last_modified, "Cache-Control": "no-cache"}
        if if_none_match is not None and self.entity_tag in if_none_match:
            return Raw(304, headers=headers)
        return Raw(200, self.text, self.content_type, headers)


@lru_cache(maxsize=8)
def file(name: str, content_type: str) -> File:
    """A file of the folder `files`.  Raises `FileNotFoundError`."""
    return _read(_FILES / name, content_type)


@lru_cache(maxsize=8)
def swagger_ui_file(name: str, content_type: str) -> File:
    """A file of Swagger UI.  Raises `FileNotFoundError` when it is neither packaged nor installed."""
    packaged = _FILES / name
    return _read(packaged if packaged.exists() else swagger_ui_folder() / name, content_type)


def swagger_ui_folder() -> Path:
    """Where the installed package has its files.  Raises `FileNotFoundError`."""
    spec = importlib.util.find_spec(SWAGGER_UI)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(SWAGGER_UI)
    return Path(spec.origin).parent / "static"


def _read(path: Path, content_type: str) -> File:
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()[:32]
    modified = formatdate(path.stat().st_mtime, usegmt=True)
    return File(data.decode("utf-8"), content_type, f'"{digest}"', modified)
