"""Dead letters after the fact: read them, send them through the front door again, delete them."""
