#!/usr/bin/env python3
"""llama.cpp's own HTTP server, out of the Python package xllamacpp. Prints `READY <url>` and serves until SIGTERM or SIGINT.

    llama_serve.py --model chain.gguf --port 8081 --alias chain --parallel 2 --metrics
"""

import argparse
import os
import signal
import sys
import threading
import time


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--ctx", type=int, default=2048, help="tokens, shared by the slots")
    parser.add_argument("--parallel", type=int, default=2, help="slots")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--alias", help="the model's name on the wire")
    parser.add_argument("--api-key-env", help="the variable that holds the key; a command line can be read by everybody")
    parser.add_argument("--metrics", action="store_true", help="serve /metrics")
    parser.add_argument("--embedding", action="store_true", help="serve embeddings instead of text")
    parser.add_argument("--ping", type=int, help="seconds between comments of a quiet stream")
    return parser.parse_args()


def same_kind(default, value):
    """Fields have changed between one value, a list and a set."""
    if isinstance(default, set):
        return {value}
    return [value] if isinstance(default, list) else value


def parameters(xllamacpp, given: argparse.Namespace):
    params = xllamacpp.CommonParams()
    params.model.path = given.model
    params.hostnames = same_kind(params.hostnames, given.host)
    params.port = given.port
    params.n_ctx = given.ctx
    params.n_parallel = given.parallel
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given.threads
    params.n_gpu_layers = 0
    params.endpoint_slots = True
    params.endpoint_metrics = given.metrics
    params.embedding = given.embedding
    params.use_jinja = True
    params.warmup = True
    params.verbosity = 0
    if given.alias:
        params.model_alias = same_kind(params.model_alias, given.alias)
    if given.api_key_env:
        params.api_keys = [os.environ[given.api_key_env]]
    if given.ping is not None:
        params.sse_ping_interval = given.ping
    return params


def main() -> int:
    started = time.monotonic()
    given = options()
    try:
        import xllamacpp
    except ImportError:
        print("xllamacpp is not installed in this Python; examples/inference/setup.sh makes one that has it", file=sys.stderr)
        return 1
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    try:
        server = xllamacpp.Server(parameters(xllamacpp, given))
    except Exception as error:  # its only one is RuntimeError, and its text says little
        print(f"llama.cpp did not start with {given.model}: {error}", file=sys.stderr)
        return 1
    print(f"READY {server.listening_address} after {time.monotonic() - started:.2f} s", flush=True)
    while not over.wait(1):
        pass
    # Its destructor waits for answers that are under way.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
