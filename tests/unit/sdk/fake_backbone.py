"""A Backbone in memory, just enough to try the client's flows against; no statement about the real one."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx

from enmeshed.protocol.addresses import address_of
from enmeshed.protocol.crypto import Signature, SignaturePublicKey
from enmeshed.protocol.encoding import JsonObject, iso, unb64json, utc_now
from enmeshed.protocol.ids import random_string

BASE_URL = "http://localhost:8090"
CLIENT_ID, CLIENT_SECRET = "test", "secret"
SSE_OPENED = b"event: ConnectionOpened\ndata: _\n\n"
PAGE_SIZE = 2  # small, so that every flow pages


class Refusal(Exception):
    """An error answer."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        self.status, self.code, self.message = status, code, message


class Call:
    """A request, taken apart."""

    def __init__(self, request: httpx.Request, address: str | None, device: str | None) -> None:
        self.request = request
        self.query = parse_qs(request.url.query.decode())
        kind = request.headers.get("content-type", "")
        self.body: JsonObject = json.loads(request.content) if kind.startswith("application/json") else {}
        self.address, self.device = address, device


class FakeBackbone:
    """Routes by regular expression; state in dictionaries; ``calls`` lists what was asked."""

    def __init__(self) -> None:
        self.users: dict[str, JsonObject] = {}
        self.identities: dict[str, SignaturePublicKey] = {}
        self.records: dict[str, JsonObject] = {}
        self.blobs: dict[str, bytes] = {}
        self.wallets: dict[str, list[JsonObject]] = {}
        self.events: defaultdict[str, list[JsonObject]] = defaultdict(list)
        self.deliveries = 3
        self.is_down_for_finalizing = False
        self.streams: list[bytes] = []
        self.runs: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.calls: list[str] = []
        self.refusals: dict[str, list[Refusal]] = {}
        self.routes: list[tuple[str, Callable[..., Any]]] = [
            (r"POST /api/v2/Challenges", self._challenge),
            (r"POST /api/v2/Identities", self._identity),
            (r"POST /api/v2/Devices", self._device),
            (r"PUT /api/v2/Devices/Self/Password", self._password),
            (r"DELETE /api/v2/Devices/Self/PushNotifications", lambda call: None),
            (r"DELETE /api/v2/(?:Devices|Tokens|RelationshipTemplates|Files)/(\w+)", self._delete),
            (r"POST /api/v2/(RelationshipTemplate|Token|File)s", self._create),
            (r"GET /api/v2/(?:RelationshipTemplates|Tokens)/(\w+)", self._read),
            (r"POST /api/v2/Tokens/(\w+)/UpdateContent", self._fill),
            (r"GET /api/v2/Files/(\w+)/metadata", self._read),
            (r"GET /api/v2/Files/(\w+)", self._download),
            (r"GET /api/v2/Relationships/CanCreate", lambda call: {"canCreate": True, "code": None}),
            (r"POST /api/v2/Relationships", self._request_relationship),
            (r"GET /api/v2/Relationships/(\w+)", self._read),
            (r"PUT /api/v2/Relationships/(\w+)/(Accept|Reject|Revoke)", self._answer),
            (r"POST /api/v2/Messages", self._send),
            (r"GET /api/v2/Messages/(\w+)", self._message),
            (r"GET /api/v2/Messages", self._messages),
            (r"GET /api/v2/Datawallet", self._datawallet),
            (r"GET /api/v2/Datawallet/Modifications", self._pull),
            (r"POST /api/v2/Datawallet/Modifications", self._push),
            (r"POST /api/v2/SyncRuns", self._start),
            (r"GET /api/v2/SyncRuns/(\w+)/ExternalEvents", self._events),
            (r"PUT /api/v2/SyncRuns/(\w+)/Finalize\w+", self._finalize),
        ]

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    def raise_event(self, owner: str, event_type: str, **payload: str) -> None:
        """Make an external event for an identity."""
        index = len(self.events[owner])
        event = {"id": self._id("SYI"), "type": event_type, "index": index, "payload": payload, "syncErrorCount": 0}
        self.events[owner].append({**event, "createdAt": iso(utc_now()), "run": None, "results": []})

    def refuse(self, line: str, code: str, *, times: int = 1, status: int = 400) -> None:
        """Refuse the next calls of a kind, e.g. ``POST /api/v2/Messages``."""
        self.refusals[line] = [Refusal(status, code)] * times

    def handle(self, request: httpx.Request) -> httpx.Response:
        line = f"{request.method} {request.url.path}"
        self.calls.append(line)
        if line == "POST /connect/token":
            return self._login(parse_qs(request.content.decode()))
        if request.url.path.endswith("/sse"):
            return httpx.Response(200, content=self.streams.pop(0) if self.streams else SSE_OPENED)
        username = self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        user = self.users.get(username) if username else None
        call = Call(request, user["address"] if user else None, user["device"] if user else None)
        try:
            if self.refusals.get(line):
                raise self.refusals[line].pop()
            for pattern, handler in self.routes:
                match = re.fullmatch(pattern, line)
                if match:
                    result = handler(call, *match.groups())
                    return self._answer_with(result, call)
        except Refusal as refusal:
            error = {"code": refusal.code, "message": refusal.message, "id": "ERR", "docs": "", "time": ""}
            return httpx.Response(refusal.status, json={"error": error})
        return httpx.Response(404)

    def _answer_with(self, result: Any, call: Call) -> httpx.Response:
        if result is None:
            return httpx.Response(204)
        if isinstance(result, bytes):
            return httpx.Response(200, content=result)
        status = 201 if call.request.method == "POST" else 200
        size = int(call.query.get("pageSize", [str(PAGE_SIZE)])[0])
        if isinstance(result, list) and len(result) > size:
            number = int(call.query.get("pageNumber", ["1"])[0])
            page = result[(number - 1) * size : number * size]
            pagination = {"pageNumber": number, "totalPages": -(-len(result) // size)}
            return httpx.Response(status, json={"result": page, "pagination": pagination})
        return httpx.Response(status, json={"result": result})

    def _id(self, prefix: str) -> str:
        return prefix + random_string(17)

    def _record(self, prefix: str, call: Call, **members: Any) -> JsonObject:
        now = {"createdAt": iso(utc_now()), "createdBy": call.address, "createdByDevice": call.device}
        record = {"id": self._id(prefix), **now, **members}
        self.records[record["id"]] = record
        return record

    # ------------------------------------------------------------------ devices
    def _login(self, form: dict[str, list[str]]) -> httpx.Response:
        user = self.users.get(form["username"][0])
        if user is None or user["password"] != form["password"][0]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        token = random_string(40)
        self.tokens[token] = form["username"][0]
        return httpx.Response(200, json={"access_token": token, "expires_in": 300})

    def _challenge(self, call: Call) -> JsonObject:
        return self._record("CHL", call, expiresAt=iso(utc_now() + timedelta(minutes=10)))

    def _delete(self, call: Call, record_id: str) -> None:
        if self.records.pop(record_id, None) is None:
            raise Refusal(404, "error.platform.recordNotFound")

    def _check_challenge(self, call: Call, key: SignaturePublicKey) -> None:
        signed = call.body["signedChallenge"]
        if not key.verifies(signed["challenge"].encode(), Signature.parse(unb64json(signed["signature"]))):
            raise Refusal(400, "error.platform.validation.device.invalidSignature")
        if json.loads(signed["challenge"])["id"] not in self.records:
            raise Refusal(404, "error.platform.recordNotFound")

    def _identity(self, call: Call) -> JsonObject:
        if (call.body["clientId"], call.body["clientSecret"]) != (CLIENT_ID, CLIENT_SECRET):
            raise Refusal(400, "error.platform.unauthorized")
        key = SignaturePublicKey.parse(unb64json(call.body["identityPublicKey"]))
        self._check_challenge(call, key)
        address = address_of(key, "localhost")
        self.identities[address] = key
        device = self._add_user(call, address)
        return {"address": address, "createdAt": device["createdAt"], "device": device}

    def _device(self, call: Call) -> JsonObject:
        assert call.address is not None
        self._check_challenge(call, self.identities[call.address])
        return {**self._add_user(call, call.address), "isBackupDevice": call.body.get("isBackupDevice", False)}

    def _add_user(self, call: Call, address: str) -> JsonObject:
        device = self._record("DVC", call, username=self._id("USR"))
        user = {"address": address, "device": device["id"], "password": call.body["devicePassword"]}
        self.users[device["username"]] = user
        return device

    def _password(self, call: Call) -> None:
        user = next(user for user in self.users.values() if user["device"] == call.device)
        if user["password"] != call.body["oldPassword"]:
            raise Refusal(400, "error.platform.validation.device.changePasswordFailed")
        user["password"] = call.body["newPassword"]

    # ------------------------------------------------------------------ templates, tokens, files
    def _create(self, call: Call, kind: str) -> JsonObject:
        if kind == "File":
            return self._upload(call)
        return self._record("TOK" if kind == "Token" else "RLT", call, **call.body)

    def _upload(self, call: Call) -> JsonObject:
        boundary = call.request.headers["content-type"].split("boundary=")[1].encode()
        parts = {}
        for part in call.request.content.split(b"--" + boundary)[1:-1]:
            head, value = part.split(b"\r\n\r\n", 1)
            parts[re.findall(rb'name="(\w+)"', head)[0].decode()] = value[:-2]
        content = parts.pop("content")
        record = self._record("FIL", call, **{name: value.decode() for name, value in parts.items()})
        self.blobs[record["id"]] = content
        return {**record, "owner": call.address, "ownershipToken": random_string(20)}

    def _download(self, call: Call, file_id: str) -> bytes:
        return self.blobs[file_id]

    def _read(self, call: Call, record_id: str) -> JsonObject:
        record = self.records.get(record_id)
        is_empty = record is not None and record["id"].startswith("TOK") and not record.get("content")
        given = call.query.get("password", [None])[0]
        if record is None or (given != record.get("password") and not is_empty):
            raise Refusal(404, "error.platform.recordNotFound")
        return record

    def _fill(self, call: Call, token_id: str) -> JsonObject:
        record = self.records[token_id]
        if call.body.get("password") != record.get("password"):
            raise Refusal(404, "error.platform.recordNotFound")
        record.update(content=call.body["newContent"], createdBy=call.address, createdByDevice=call.device)
        return record

    # ------------------------------------------------------------------ relationships and messages
    def _log(self, call: Call, reason: str, old: str | None, new: str) -> JsonObject:
        entry = {"createdAt": iso(utc_now()), "createdBy": call.address, "createdByDevice": call.device}
        return {**entry, "reason": reason, "oldStatus": old, "newStatus": new}

    def _request_relationship(self, call: Call) -> JsonObject:
        template = self.records[call.body["relationshipTemplateId"]]
        pairs = [
            {one["from"], one["to"]} for one in self.records.values() if one.get("status") in ("Pending", "Active")
        ]
        if {call.address, template["createdBy"]} in pairs:
            raise Refusal(400, "error.platform.validation.relationship.relationshipToTargetAlreadyExists")
        members = {**call.body, "from": call.address, "to": template["createdBy"], "status": "Pending"}
        log = [self._log(call, "Creation", None, "Pending")]
        record = self._record("REL", call, **members, auditLog=log, creationResponseContent=None)
        self.raise_event(record["to"], "RelationshipStatusChanged", relationshipId=record["id"])
        return record

    def _answer(self, call: Call, relationship_id: str, operation: str) -> JsonObject:
        record = self.records[relationship_id]
        if record["status"] != "Pending":
            raise Refusal(400, "error.platform.validation.relationship.relationshipIsNotInCorrectStatus")
        reasons = {
            "Accept": ("AcceptanceOfCreation", "Active"),
            "Reject": ("RejectionOfCreation", "Rejected"),
            "Revoke": ("RevocationOfCreation", "Revoked"),
        }
        reason, status = reasons[operation]
        record["auditLog"].append(self._log(call, reason, "Pending", status))
        record.update(status=status, creationResponseContent=call.body.get("creationResponseContent", ""))
        peer = record["to"] if call.address == record["from"] else record["from"]
        self.raise_event(peer, "RelationshipStatusChanged", relationshipId=relationship_id)
        return record

    def _send(self, call: Call) -> JsonObject:
        recipients = [{**one, "receivedAt": None, "receivedByDevice": None} for one in call.body["recipients"]]
        record = self._record("MSG", call, **{**call.body, "recipients": recipients})
        for recipient in recipients:
            self.raise_event(recipient["address"], "MessageReceived", id=record["id"])
        return record

    def _message(self, call: Call, message_id: str) -> JsonObject:
        record = self._read(call, message_id)
        for recipient in record["recipients"]:
            if recipient["address"] == call.address and recipient["receivedAt"] is None:
                recipient.update(receivedAt=iso(utc_now()), receivedByDevice=call.device)
        return record

    def _messages(self, call: Call) -> list[JsonObject]:
        records = [self.records[one] for one in call.query.get("ids", self.records) if one.startswith("MSG")]
        seen_by = [{one["createdBy"], *(each["address"] for each in one["recipients"])} for one in records]
        return [one for one, addresses in zip(records, seen_by, strict=True) if call.address in addresses]

    def has_relationship_of(self, address: str) -> bool:
        """Whether somebody has asked for a relationship."""
        return any(one.get("from") == address for one in self.records.values())

    # ------------------------------------------------------------------ synchronisation
    def _append(self, call: Call, modifications: list[JsonObject]) -> list[JsonObject]:
        assert call.address is not None
        assert call.request.headers["x-supported-datawallet-version"] == "1"
        wallet = self.wallets.setdefault(call.address, [])
        added = []
        for item in modifications:
            meta = {"id": self._id("DWM"), "index": len(wallet), "createdAt": iso(utc_now())}
            wallet.append({"payloadCategory": None, "encryptedPayload": None, **item, **meta})
            added.append(meta)
        return added

    def _datawallet(self, call: Call) -> JsonObject:
        if call.address not in self.wallets:
            raise Refusal(404, "error.platform.recordNotFound", "Datawallet not found.")
        return {"version": 1}

    def _pull(self, call: Call) -> list[JsonObject]:
        after = int(call.query.get("localIndex", ["-1"])[0])
        return [item for item in self.wallets.get(call.address or "", []) if item["index"] > after]

    def _push(self, call: Call) -> JsonObject:
        wallet = self.wallets.get(call.address or "", [])
        if wallet and wallet[-1]["index"] != call.body.get("localIndex"):
            raise Refusal(400, "error.platform.validation.datawallet.datawalletNotUpToDate")
        added = self._append(call, call.body["modifications"])
        return {"newIndex": added[-1]["index"], "modifications": added}

    def _start(self, call: Call) -> JsonObject:
        code = "error.platform.validation.syncRun.cannotStartSyncRunWhenAnotherSyncRunIsRunning"
        if call.address in self.runs:
            raise Refusal(400, code)
        run, deliverable = self._id("SYR"), []
        if call.body["type"] == "ExternalEventSync":
            events = self.events[call.address or ""]
            deliverable = [one for one in events if one["run"] is None and one["syncErrorCount"] < self.deliveries]
            if not deliverable:
                return {"status": "NoNewEvents", "syncRun": None}
        for event in deliverable:
            event["run"] = run
        self.runs[call.address or ""] = run
        return {"status": "Created", "syncRun": {"id": run}}

    def _events(self, call: Call, run: str) -> list[JsonObject]:
        return [event for event in self.events[call.address or ""] if event["run"] == run]

    def expire_runs(self) -> None:
        """Time passes: runs that were not finalized are cancelled (synchronization.md §3.3)."""
        for address, run in self.runs.items():
            for event in self.events[address]:
                if event["run"] == run:
                    event.update(run=None, syncErrorCount=event["syncErrorCount"] + 1)
        self.runs.clear()

    def _finalize(self, call: Call, run: str) -> JsonObject:
        if self.is_down_for_finalizing:
            raise Refusal(503, "error.platform.unexpected")
        if self.runs.get(call.address or "") != run:
            raise Refusal(400, "error.platform.validation.syncRun.syncRunAlreadyFinalized")
        del self.runs[call.address or ""]
        codes = {one["externalEventId"]: one.get("errorCode") for one in call.body.get("externalEventResults", [])}
        for event in self._events(call, run):
            event["results"].append(codes.get(event["id"]))
            if codes.get(event["id"]):
                event.update(run=None, syncErrorCount=event["syncErrorCount"] + 1)
        self._append(call, call.body["datawalletModifications"])
        fresh = [one for one in self.events[call.address or ""] if one["run"] is None and not one["syncErrorCount"]]
        return {"newUnsyncedExternalEventsExist": bool(fresh)}
