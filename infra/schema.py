"""What tables look like, compared with the last release: `make check` refuses what no deployment could do harmlessly.

    python -m infra.schema --check      compare the templates with infra/schema.json
    python -m infra.schema --record     note what the templates say: part of making a release
                         [--retire TABLE/INDEX ...]     the release uses it no more, so the next one may remove it

CloudFormation would replace a table whose keys change by an empty one, or fail because the name is taken, and DynamoDB
makes or removes one index per update.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from infra.build import ROOT
from infra.deployment.names import templates

RELEASED = ROOT / "infra" / "schema.json"
_KINDS = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")

Table = dict[str, Any]


def tables() -> dict[str, Table]:
    """The tables of all templates, by the name they are given, or else by their logical id."""
    return {
        _text(resource["Properties"].get("TableName")) or logical_id: {
            "declaredAs": f"{logical_id} in {file.relative_to(ROOT)}",
            **_described(resource["Properties"]),
        }
        for file in templates()
        for logical_id, resource in yaml_parse(file.read_text()).get("Resources", {}).items()
        if resource["Type"] in _KINDS
    }


def _described(properties: dict[str, Any]) -> Table:
    types = {each["AttributeName"]: each["AttributeType"] for each in properties["AttributeDefinitions"]}
    return {
        "keys": _keys(properties, types),
        "localIndexes": _indexes(properties.get("LocalSecondaryIndexes", []), types),
        "globalIndexes": _indexes(properties.get("GlobalSecondaryIndexes", []), types),
        "billing": _text(properties.get("BillingMode", "PROVISIONED")),
        "timeToLive": properties.get("TimeToLiveSpecification", {}).get("AttributeName", ""),
        "stream": _text(properties.get("StreamSpecification", {}).get("StreamViewType", "")),
    }


def _keys(keyed: dict[str, Any], types: dict[str, str]) -> list[str]:
    return [f"{key['AttributeName']}:{types[key['AttributeName']]}:{key['KeyType']}" for key in keyed["KeySchema"]]


def _indexes(declared: list[dict[str, Any]], types: dict[str, str]) -> dict[str, Any]:
    return {index["IndexName"]: [*_keys(index, types), _projection(index["Projection"])] for index in declared}


def _projection(projection: dict[str, Any]) -> str:
    return " ".join([projection["ProjectionType"], *sorted(projection.get("NonKeyAttributes", []))])


def _text(value: Any) -> str:
    """A text, or what an intrinsic function says."""
    match value:
        case None:
            return ""
        case str():
            return value
        case {"Fn::Sub": str(text)}:
            return text
    return json.dumps(value, sort_keys=True)


def refusals(released: dict[str, Table], wanted: dict[str, Table], retired: list[str]) -> Iterator[str]:
    """What keeps the wanted tables from being deployed over the released ones, with the way out; a line each."""
    for name, table in released.items():
        if name not in wanted:
            yield (
                f"{name}: the table is gone or has another name; its data would stay behind. Keep it; a table with"
                " another name is a new one, which a release has to fill before the next one stops using this one"
            )
        else:
            yield from (f"{name}: {refusal}" for refusal in _table_refusals(name, table, wanted[name], retired))


def _table_refusals(name: str, released: Table, wanted: Table, retired: list[str]) -> Iterator[str]:
    if released["declaredAs"] != wanted["declaredAs"]:
        yield (
            f"it is {wanted['declaredAs']} now, no more {released['declaredAs']}; CloudFormation would make it anew"
            " and fail because the name is taken. Leave it where it is"
        )
    for what, word in (("keys", "its keys"), ("localIndexes", "its local indexes")):
        if released[what] != wanted[what]:
            yield (
                f"{word} would change from {released[what]} to {wanted[what]}, which is a new, empty table. Make a"
                " table with another name beside it, or a global index for another way to read this one"
            )
    for what, word in (("timeToLive", "the attribute of its time to live"), ("stream", "the view of its stream")):
        if released[what] and released[what] != wanted[what]:
            yield (
                f"{word} would change from {released[what]} to {wanted[what] or 'none'}, which loses what is on its"
                " way. Keep it, or make a table with another name"
            )
    yield from _index_refusals(name, released["globalIndexes"], wanted["globalIndexes"], retired)


def _index_refusals(name: str, released: dict[str, Any], wanted: dict[str, Any], retired: list[str]) -> Iterator[str]:
    removed = [index for index in released if index not in wanted]
    added = [index for index in wanted if index not in released]
    changed = [index for index in released if index in wanted and released[index] != wanted[index]]
    for index in changed:
        yield (
            f"index {index} would change from {released[index]} to {wanted[index]}; it would have to be removed and"
            " made anew, and nothing could be read meanwhile. Add one with another name, use it, then retire this one"
        )
    for index in removed:
        if f"{name}/{index}" not in retired:
            yield (
                f"index {index} is gone, but the released code reads it, also while this is being deployed. Keep it for"
                f" one release that does not use it, recorded with --retire '{name}/{index}'"
            )
    if len(added) + len(removed) > 1:
        yield (
            f"{', '.join(added + removed)}: DynamoDB makes or removes one index per update. Keep one of these changes,"
            " make a release of it (--record), then the next"
        )


def _check() -> None:
    if not RELEASED.exists():
        sys.exit(f"{RELEASED.name} is missing: python -m infra.schema --record")
    released = json.loads(RELEASED.read_text())
    if found := list(refusals(released["tables"], tables(), released["retired"])):
        sys.exit("\n".join(found))


def _record(file: Path, retired: list[str]) -> None:
    found = tables()
    known = {f"{name}/{index}" for name, table in found.items() for index in table["globalIndexes"]}
    if unknown := [index for index in retired if index not in known]:
        sys.exit(f"no such index: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    file.write_text(json.dumps({"retired": sorted(retired), "tables": found}, indent=2) + "\n")


def main() -> None:
    """Compare with the last release, or record a new one."""
    parser = argparse.ArgumentParser(prog="python -m infra.schema", description=(__doc__ or "").partition("\n")[0])
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true")
    action.add_argument("--record", action="store_true")
    parser.add_argument("--retire", action="append", default=[], metavar="TABLE/INDEX", help="used no more")
    arguments = parser.parse_args()
    if arguments.record:
        _record(RELEASED, arguments.retire)
    else:
        _check()


if __name__ == "__main__":
    main()
