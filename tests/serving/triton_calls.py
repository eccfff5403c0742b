"""Run by a Python that has ``tritonclient[http]``: what Triton's own examples ask of a server; says ``well``.

python triton_calls.py HOST:PORT
"""

import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException


def sums(client: triton.InferenceServerClient, **packing: str) -> None:
    one, other = np.arange(16, dtype=np.int32)[None], np.full((1, 16), -1, np.int32)
    inputs = [triton.InferInput(f"INPUT{n}", [1, 16], "INT32") for n in (0, 1)]
    inputs[0].set_data_from_numpy(one, binary_data=False)
    inputs[1].set_data_from_numpy(other, binary_data=True)
    wanted = [triton.InferRequestedOutput(f"OUTPUT{n}", binary_data=n == 0) for n in (0, 1)]
    for outputs in (wanted, None):
        found = client.infer("simple", inputs, outputs=outputs, query_params={"test_1": 1}, request_id="7", **packing)
        assert (found.as_numpy("OUTPUT0") == one + other).all()
        assert (found.as_numpy("OUTPUT1") == one - other).all()
        assert found.get_response()["id"] == "7"


def texts(client: triton.InferenceServerClient) -> None:
    numbers = np.array([str(n).encode() for n in range(16)], np.object_).reshape(1, 16)
    inputs = [triton.InferInput(f"INPUT{n}", [1, 16], "BYTES") for n in (0, 1)]
    inputs[0].set_data_from_numpy(numbers, binary_data=True)
    inputs[1].set_data_from_numpy(np.array([b"1"] * 16, np.object_).reshape(1, 16), binary_data=False)
    wanted = [triton.InferRequestedOutput(f"OUTPUT{n}", binary_data=n == 0) for n in (0, 1)]
    found = client.infer("simple_string", inputs, outputs=wanted)
    assert [int(value) for value in found.as_numpy("OUTPUT0")[0]] == list(range(1, 17))
    assert [int(value) for value in found.as_numpy("OUTPUT1")[0]] == list(range(-1, 15))


def same(client: triton.InferenceServerClient, values: np.ndarray, binary: bool) -> None:
    inputs = [triton.InferInput("INPUT0", values.shape, "BYTES")]
    inputs[0].set_data_from_numpy(values, binary_data=binary)
    wanted = [triton.InferRequestedOutput("OUTPUT0", binary_data=binary)]
    found = client.infer("simple_identity", inputs, outputs=wanted).as_numpy("OUTPUT0")
    came_back = [value if isinstance(value, bytes) else str(value).encode() for value in found.ravel()]
    assert came_back == [bytes(value) for value in values.ravel()]


def control(client: triton.InferenceServerClient) -> None:
    client.unload_model("simple")
    assert not client.is_model_ready("simple")
    assert not client.is_server_ready()
    client.load_model("simple")
    assert client.is_model_ready("simple", "1")
    assert {entry["name"] for entry in client.get_model_repository_index()} == {
        "simple",
        "simple_string",
        "simple_identity",
    }


def main() -> None:
    client = triton.InferenceServerClient(sys.argv[1])
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["name"] == "sixfold"
    assert client.get_model_metadata("simple")["inputs"][0]["shape"] == [-1, 16]
    assert client.get_model_config("simple")["max_batch_size"] > 0
    sums(client)
    for packing in ("gzip", "deflate"):
        sums(client, request_compression_algorithm=packing, response_compression_algorithm=packing)
    texts(client)
    for binary in (True, False):
        same(client, np.array([b"he\x00llo"] * 16, np.object_).reshape(1, 16), binary)
        same(client, np.array([b"\x00\x01\x02\x03"] * 16, np.bytes_).reshape(1, 16), binary)
    assert len(client.get_inference_statistics("simple")["model_stats"]) == 1
    refused = ""
    try:
        client.infer("wrong_model_name", [triton.InferInput("INPUT0", [1, 16], "INT32")])
    except InferenceServerException as error:
        refused = error.message()
    assert refused.startswith("Request for unknown model")
    control(client)
    sys.stdout.write("well")


if __name__ == "__main__":
    main()
