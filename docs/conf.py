"""The docs site: Sphinx reads these pages as they are. `make site` builds it into build/site."""

from scl_rl import __version__

project = "scl-rl"
release = version = __version__
extensions = ["myst_parser"]
exclude_patterns = ["**.json"]
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]  # blocks with `…` in place of what differs

html_theme = "furo"  # with the reader's own fonts: the site loads nothing from elsewhere
html_title = f"scl-rl {release}"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
