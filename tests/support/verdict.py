"""How a benchmark or a chaos run ends."""


def conclude(faults: list[str]) -> int:
    """Print the verdict in one line, and return the exit status that matches it."""
    print("FALLS SHORT: " + "; ".join(faults) if faults else "PASS")
    return 1 if faults else 0
