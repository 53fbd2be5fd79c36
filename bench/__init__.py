"""`openride bench`: this application beside its peers. Each peer is a process; only one that runs is imported."""
