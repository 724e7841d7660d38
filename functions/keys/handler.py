"""Lambda entry point of the token keys: a CloudFormation custom resource.

Creating it makes the first key; changing its property `Rotation` adds one; deleting the stack forgets them all.  An
update that changes nothing else leaves the keys alone.  Its attribute `Public` is the public set.
"""

from backbone import clock
from backbone.custom_resource import Request, resource_handler
from backbone.observability import logger
from functions.keys import domain
from functions.keys.store import KeySetStore


def _carry_out(request: Request) -> dict[str, str]:
    store, kind = KeySetStore(), request["RequestType"]
    if kind == "Delete":
        store.remove()
        return {}
    rotation = request.get("ResourceProperties", {}).get("Rotation")
    rotated = kind == "Update" and rotation != request.get("OldResourceProperties", {}).get("Rotation")
    if store.private() is None or rotated:
        store.save(domain.add_key(store.private(), now=clock.now()))
        logger.info("token key added", event_id=519036)
    return {"Public": store.public()}


custom_resource = resource_handler("token-keys", _carry_out)
