"""What each function may do, on one page: docs/rights.md, generated from the templates.

python -m infra.rights             writes docs/rights.md
python -m infra.rights --check     fails when it is stale
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator

from infra.build import ROOT
from infra.deployed import ACCOUNT, REGION, STACK, Resource, resources, rights_of

PAGE = ROOT / "docs" / "rights.md"
_HEAD = """# Rights

Generated from the templates by `python -m infra.rights`; do not edit.

What each function may do, and with what: the statements of its own template (`functions/<service>/template.yaml`). To
these SAM adds policies of AWS's for logs and for traces, which name no resources. The policy `Boundary` in
`template.yaml` is the most that any function may do, whatever its other policies say: it confines them to this stack.

`…/stream/*` stands for the stream of a table, whose name ends with the moment it was made.

| function | resource | actions |
|---|---|---|
"""


def page() -> str:
    """The page as the templates would have it."""
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in _rows())


def _rows() -> Iterator[tuple[str, str, str]]:
    deployed = resources()
    roles = {f"<{one.path}.Arn>": one for one in deployed if one.type == "AWS::IAM::Role"}
    functions = sorted((one for one in deployed if one.type == "AWS::Lambda::Function"), key=lambda one: one.name)
    for function in functions:
        shown = f"`{_short(function.name)}`"
        for resource, actions in sorted(_rights(roles[function.properties["Role"]]).items()):
            yield shown, f"`{resource}`", ", ".join(sorted(actions))
            shown = ""
        if shown:
            yield shown, "nothing", ""


def _rights(role: Resource) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for action, resource in rights_of(role):
        found[_short(resource)].add(action)
    return found


def _short(name: str) -> str:
    """A resource without what all have in common: region, account, name of the stack."""
    for common in ("arn:aws:", f"{REGION}:", f"{ACCOUNT}:", f"-{ACCOUNT}", f"-{REGION}", f"{STACK}-", f"{STACK}/"):
        name = name.replace(common, "")
    return name


def main() -> None:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(prog="python -m infra.rights", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the page is stale")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        sys.exit("stale: docs/rights.md; run `python -m infra.rights`")


if __name__ == "__main__":
    main()
