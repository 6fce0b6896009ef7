"""Attacks on the service as in production, and what has to hold meanwhile.

Two Gunicorn workers over the real PostgREST and PostgreSQL. Attackers send what they like over raw
sockets, the model's server and PostgREST answer what they like, and somebody signals processes and
sets clocks. Beside each attack, a prober asks for `/health` and learners do what learners do.

One module per kind of attacker: `connections`, `requests`, `bodies` and `streams` come from the
network, `models` and `databases` are servers that we depend on, `processes` and `clocks` belong to
the machine. `trial` runs them in groups.
"""
