"""``scl-rl review``: an auditor's page for predictions, and what comes of the reviews made on it."""
