"""The icons of the console: paths on a grid of 24, drawn with a line of the text's colour."""

from typing import Final

from markupsafe import Markup

ICONS: Final = {
    "temple": Markup('<path d="M3 9l9-5 9 5M4 9h16M6 9v8M10 9v8M14 9v8M18 9v8M4 17h16M3 20h18"/>'),
    "home": Markup('<path d="M4 11l8-7 8 7M6 10v10h12V10M10 20v-6h4v6"/>'),
    "people": Markup(
        '<circle cx="9" cy="8" r="3"/><path d="M3 19c0-3 3-5 6-5s6 2 6 5M15 6a3 3 0 0 1 0 5M17 14c2 1 4 3 4 5"/>'
    ),
    "shield": Markup('<path d="M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z"/>'),
    "list": Markup('<path d="M8 6h13M8 12h13M8 18h13M3.5 6h.01M3.5 12h.01M3.5 18h.01"/>'),
    "layers": Markup('<path d="M12 4l9 5-9 5-9-5zM3 14l9 5 9-5"/>'),
    "check": Markup('<path d="M4 12a8 8 0 1 0 16 0 8 8 0 1 0-16 0M8.5 12l2.5 2.5 4.5-5"/>'),
    "inbox": Markup('<path d="M4 13l2-8h12l2 8v6H4zM4 13h5c0 2 1 3 3 3s3-1 3-3h5"/>'),
    "book": Markup('<path d="M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11"/>'),
    "sliders": Markup(
        '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>'
    ),
    "plug": Markup('<path d="M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4"/>'),
    "plus": Markup('<path d="M12 5v14M5 12h14"/>'),
    "minus": Markup('<path d="M5 12h14"/>'),
    "in": Markup('<path d="M14 4h5v16h-5M4 12h10M10 8l4 4-4 4"/>'),
    "out": Markup('<path d="M10 4H5v16h5M10 12h10M16 8l4 4-4 4"/>'),
    "coin": Markup(
        '<circle cx="12" cy="12" r="8"/><path d="M15 9c-1-1-2-1-3-1-3 0-3 4 0 4s3 4 0 4c-1 0-2 0-3-1M12 6v12"/>'
    ),
    "pause": Markup('<path d="M9 6v12M15 6v12"/>'),
    "dot": Markup('<circle cx="12" cy="12" r="2"/>'),
    "warning": Markup('<path d="M12 4l9 16H3zM12 10v4M12 17h.01"/>'),
    "question": Markup(
        '<circle cx="12" cy="12" r="8.5"/><path d="M9.5 9.5a2.5 2.5 0 1 1 3.5 2c-1 .5-1 1-1 2M12 16.5h.01"/>'
    ),
    "search": Markup('<circle cx="11" cy="11" r="6"/><path d="M16 16l4 4"/>'),
    "key": Markup('<circle cx="8" cy="14" r="4"/><path d="M11 11l8-8M16 6l3 3"/>'),
}
