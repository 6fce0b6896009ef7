"""How the stand-in counts tokens."""

CHARACTERS_PER_TOKEN = 4


def token_count(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)
