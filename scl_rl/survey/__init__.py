"""Files of documents and spans, looked at as a whole: what is wrong with them, and what is in them."""
