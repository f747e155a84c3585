"""discord.py warns that libraries for voice are missing. Nothing here uses voice, so nobody has to read that."""

import discord


def hide_voice_notices() -> None:
    """Before a client is made: the library logs them once, at the first one."""
    discord.VoiceClient.warn_nacl = False
    discord.VoiceClient.warn_dave = False
