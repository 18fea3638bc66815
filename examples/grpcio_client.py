#!/usr/bin/python3
"""Calls flatline.v1.Stress on grpcio (Debian: python3-grpcio) for ever, for examples/grpcio.yaml.

    grpcio_client.py --server HOST:PORT [--cert CERT]

Calls of all four kinds, one after the other; a server that is gone is waited for. A wrong reply or status ends
it with status 1, SIGTERM with 0. The few bytes of protobuf are made by hand, so that no stubs are needed.
"""
import argparse
import asyncio
import random
import signal
import sys

import grpc

COUNT = 10
BODY_MIN, BODY_MAX = 128, 256
STREAM_REQUEST = bytes([0x08, COUNT])
# What a server's end looks like to a call of it.
ENDED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)


def payload():
    body = random.randbytes(random.randint(BODY_MIN, BODY_MAX))
    return b"\x0a" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body


def payloads():
    return (payload() for _ in range(COUNT))


def check(replies, count):
    if len(replies) != count or not all(BODY_MIN + 3 <= len(reply) <= BODY_MAX + 3 for reply in replies):
        sys.exit("wrong reply: %d messages, should be %d of %d to %d bytes" % (len(replies), count, BODY_MIN, BODY_MAX))


async def call_all(channel):
    path = "/flatline.v1.Stress/"
    check([await channel.unary_unary(path + "NonStreaming")(payload(), wait_for_ready=True)], 1)
    check([await channel.stream_unary(path + "ClientStreaming")(payloads())], 1)
    check([reply async for reply in channel.unary_stream(path + "ServerStreaming")(STREAM_REQUEST)], COUNT)
    check([reply async for reply in channel.stream_stream(path + "BidiStreaming")(payloads())], COUNT)


async def call_for_ever(args):
    options = [("grpc.max_reconnect_backoff_ms", 500), ("grpc.min_reconnect_backoff_ms", 100)]
    if args.cert:
        with open(args.cert, "rb") as cert:
            channel = grpc.aio.secure_channel(args.server, grpc.ssl_channel_credentials(cert.read()), options)
    else:
        channel = grpc.aio.insecure_channel(args.server, options)
    async with channel:
        while True:
            try:
                await call_all(channel)
            except grpc.aio.AioRpcError as error:
                if error.code() not in ENDED:
                    sys.exit("a call failed: %s" % error)


async def run(args):
    calls = asyncio.create_task(call_for_ever(args))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, calls.cancel)
    try:
        await calls
    except asyncio.CancelledError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--server", required=True, metavar="HOST:PORT")
    parser.add_argument("--cert", help="TLS; the certificate to trust")
    asyncio.run(run(parser.parse_args()))


main()
