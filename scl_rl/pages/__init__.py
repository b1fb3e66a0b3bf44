"""Single-file web pages: templates that escape, scripts and styles named by hash, no network."""

from .page import Asset, data_block, render_page

__all__ = ["Asset", "data_block", "render_page"]
