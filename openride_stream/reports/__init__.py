"""Reports: when they are due, what is in them, the files that they become, the mail that carries them."""
