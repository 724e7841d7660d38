"""Lambda entry point of the token keys: a CloudFormation custom resource.

Creating it makes the first key; changing its property `Rotation` adds one; deleting the stack forgets them all.  An
update that changes nothing else leaves the keys alone.  Its attribute `Public` is the set of public keys, which the
template hands to the functions (`BACKBONE_PUBLIC_TOKEN_KEYS`).
"""

from datetime import timedelta

from backbone import clock
from backbone.custom_resource import Request, resource_handler
from backbone.observability import logger
from backbone.settings import settings
from functions.keys import domain
from functions.keys.store import KeySetStore


def _carry_out(request: Request) -> dict[str, str]:
    store, kind = KeySetStore(), request["RequestType"]
    if kind == "Delete":
        store.remove()
        return {}
    rotation = request.get("ResourceProperties", {}).get("Rotation")
    rotated = kind == "Update" and rotation != request.get("OldResourceProperties", {}).get("Rotation")
    private = store.private()
    if private is None or rotated:
        tokens_valid_for = timedelta(seconds=settings().token_lifetime_seconds)
        sets = domain.add_key(private, now=clock.now(), tokens_valid_for=tokens_valid_for)
        store.save(sets)
        private = sets.private
        logger.info("token key added", event_id=519036)
    return {"Public": domain.public_set(private)}


custom_resource = resource_handler("token-keys", _carry_out)
