"""The history: what the topics say of deliveries, attempts, decisions and changes, as rows that can be asked.

A projection and no truth: it depends on nothing but the topics, so it may be deleted and is read again.
"""
