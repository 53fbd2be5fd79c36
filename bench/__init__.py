"""`openride bench`: this application beside its peers, each a process; only one that runs is imported."""
