"""A yardstick for plans, by rules alone: nine checks, topic lists, goals, and faults to find."""
