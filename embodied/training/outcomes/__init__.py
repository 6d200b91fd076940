"""Learning from what happened: episodes of the present weights, judged decision by decision (docs/rl.md)."""
