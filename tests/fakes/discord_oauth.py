"""Discord's OAuth2, as its documentation and its metadata (/.well-known/oauth-authorization-server) have it."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode

from aiohttp import web

APPLICATION, SECRET = "300000000000000001", "a-client-secret"


class Code(NamedTuple):
    account: str
    back: str
    challenge: str


@dataclass
class FakeOAuth:
    """`account`: who is at the browser and agrees; None: they cancel. `backs`: the redirects of the application.
    `scope` is what a token is for."""

    backs: set[str] = field(default_factory=set)
    account: str | None = None
    scope: str = "identify"
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    given: int = 0

    def authorize(self, request: web.Request) -> web.Response:
        asked = request.query
        right = (asked.get("client_id"), asked.get("response_type"), asked.get("code_challenge_method"))
        if right != (APPLICATION, "code", "S256") or asked.get("redirect_uri") not in self.backs:
            return web.json_response({"redirect_uri": ["Invalid"]}, status=400)
        back = asked["redirect_uri"]
        if self.account is None:
            sent = {"error": "access_denied", "state": asked["state"]}
        else:
            self.given += 1
            code = f"code-{self.given}"
            self.codes[code] = Code(self.account, back, asked["code_challenge"])
            sent = {"code": code, "state": asked["state"]}
        return web.Response(status=302, headers={"Location": f"{back}?{urlencode(sent)}"})

    async def token(self, request: web.Request) -> web.Response:
        sent = await request.post()
        if (sent.get("client_id"), sent.get("client_secret")) != (APPLICATION, SECRET):
            return web.json_response({"error": "invalid_client"}, status=401)
        code = self.codes.pop(str(sent.get("code")), None)
        verifier = hashlib.sha256(str(sent.get("code_verifier")).encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if code is None or (sent.get("redirect_uri"), challenge) != (code.back, code.challenge):
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = f"token-of-{code.account}"
        self.tokens[token] = code.account
        return web.json_response({"access_token": token, "token_type": "Bearer", "scope": self.scope})

    async def revoke(self, request: web.Request) -> web.Response:
        sent = await request.post()
        if (sent.get("client_id"), sent.get("client_secret")) != (APPLICATION, SECRET):
            return web.json_response({"error": "invalid_client"}, status=401)
        self.tokens.pop(str(sent.get("token")), None)
        return web.json_response({})

    def account_of(self, request: web.Request) -> str | None:
        return self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
