select read_back_to
from discord_feed
