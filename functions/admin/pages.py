"""What a browser sees on the Admin API's address."""

from functools import lru_cache
from pathlib import Path

from backbone.http import Raw

HTML = "text/html; charset=utf-8"
_INDEX = Path(__file__).with_name("files") / "index.html"


@lru_cache(maxsize=1)
def index() -> Raw:
    """A page that says what this is."""
    return Raw(200, _INDEX.read_text(encoding="utf-8"), HTML, {"Cache-Control": "no-cache"})
