"""The HTTP API in types: what may be chosen, and what is answered. The server and the client share it."""
