"""The read side: for each endpoint its SQL, its answer and the function between them, on one screen."""
