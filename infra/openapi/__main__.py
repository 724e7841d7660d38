"""`python -m infra.openapi`."""

import argparse
import json
import sys

from infra import openapi
from infra.build import ROOT
from infra.openapi.document import document

FILE = ROOT / "functions" / "pages" / "files" / "openapi.json"


def rendered() -> str:
    """The document as the code would have it."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the document, or compare it."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.openapi", description=(openapi.__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the document is stale")
    only_check = parser.parse_args().check
    text = rendered()
    if FILE.exists() and FILE.read_text(encoding="utf-8") == text:
        return
    if only_check:
        sys.exit(f"stale: {FILE.relative_to(ROOT)}; run `python -m infra.openapi`")
    FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
