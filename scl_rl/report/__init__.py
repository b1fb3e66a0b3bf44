"""``report.html``: a run as a person reads it."""
