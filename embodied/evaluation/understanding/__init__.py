"""How well a mind understands people: wordings with the outcomes that are right, played in physics and judged by the
true state of the world. `wordings/` holds the fixed sets; of the test sets only counts per kind are to be read."""
