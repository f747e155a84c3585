"""Commands of the bot in the fake Discord: who asks, and what is answered in time."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.discord_guild import Dispatch, TrueGuild, user_object

MOST_SECONDS = 60.0
TYPES = {"who": 6, "role": 8, "day": 3, "since": 3}


@dataclass
class Asked:
    """A question and what came back: `answers` are the callbacks, `edits` what a deferred one became."""

    id: str
    answers: list[dict[str, Any]] = field(default_factory=list)
    edits: list[dict[str, Any]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def message(self) -> dict[str, Any]:
        """What stands there in the end."""
        with self.changed:
            assert self.changed.wait_for(self._is_answered, MOST_SECONDS), self.answers
        return self.edits[-1] if self.edits else self.answers[-1]["data"]

    @property
    def text(self) -> str:
        return str(self.message()["content"])

    def _is_answered(self) -> bool:
        return bool(self.edits) or any(each["type"] == 4 for each in self.answers)


class FakeAsking:
    """`commands`: what is registered, by name. `may_register`: whether the bot was invited with that right;
    `may_send`: whether it may write to channels.
    `messages`: what was sent to channels, by channel."""

    def __init__(self, guild: TrueGuild) -> None:
        self.commands: dict[str, dict[str, Any]] = {}
        self.may_register = True
        self.may_send = True
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self._guild = guild
        self._asked: dict[str, Asked] = {}

    def ask(self, asker: str, roles: Iterable[str], kind: str, **options: str) -> tuple[Asked, Dispatch]:
        number = self._guild.draw()
        given = [{"name": name, "type": TYPES.get(name, 3), "value": value} for name, value in options.items()]
        users = {value: user_object(value) for name, value in options.items() if name == "who"}
        data = {
            "id": number,
            "type": 2,
            "token": f"token-{number}",
            "application_id": self._guild.bot,
            "guild_id": self._guild.id,
            "channel_id": self._guild.draw(),
            "version": 1,
            "guild": {"id": self._guild.id, "locale": "en-US", "features": []},
            "locale": "en-GB",
            "guild_locale": "en-US",
            "app_permissions": "0",
            "entitlements": [],
            "authorizing_integration_owners": {"0": self._guild.id},
            "context": 0,
            "attachment_size_limit": 10_485_760,
            "member": {
                "user": user_object(asker),
                "roles": list(roles),
                "permissions": "0",
                "joined_at": "2026-01-01T00:00:00.000000+00:00",
                "nick": None,
                "avatar": None,
                "premium_since": None,
                "pending": False,
                "deaf": False,
                "mute": False,
                "flags": 0,
            },
            "data": {
                "id": self._guild.draw(),
                "name": "ledger",
                "type": 1,
                "options": [{"name": kind, "type": 1, "options": given}],
                "resolved": {"users": users},
            },
        }
        found = self._asked[f"token-{number}"] = Asked(number)
        return found, Dispatch("INTERACTION_CREATE", data)

    async def answered(self, request: web.Request) -> web.Response:
        asked = self._asked[request.match_info["token"]]
        if asked.answers:
            return web.json_response(
                {"message": "Interaction has already been acknowledged", "code": 40060}, status=400
            )
        self._changed(asked, asked.answers, await request.json())
        return web.Response(status=204)

    async def edited(self, request: web.Request) -> web.Response:
        asked = self._asked[request.match_info["token"]]
        if not asked.answers or request.match_info["id"] != self._guild.bot:
            return web.json_response({"message": "Unknown Webhook", "code": 10015}, status=404)
        self._changed(asked, asked.edits, await request.json())
        return web.json_response({})

    async def registered(self, request: web.Request) -> web.Response:
        if not self.may_register:
            return web.json_response({"message": "Missing Access", "code": 50001}, status=403)
        command = await request.json()
        self.commands[command["name"]] = command
        return web.json_response(command)

    async def sent(self, request: web.Request) -> web.Response:
        if not self.may_send:
            return web.json_response({"message": "Missing Access", "code": 50001}, status=403)
        self.messages.append((request.match_info["id"], await request.json()))
        return web.json_response({"id": self._guild.draw()})

    def _changed(self, asked: Asked, where: list[dict[str, Any]], sent: dict[str, Any]) -> None:
        with asked.changed:
            where.append(sent)
            asked.changed.notify_all()
