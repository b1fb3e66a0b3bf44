"""Notes from plain text, and predictions in forms that other systems read."""
