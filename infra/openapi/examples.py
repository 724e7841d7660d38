"""Examples, made from schemas: what a member is called says what it looks like."""

import re
from typing import Any

Schema = dict[str, Any]

ADDRESS = "did:e:localhost:dids:8234cca0160ff05c785636"
TIME = "2026-01-02T03:04:05.678Z"
BYTES = "c2VhbGVk"
_FILLING = "a1B2c3D4e5F6g7H8i"
ERROR_ID = "ERRA1B2C3D4E5F6G7H8J"

_ID_PREFIXES = {
    "device": "DVC",
    "createdByDevice": "DVC",
    "receivedByDevice": "DVC",
    "modifiedByDevice": "DVC",
    "username": "USR",
    "tierId": "TIR",
    "relationshipTemplateId": "RLT",
    "externalEventId": "SYI",
    "syncRun": "SYR",
    "attachments": "FIL",
}
_TEXTS = {
    "status": "Active",
    "severity": "Medium",
    "communicationLanguage": "en",
    "language": "en",
    "type": "MessageReceived",
    "supportedLanguages": "en",
    "en": "Emergency",
    "majorVersion": "7",
    "title": "A title",
    "body": "A text",
    "displayName": "Read more",
    "link": "https://enmeshed.eu",
    "collection": "Attributes",
    "objectIdentifier": "ATT" + _FILLING,
    "reason": "Creation",
    "oldStatus": "Pending",
    "newStatus": "Active",
    "devicePassword": "correct horse battery staple",
    "clientId": "test",
    "clientSecret": "test",
}
_NUMBERS = {"pageSize": 50, "PageSize": 50, "totalPages": 2, "totalRecords": 51}
_KEYS = {"displayNames": "en", "tagsForAttributeValueTypes": "PhoneNumber", "PhoneNumber": "emergency"}
_ADDRESSES = ("address", "createdBy", "from", "to", "peer", "forIdentity", "owner", "createdFor", "modifiedBy")


class Examples:
    """Makes examples for one endpoint; `prefix` is that of the ids it is about."""

    def __init__(self, components: dict[str, Schema], prefix: str) -> None:
        self._components = components
        self._prefix = prefix
        self._open: list[str] = []

    def of(self, schema: Schema, name: str = "", owner: str = "") -> Any:
        """A value that fits the schema."""
        if "$ref" in schema:
            model = schema["$ref"].rpartition("/")[2]
            self._open.append(model)
            example = self.of(self._components[model], name, owner=name)
            self._open.pop()
            return example
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self.of(schema[key][0], name, owner)
        if "examples" in schema:
            return schema["examples"][0]
        for key in ("const", "default"):
            if schema.get(key) is not None and key in schema:
                return schema[key]
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "object":
                return self._object(schema, name, owner)
            case "array":
                return [self.of(schema["items"], name, owner=name)] if "items" in schema else []
            case "string":
                return self._text(schema, name, owner)
            case "integer" | "number":
                return _NUMBERS.get(name, max(schema.get("minimum", 0), 1))
            case "boolean":
                return True
        return None

    def _object(self, schema: Schema, name: str, owner: str) -> dict[str, Any]:
        if "properties" in schema:
            required = schema.get("required", [])
            return {
                member: self.of(found, member, owner)
                for member, found in schema["properties"].items()
                if member in required or found.get("default", ...) is not None
            }
        values = schema.get("additionalProperties")
        # What contains itself is shown once.
        if not isinstance(values, dict) or values.get("$ref", "").rpartition("/")[2] in self._open:
            return {}
        key = _KEYS.get(name, "key")
        return {key: self.of(values, key, owner=name)}

    def _text(self, schema: Schema, name: str, owner: str) -> str:
        pattern = schema.get("pattern", "")
        if prefix := re.match(r"\^([A-Z]{3})\[", pattern):
            return prefix[1] + _FILLING
        if "did:e:" in pattern:
            return ADDRESS
        if schema.get("format") == "date-time":
            return TIME
        if schema.get("format") in ("byte", "binary") or schema.get("contentEncoding") == "base64":
            return BYTES
        if name == "id":
            return _ID_PREFIXES.get(owner, self._prefix) + _FILLING
        if name in _ADDRESSES:
            return ADDRESS
        return _ID_PREFIXES[name] + _FILLING if name in _ID_PREFIXES else _TEXTS.get(name, "text")


def error(code: str, message: str) -> dict[str, Any]:
    """A refusal as it comes."""
    members = {"id": ERROR_ID, "code": code, "message": message, "docs": "", "time": TIME, "data": None}
    return {"error": members}
