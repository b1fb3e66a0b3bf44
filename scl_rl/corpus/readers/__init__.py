"""Corpora in the layouts of their authors, read into documents."""
