select role, members
from role_headcount
