"""What `openride doctor` checks. Each check looks, changes nothing, and says what to do."""
