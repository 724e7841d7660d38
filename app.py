"""The whole Consumer API as one Chalice app: `chalice local`, `chalice package`, `chalice deploy`.

The deployment of `template.yaml` gives each service its own function; this one puts the same blueprints into a single
function.  It works on the tables of a deployed stack, whose outbox, consumers and jobs do everything that is not an
answer to a request: `backbone chalice-config` connects it to one.  Decision: docs/decisions/chalice.md.
"""

from pathlib import Path

from backbone.http.rest_api import RestApp
from functions.announcements.api import api as announcements
from functions.challenges.api import api as challenges
from functions.devices.api import api as devices
from functions.devices.deletion_processes_api import deletion_processes_api
from functions.devices.feature_flags_api import feature_flags_api
from functions.devices.notifications_api import notifications_api
from functions.devices.token_api import token_api
from functions.files.api import api as files
from functions.gateway.api import api as gateway
from functions.messages.api import api as messages
from functions.pages.api import api as pages
from functions.pages.docs_api import docs_api
from functions.push.api import api as push
from functions.push.sse_api import sse_api
from functions.quotas.api import api as quotas
from functions.relationships.api import api as relationships
from functions.relationships.templates_api import templates_api
from functions.synchronization.api import api as synchronization
from functions.tags.api import api as tags
from functions.tokens.api import api as tokens

app = RestApp(app_name="backbone")
app.api.binary_types.append("multipart/form-data")
for blueprint in (
    gateway,
    challenges,
    devices,
    deletion_processes_api,
    feature_flags_api,
    notifications_api,
    token_api,
    relationships,
    templates_api,
    messages,
    synchronization,
    tokens,
    files,
    quotas,
    tags,
    announcements,
    push,
    pages,
    docs_api,
    sse_api,
):
    app.register_blueprint(blueprint)
app.answer_everything_else(Path(__file__).parent / "functions/gateway/routes.json")
