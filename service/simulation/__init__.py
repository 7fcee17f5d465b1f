"""The whole line on a virtual clock, without a broker: pure, and so the same day always gives the same answers."""
