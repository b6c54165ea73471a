"""How the users' pages are built."""

from dcluster_provider import __version__

project = "dcluster-provider"
release = __version__
extensions = ["myst_parser"]
exclude_patterns = ["images"]
html_theme = "furo"
html_title = f"dcluster-provider {release}"
myst_heading_anchors = 3
