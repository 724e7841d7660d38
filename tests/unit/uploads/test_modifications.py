"""Pushed modifications whose body was stored before.  Contract: synchronization.md, section 3."""

import json

from tests.support.api import InProcessApi
from tests.unit.synchronization.steps import MODIFICATIONS as PATH
from tests.unit.synchronization.steps import VERSION_1, given_caller, given_upgrade, modification
from tests.unit.uploads.large import MODIFICATIONS, bodies, stored

LATE = "error.platform.validation.datawallet.datawalletNotUpToDate"


def test_they_are_appended_once(api: InProcessApi) -> None:
    """What is asked for again is refused as a push that is repeated is"""
    caller = given_caller()
    given_upgrade(api, caller)
    request = {"localIndex": -1, "modifications": [modification(1), modification(2)]}
    location = stored(json.dumps(request).encode(), "application/json", caller, MODIFICATIONS)
    assert location.startswith("/api/v2/Uploads/Datawallet/Modifications/UPL")

    pushed = api.get(location, caller=caller, headers=VERSION_1)
    again = api.get(location, caller=caller, headers=VERSION_1)

    assert (pushed.status, pushed.result["newIndex"]) == (201, 1)
    assert again.error == (404, "error.platform.recordNotFound")
    assert len(api.get(PATH, caller=caller, headers=VERSION_1).result) == 2
    assert bodies() == []
