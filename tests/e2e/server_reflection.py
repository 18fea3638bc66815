"""A client that knows nothing of our .proto files lists the services, fetches their descriptors by
reflection (v1 and v1alpha), and calls a method with nothing but those."""

import os
import sys

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import grpc
import stubs
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from program import Server
from tap import Tap

tap = Tap()
LIMIT = 30.0  # seconds for any one call
NOT_FOUND, INVALID_ARGUMENT = 5, 3
PUBLIC = [
    "flatline.v1.Relay",
    "flatline.v1.Stress",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "grpc.testing.BenchmarkService",
    "grpc.testing.TestService",
]


class Reflection:
    def __init__(self, channel, version):
        self.pb = stubs.load("reflection" if version == "v1" else "reflection_" + version)
        self.call = stubs.method(
            channel,
            "/grpc.reflection.%s.ServerReflection/ServerReflectionInfo" % version,
            "stream_stream",
            self.pb.ServerReflectionRequest,
            self.pb.ServerReflectionResponse,
        )

    def ask(self, *questions):
        requests = [self.pb.ServerReflectionRequest(host="here", **each) for each in questions]
        return list(self.call(iter(requests), timeout=LIMIT))

    def file(self, **question):
        (reply,) = self.ask(question)
        (data,) = reply.file_descriptor_response.file_descriptor_proto
        return descriptor_pb2.FileDescriptorProto.FromString(data)


def fetch(reflection, pool, file, seen):
    """Adds the file to the pool, and before it what it imports."""
    for name in file.dependency:
        if name not in seen:
            fetch(reflection, pool, reflection.file(file_by_filename=name), seen)
    seen.add(file.name)
    pool.Add(file)


def test_describe(reflection, version):
    (reply,) = reflection.ask({"list_services": "*"})
    names = sorted(service.name for service in reply.list_services_response.service)
    tap.check("%s: list_services" % version, names == PUBLIC, names)
    same = reply.valid_host == "here" and reply.original_request.list_services == "*"
    tap.check("%s: the question comes back with the answer" % version, same)
    pool, seen = descriptor_pool.DescriptorPool(), set()
    for name in names:
        file = reflection.file(file_containing_symbol=name)
        if file.name not in seen:
            fetch(reflection, pool, file, seen)
        methods = [method.name for method in pool.FindServiceByName(name).methods]
        tap.check("%s: %s can be described" % (version, name), methods, methods)
    return pool


def test_symbols(reflection, version):
    symbols = {
        "flatline.v1.Payload": "flatline.proto",
        "flatline.v1.Payload.body": "flatline.proto",
        "grpc.testing.TestService.UnaryCall": "test.proto",
        "grpc.testing.COMPRESSABLE": "messages.proto",
        "grpc.health.v1.HealthCheckResponse.ServingStatus": "health.proto",
        "grpc.health.v1.HealthCheckResponse.SERVING": "health.proto",
    }
    for symbol, expected in symbols.items():
        found = reflection.file(file_containing_symbol=symbol).name
        tap.check("%s: %s is in %s" % (version, symbol, expected), found == expected, found)
    unknown = (
        [{"file_containing_symbol": name} for name in ("nobody", "flatline.v1", "flatline.v1.", "")]
        + [{"file_containing_symbol": "flatline.v1.Payload.bod"}]
        + [{"file_by_filename": "nobody.proto"}, {"all_extension_numbers_of_type": "nobody"}]
        + [{"file_containing_extension": {"containing_type": "flatline.v1.Payload"}}]
    )
    replies = reflection.ask(*unknown)
    codes = [reply.error_response.error_code for reply in replies]
    tap.check("%s: the unknown is NOT_FOUND" % version, codes == [NOT_FOUND] * len(unknown), codes)
    known, nothing = reflection.ask({"all_extension_numbers_of_type": "flatline.v1.Payload"}, {})
    numbers = known.all_extension_numbers_response
    none = numbers.base_type_name == "flatline.v1.Payload" and not numbers.extension_number
    tap.check("%s: a known type without extensions" % version, none, known)
    tap.check(
        "%s: a request for nothing" % version,
        nothing.error_response.error_code == INVALID_ARGUMENT,
        nothing,
    )
    replies = reflection.ask(*[{"file_by_filename": "flatline.proto"}] * 500)
    tap.check("%s: 500 questions in one call" % version, len(replies) == 500, len(replies))


def test_call(channel, pool):
    """As grpcurl does: messages made of descriptors alone."""
    method = pool.FindServiceByName("grpc.testing.TestService").FindMethodByName("UnaryCall")
    factory = message_factory.MessageFactory(pool)
    kind = factory.GetPrototype(method.input_type)
    request = kind(response_size=7)
    reply = factory.GetPrototype(method.output_type)
    path = "/%s/%s" % (method.containing_service.full_name, method.name)
    answer = stubs.method(channel, path, "unary_unary", kind, reply)(request, timeout=LIMIT)
    tap.check("a method is called by its description", len(answer.payload.body) == 7, answer)


def test_refusal(channel):
    call = channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    )
    try:
        list(call(iter([b"\x1a\x05x"]), timeout=LIMIT))
        code = "OK"
    except grpc.RpcError as error:
        code = error.code().name
    tap.check("garbage is INTERNAL", code == "INTERNAL", code)


with Server() as server:
    with grpc.insecure_channel("127.0.0.1:%d" % server.port) as channel:
        for version in ("v1", "v1alpha"):
            reflection = Reflection(channel, version)
            pool = test_describe(reflection, version)
            test_symbols(reflection, version)
            test_call(channel, pool)
        test_refusal(channel)
    tap.check("the server ends with 0", server.stop() == 0, server.said())
tap.done()
