"""What is watched, found in what was read: entities, boundaries, sense, rules. Pure: no IO, no time, no luck."""
