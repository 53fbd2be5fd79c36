"""Every endpoint that the clients have, declared once; a test holds them to the API's own document."""
