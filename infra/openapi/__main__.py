"""`python -m infra.openapi`."""

import argparse
import json
import sys
from pathlib import Path

from infra import openapi
from infra.build import ROOT
from infra.openapi.document import DOCUMENTS, document


def rendered() -> dict[Path, str]:
    """The documents as the code would have them."""
    return {about.file: json.dumps(document(about), indent=1, ensure_ascii=False) + "\n" for about in DOCUMENTS}


def main() -> None:
    """Write the documents, or compare them."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.openapi", description=(openapi.__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a document is stale")
    only_check = parser.parse_args().check
    stale = {
        file: text for file, text in rendered().items() if not file.exists() or file.read_text(encoding="utf-8") != text
    }
    if only_check and stale:
        names = " and ".join(str(file.relative_to(ROOT)) for file in stale)
        sys.exit(f"stale: {names}; run `python -m infra.openapi`")
    for file, text in stale.items():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
