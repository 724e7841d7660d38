"""Logging in over HTTP: POST /connect/token.  Contract: devices.md, section 2.

A function of its own, the only one that may read the key that signs access tokens.
"""

from datetime import datetime

from backbone import access_tokens, clock
from backbone.caller import Caller
from backbone.http import Api, Raw, RawRequest
from backbone.observability import logger
from backbone.settings import settings
from functions.devices import log_in, oauth, oauth_clients, passwords
from functions.devices.user_store import UserStore

token_api = Api("devices", function="Token")
users = UserStore()


@token_api.post("/connect/token")
def create_token(request: RawRequest) -> Raw:
    """Exchange a device's credentials for an access token."""
    try:
        return _token(oauth.TokenRequest.of(request), clock.now())
    except oauth.OAuthError as error:
        return error.to_response()
    except log_in.AccessDenied:
        return oauth.access_denied().to_response()
    except log_in.InvalidGrant:
        return oauth.invalid_grant().to_response()
    except Exception:
        # Whatever else goes wrong says nothing about the credentials, so clients shall try again.
        logger.exception("no token could be issued", event_id=362947)
        return oauth.temporarily_unavailable().to_response()


def _token(request: oauth.TokenRequest, now: datetime) -> Raw:
    name = log_in.log_in_name(request.username)
    seen = oauth_clients.seen(request.client_id, request.client_secret, now=now)
    found, user = users.before_log_in(None if seen else request.client_id, name)
    client = seen or oauth_clients.authentic(found, request.client_secret)
    if client is None:
        raise oauth.invalid_client()
    if client is not seen:
        oauth_clients.met(client, now=now)
    if user is None:
        passwords.matches(request.password, None)
        if name is not None:
            users.miss(name)
        raise log_in.InvalidGrant
    user.check_allowed(now)
    if not passwords.matches(request.password, user.password_hash):
        users.add_failed_log_in(user, now=now, lockout=passwords.LOCKOUT[settings().password_policy])
    caller = Caller(user.address, user.device_id, client.client_id)
    # Signed before the log-in is written: without a key there is no log-in.
    token = access_tokens.issue(caller, user_id=user.user_id, username=user.username, now=now)
    users.log_in(user, now=now)
    return oauth.token_response(token, expires_in_seconds=settings().token_lifetime_seconds)
