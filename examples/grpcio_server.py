#!/usr/bin/python3
"""flatline.v1.Stress on grpcio (Debian: python3-grpcio), for examples/grpcio.yaml.

    [LEAK=BYTES] [DROP_EVERY=SECONDS] grpcio_server.py --port PORT [--host HOST] [--cert CERT --key KEY]

LEAK keeps so many bytes of every call for ever; DROP_EVERY cuts all connections now and then, without a word.
Both are there to be found. The few bytes of protobuf are made by hand, so that no stubs are needed.
"""
import argparse
import asyncio
import os
import platform
import random
import signal
import socket

import grpc

LEAK = int(os.environ.get("LEAK", "0"))
DROP_EVERY = float(os.environ.get("DROP_EVERY", "0"))
BODY_MIN, BODY_MAX = 128, 256
SERVING = b"\x08\x01"


def payload():
    body = random.randbytes(random.randint(BODY_MIN, BODY_MAX))
    return b"\x0a" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body


def count_of(request):
    """StreamRequest.count."""
    return sum((byte & 0x7F) << 7 * i for i, byte in enumerate(request[1:]))


class Stress(grpc.GenericRpcHandler):
    def __init__(self):
        self.leaked = []
        self.methods = {
            "/flatline.v1.Stress/NonStreaming": grpc.unary_unary_rpc_method_handler(self.one),
            "/flatline.v1.Stress/ClientStreaming": grpc.stream_unary_rpc_method_handler(self.last),
            "/flatline.v1.Stress/ServerStreaming": grpc.unary_stream_rpc_method_handler(self.stream),
            "/flatline.v1.Stress/BidiStreaming": grpc.stream_stream_rpc_method_handler(self.turns),
            "/grpc.health.v1.Health/Check": grpc.unary_unary_rpc_method_handler(self.health),
        }

    def service(self, details):
        return self.methods.get(details.method)

    def begin(self):
        if LEAK:
            self.leaked.append(bytes(LEAK))

    async def health(self, request, context):
        return SERVING

    async def one(self, request, context):
        self.begin()
        return payload()

    async def last(self, requests, context):
        self.begin()
        async for _ in requests:
            pass
        return payload()

    async def stream(self, request, context):
        self.begin()
        count, sent = count_of(request), 0
        while count == 0 or sent < count:
            yield payload()
            sent += 1

    async def turns(self, requests, context):
        self.begin()
        async for _ in requests:
            yield payload()


def connections(port):
    """Our sockets that somebody is connected to, as duplicates."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink("/proc/self/fd/" + name).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as one:
                if one.getsockname()[1] == port and one.getpeername():
                    yield one
        except (OSError, IndexError):
            pass


async def drop(port, seconds):
    while True:
        await asyncio.sleep(seconds)
        for one in connections(port):
            one.shutdown(socket.SHUT_RDWR)


async def serve(args):
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((Stress(),))
    address = "%s:%d" % (args.host, args.port)
    if args.cert:
        with open(args.cert, "rb") as cert, open(args.key, "rb") as key:
            credentials = grpc.ssl_server_credentials([(key.read(), cert.read())])
        port = server.add_secure_port(address, credentials)
    else:
        port = server.add_insecure_port(address)
    await server.start()
    print("listening on %s:%d" % (args.host, port), flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    dropping = asyncio.create_task(drop(port, DROP_EVERY)) if DROP_EVERY else None
    await ended.wait()
    if dropping:
        dropping.cancel()
    await server.stop(0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--version", action="version",
                        version="grpcio_server %s-python-%s" % (grpc.__version__, platform.python_version()))
    parser.add_argument("--cert", help="with --key: TLS")
    parser.add_argument("--key")
    args = parser.parse_args()
    if (args.cert is None) != (args.key is None):
        parser.error("--cert and --key go together")
    asyncio.run(serve(args))


main()
