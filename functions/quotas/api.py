"""Quotas over HTTP.  Contract: quotas.md, section 6.1."""

from backbone import clock
from backbone.caller import Caller
from backbone.http import Api
from backbone.quotas import overview_of
from functions.quotas.models import QuotaGroupOut

api = Api("quotas")


@api.get("/api/v2/Quotas")
def list_quotas(caller: Caller) -> list[QuotaGroupOut]:
    """What limits the caller, and how much of it is used.  404 once the identity is deleted."""
    return QuotaGroupOut.all_of(overview_of(caller.address, now=clock.now()))
