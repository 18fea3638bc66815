// Calls flatline.v1.Stress on libgrpc++ for ever, for examples/cpp.yaml. `make
// examples/cpp_client` builds it.
//
//   cpp_client --server HOST:PORT [--cert CERT]
//
// Calls of all four kinds, one after the other; a server that is gone is waited for. A wrong reply
// or status ends it with status 1.
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

void CheckCount(const Status &status, int count)
{
    if (CheckStatus(status) && count != kCount)
        Fail("wrong reply: " + std::to_string(count) + " messages");
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

void CallServerStreaming(Stress::Stub *stub)
{
    ClientContext context;
    StreamRequest request;
    Payload reply;
    int count = 0;

    request.set_count(kCount);
    auto stream = stub->ServerStreaming(&context, request);
    for (; stream->Read(&reply); count++)
        CheckReply(reply);
    CheckCount(stream->Finish(), count);
}

void CallBidiStreaming(Stress::Stub *stub)
{
    ClientContext context;
    Payload reply;
    int count = 0;

    auto stream = stub->BidiStreaming(&context);
    for (; count < kCount && stream->Write(Random()) && stream->Read(&reply); count++)
        CheckReply(reply);
    stream->WritesDone();
    CheckCount(stream->Finish(), count);
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

[[noreturn]] void CallForEver(const std::string &server, const std::string &cert)
{
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
    auto stub = Stress::NewStub(grpc::CreateCustomChannel(server, Credentials(cert), arguments));
    for (;;) {
        CallNonStreaming(stub.get());
        CallClientStreaming(stub.get());
        CallServerStreaming(stub.get());
        CallBidiStreaming(stub.get());
    }
}

} // namespace

int main(int argc, char **argv)
{
    static const option names[] = {{"server", required_argument, nullptr, 's'},
                                   {"cert", required_argument, nullptr, 'c'},
                                   {nullptr, 0, nullptr, 0}};
    std::string server, cert;
    for (int c; (c = getopt_long(argc, argv, "", names, nullptr)) != -1;)
        (c == 's' ? server : cert) = c == '?' ? "" : optarg;
    if (!server.empty() && optind == argc)
        CallForEver(server, cert);
    std::cerr << "usage: cpp_client --server HOST:PORT [--cert CERT]" << std::endl;
    return 2;
}
