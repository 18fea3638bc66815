// Calls flatline.v1.Stress on libgrpc++ for ever, for examples/cpp.yaml. `make
// examples/cpp_client` builds it.
//
//   cpp_client --server HOST:PORT [--cert CERT] [--server-streaming N | --bidi-streaming N]
//
// Calls of all four kinds, one after the other; a server that is gone is waited for. A wrong reply
// or status ends it with status 1. With N, it is one call of that kind with so many messages, and
// then the end.
#include "flatline.grpc.pb.cc"

#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <fstream>
#include <getopt.h>
#include <iostream>
#include <random>
#include <sstream>

using flatline::v1::Payload;
using flatline::v1::StreamRequest;
using flatline::v1::Stress;
using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;

namespace
{

constexpr int kCount = 10;

struct Options {
    std::string server, cert;
    int server_streaming = 0, bidi_streaming = 0;
};

Payload Random()
{
    thread_local std::mt19937 random(std::random_device{}());
    std::string body(128 + random() % 129, '\0');
    for (char &c : body)
        c = static_cast<char>(random());
    Payload payload;
    payload.set_body(std::move(body));
    return payload;
}

[[noreturn]] void Fail(const std::string &what)
{
    std::cerr << what << std::endl;
    std::exit(1);
}

void CheckReply(const Payload &reply)
{
    if (reply.body().size() < 128 || reply.body().size() > 256)
        Fail("wrong reply: " + std::to_string(reply.body().size()) + " bytes");
}

// True if the call went well; not if its server ended.
bool CheckStatus(const Status &status)
{
    switch (status.error_code()) {
    case StatusCode::OK:
        return true;
    case StatusCode::UNAVAILABLE:
    case StatusCode::CANCELLED:
    case StatusCode::UNKNOWN:
    case StatusCode::INTERNAL:
        return false;
    default:
        Fail("a call failed: " + status.error_message());
    }
}

// True if the call went well.
bool CheckCount(const Status &status, int count, int wanted)
{
    if (!CheckStatus(status))
        return false;
    if (count != wanted)
        Fail("wrong reply: " + std::to_string(count) + " messages");
    return true;
}

void CallNonStreaming(Stress::Stub *stub)
{
    ClientContext context;
    Payload reply;

    context.set_wait_for_ready(true);
    if (CheckStatus(stub->NonStreaming(&context, Random(), &reply)))
        CheckReply(reply);
}

void CallClientStreaming(Stress::Stub *stub)
{
    ClientContext context;
    Payload reply;

    auto stream = stub->ClientStreaming(&context, &reply);
    for (int i = 0; i < kCount && stream->Write(Random()); i++) {
    }
    stream->WritesDone();
    if (CheckStatus(stream->Finish()))
        CheckReply(reply);
}

bool CallServerStreaming(Stress::Stub *stub, int wanted)
{
    ClientContext context;
    StreamRequest request;
    Payload reply;
    int count = 0;

    context.set_wait_for_ready(true);
    request.set_count(wanted);
    auto stream = stub->ServerStreaming(&context, request);
    for (; stream->Read(&reply); count++)
        CheckReply(reply);
    return CheckCount(stream->Finish(), count, wanted);
}

bool CallBidiStreaming(Stress::Stub *stub, int wanted)
{
    ClientContext context;
    Payload reply;
    int count = 0;

    context.set_wait_for_ready(true);
    auto stream = stub->BidiStreaming(&context);
    for (; count < wanted && stream->Write(Random()) && stream->Read(&reply); count++)
        CheckReply(reply);
    stream->WritesDone();
    return CheckCount(stream->Finish(), count, wanted);
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(const std::string &cert)
{
    if (cert.empty())
        return grpc::InsecureChannelCredentials();
    std::ostringstream text;
    text << std::ifstream(cert).rdbuf();
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = text.str();
    return grpc::SslCredentials(ssl);
}

[[noreturn]] void CallForEver(Stress::Stub *stub)
{
    for (;;) {
        CallNonStreaming(stub);
        CallClientStreaming(stub);
        CallServerStreaming(stub, kCount);
        CallBidiStreaming(stub, kCount);
    }
}

int Call(const Options &options)
{
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
    auto stub = Stress::NewStub(
        grpc::CreateCustomChannel(options.server, Credentials(options.cert), arguments));
    if (options.server_streaming > 0)
        return CallServerStreaming(stub.get(), options.server_streaming) ? 0 : 1;
    if (options.bidi_streaming > 0)
        return CallBidiStreaming(stub.get(), options.bidi_streaming) ? 0 : 1;
    CallForEver(stub.get());
}

bool Parse(int argc, char **argv, Options *options)
{
    static const option names[] = {{"server", required_argument, nullptr, 's'},
                                   {"cert", required_argument, nullptr, 'c'},
                                   {"server-streaming", required_argument, nullptr, 'r'},
                                   {"bidi-streaming", required_argument, nullptr, 'b'},
                                   {nullptr, 0, nullptr, 0}};
    for (int c; (c = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
        switch (c) {
        case 's':
            options->server = optarg;
            break;
        case 'c':
            options->cert = optarg;
            break;
        case 'r':
            options->server_streaming = std::atoi(optarg);
            break;
        case 'b':
            options->bidi_streaming = std::atoi(optarg);
            break;
        default:
            return false;
        }
    }
    return optind == argc && !options->server.empty();
}

} // namespace

int main(int argc, char **argv)
{
    Options options;
    if (Parse(argc, argv, &options))
        return Call(options);
    std::cerr << "usage: cpp_client --server HOST:PORT [--cert CERT] "
                 "[--server-streaming N | --bidi-streaming N]"
              << std::endl;
    return 2;
}
