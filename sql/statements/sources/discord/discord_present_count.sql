select count(*)
from discord_member
where present
