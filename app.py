"""The whole Consumer API as one Chalice app: `chalice local`, `chalice deploy`.

The deployment of `template.yaml` gives each service its own function; this one puts the same blueprints into a single
function, for those who want the API alone (the consumers of events are not part of it).
"""

from chalice import Chalice

from functions.challenges.api import api as challenges
from functions.devices.api import api as devices
from functions.devices.token_api import token_api
from functions.gateway.api import api as gateway
from functions.messages.api import api as messages
from functions.relationships.api import api as relationships
from functions.relationships.templates_api import templates_api
from functions.synchronization.api import api as synchronization

app = Chalice(app_name="backbone")
for blueprint in (gateway, challenges, devices, token_api, relationships, templates_api, messages, synchronization):
    app.register_blueprint(blueprint)
