"""The dialects that real servers speak, and a stand-in that speaks any one of them.

    with DialectStandIn(DIALECTS["mistral"]) as standin:
        client = AsyncOpenAI(base_url=standin.base_url, api_key=standin.api_key)

Each dialect names the document or the report that it is drawn from. Where `quoted` is true, that
source quotes the traffic, and the stand-in replays it; limits and clocks are shortened.
"""

from tests.support.standin.dialects.dialect import Dialect
from tests.support.standin.dialects.gateways import GATEWAYS
from tests.support.standin.dialects.hosted import HOSTED
from tests.support.standin.dialects.llama_cpp import LLAMA_CPP
from tests.support.standin.dialects.local import LOCAL
from tests.support.standin.dialects.model_makers import MODEL_MAKERS
from tests.support.standin.dialects.openai import OPENAI
from tests.support.standin.dialects.openrouter import OPENROUTER
from tests.support.standin.dialects.server import DialectStandIn

__all__ = ["DIALECTS", "PLAIN", "Dialect", "DialectStandIn"]

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        *OPENAI,
        *OPENROUTER,
        *MODEL_MAKERS,
        *HOSTED,
        *GATEWAYS,
        *LLAMA_CPP,
        *LOCAL,
    )
}
"""Every dialect by its name."""

PLAIN = DIALECTS["openai-obedient"]
"""The dialect that any client speaks; what others cost is measured against it."""
