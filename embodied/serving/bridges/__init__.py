"""Others' protocols, spoken by the same planner and the same robots."""
