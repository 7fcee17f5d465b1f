"""Who is told of a match, and what becomes of each alert. Pure: (state, record, now) in, (state, decisions) out."""
