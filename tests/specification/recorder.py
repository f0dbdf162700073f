"""The reference, writing down every token it is asked about: as a factory in process, or as an adapter.

It declares no ML-DSA, whose signatures are randomised.
"""

import json
import os
from pathlib import Path

from bearerproof.adapter import serve
from bearerproof.contract.connections import Handle
from bearerproof.members import Json
from bearerproof_reference.adapter import create as reference


def create() -> Handle:
    """Append each token, with all it is presented under, to the file that the environment names."""
    handle = reference().handle
    file = Path(os.environ["BEARERPROOF_TOKENS"]).open("a", encoding="ascii")  # noqa: SIM115 - lives with the process

    def record(request: Json) -> Json:
        if request["op"].startswith("verify"):
            file.write(json.dumps({**request, "id": 0}, sort_keys=True) + "\n")
            file.flush()
        answer = handle(request)
        if request["op"] == "hello":
            declared = answer["capabilities"]
            declared["algorithms"] = [name for name in declared["algorithms"] if not name.startswith("ML-DSA")]
        return answer

    return record


if __name__ == "__main__":
    serve(create())
