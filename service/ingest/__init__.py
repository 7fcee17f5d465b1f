"""From the bytes of an article to clean text with zones, and back to the offsets as they were given. Pure."""
