// libgrpc++ as the other end of our programs; see cpp_peers.py. Prints "ok WHAT" or "not ok WHAT: WHY".
//
//   cpp_peer client PORT [CERT]      calls flatline.v1.Stress, TestService and grpc.health.v1.Health
//   cpp_peer server [CERT KEY]       serves them and grpc.testing.TestService until SIGTERM
//
// The generated stubs are included, not compiled beside: grpc's headers are what takes the time.
#include "flatline.grpc.pb.cc"
#include "health.grpc.pb.cc"
#include "tests/interop/cpp_test_service.hh"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

using flatline::v1::Payload;
using flatline::v1::Stress;
using flatline::v1::StreamRequest;
using grpc::ClientContext;
using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;

namespace {

std::string Read(const char *path)
{
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

Payload Random(size_t size = 200)
{
    thread_local std::mt19937 random(std::random_device{}());
    std::string body(size, '\0');
    for (char &c : body)
        c = static_cast<char>(random());
    Payload payload;
    payload.set_body(body);
    return payload;
}

bool WellFormed(const Payload &payload)
{
    return payload.body().size() >= 128 && payload.body().size() <= 256;
}

int failures = 0;

void Say(const std::string &what, bool passed, const Status &status)
{
    std::cout << (passed ? "ok " : "not ok ") << what;
    if (!passed)
        std::cout << ": status " << status.error_code() << " " << status.error_message();
    std::cout << std::endl;
    failures += !passed;
}

using Setup = void (*)(ClientContext *);

void Plain(ClientContext *)
{
}

void Gzip(ClientContext *context)
{
    context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
}

void Deflate(ClientContext *context)
{
    context->set_compression_algorithm(GRPC_COMPRESS_DEFLATE);
}

void Metadata(ClientContext *context)
{
    context->AddMetadata("x-flatline-test", "plain text");
    context->AddMetadata("x-flatline-bin", std::string("\0\1\xfe\xff", 4));
}

void Soon(ClientContext *context)
{
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
}

// A body that shrinks, so that it goes out compressed.
Payload Repetitive()
{
    Payload payload;
    payload.set_body(std::string(200, 'x'));
    return payload;
}

void TestUnary(Stress::Stub *stub, const char *what, Setup setup)
{
    ClientContext context;
    Payload reply;
    setup(&context);
    Status status = stub->NonStreaming(&context, Repetitive(), &reply);
    Say(std::string("non-streaming, ") + what, status.ok() && WellFormed(reply), status);
}

void TestClientStream(Stress::Stub *stub, const char *what, Setup setup)
{
    ClientContext context;
    Payload reply;
    setup(&context);
    auto stream = stub->ClientStreaming(&context, &reply);
    for (int i = 0; i < 50; i++)
        stream->Write(Random());
    stream->WritesDone();
    Status status = stream->Finish();
    Say(std::string("client streaming of 50, ") + what, status.ok() && WellFormed(reply), status);
}

void TestServerStream(Stress::Stub *stub, const char *what, Setup setup)
{
    ClientContext context;
    StreamRequest request;
    Payload reply;
    int count = 0;
    setup(&context);
    request.set_count(50);
    auto stream = stub->ServerStreaming(&context, request);
    while (stream->Read(&reply))
        count += WellFormed(reply);
    Status status = stream->Finish();
    Say(std::string("server streaming of 50, ") + what, status.ok() && count == 50, status);
}

void TestBidi(Stress::Stub *stub, const char *what, Setup setup)
{
    ClientContext context;
    Payload reply;
    int count = 0;
    setup(&context);
    auto stream = stub->BidiStreaming(&context);
    while (count < 50 && stream->Write(Random()) && stream->Read(&reply) && WellFormed(reply))
        count++;
    stream->WritesDone();
    bool more = stream->Read(&reply);
    Status status = stream->Finish();
    Say(std::string("bidi streaming of 50 in turn, ") + what, status.ok() && count == 50 && !more, status);
}

void TestEndless(Stress::Stub *stub)
{
    ClientContext cancelled, late;
    StreamRequest request;
    Payload reply;
    int count = 0;
    auto stream = stub->ServerStreaming(&cancelled, request);
    while (count < 100 && stream->Read(&reply))
        count++;
    cancelled.TryCancel();
    while (stream->Read(&reply)) {
    }
    Status status = stream->Finish();
    Say("an endless stream can be cancelled",
        count == 100 && status.error_code() == StatusCode::CANCELLED, status);

    late.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
    stream = stub->ServerStreaming(&late, request);
    while (stream->Read(&reply)) {
    }
    status = stream->Finish();
    // The server keeps the deadline as well, and may reset the stream first: no status passes a full window.
    bool ended = status.error_code() == StatusCode::DEADLINE_EXCEEDED ||
                 status.error_code() == StatusCode::CANCELLED;
    Say("an endless stream ends at its deadline", ended, status);
}

void TestRefusals(Stress::Stub *stub)
{
    ClientContext small, large;
    Payload reply;
    Status status = stub->NonStreaming(&small, Random(127), &reply);
    Say("a short body is INVALID_ARGUMENT, with a text",
        status.error_code() == StatusCode::INVALID_ARGUMENT && !status.error_message().empty(), status);
    status = stub->NonStreaming(&large, Random(5 << 20), &reply);
    Say("5 MiB are RESOURCE_EXHAUSTED", status.error_code() == StatusCode::RESOURCE_EXHAUSTED, status);
}

void TestHealth(grpc::health::v1::Health::Stub *stub, const char *service, StatusCode expected)
{
    ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    grpc::health::v1::HealthCheckResponse reply;
    request.set_service(service);
    Status status = stub->Check(&context, request, &reply);
    bool serving = reply.status() == grpc::health::v1::HealthCheckResponse::SERVING;
    Say(std::string("health of '") + service + "'",
        status.error_code() == expected && serving == (expected == StatusCode::OK), status);
}

// TestService sends back one header of each sort: text leading, binary trailing.
void TestMetadata(grpc::testing::TestService::Stub *stub)
{
    static const char initial[] = "x-grpc-test-echo-initial", trailing[] = "x-grpc-test-echo-trailing-bin";
    const std::string text = "a text, with ~ and \" in it", octets("\0\1\n,\xfe\xff", 6);
    ClientContext context;
    grpc::testing::SimpleRequest request;
    grpc::testing::SimpleResponse reply;
    context.AddMetadata(initial, text);
    context.AddMetadata(trailing, octets);
    Status status = stub->UnaryCall(&context, request, &reply);
    const auto &leading = context.GetServerInitialMetadata();
    const auto &last = context.GetServerTrailingMetadata();
    auto first = leading.find(initial);
    auto second = last.find(trailing);
    Say("text metadata comes back in the headers",
        status.ok() && first != leading.end() && std::string(first->second.data(), first->second.size()) == text,
        status);
    Say("binary metadata comes back in the trailers",
        status.ok() && second != last.end() &&
            std::string(second->second.data(), second->second.size()) == octets,
        status);
}

int Client(const char *port, const char *cert)
{
    std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
    if (cert != nullptr) {
        grpc::SslCredentialsOptions options;
        options.pem_root_certs = Read(cert);
        credentials = grpc::SslCredentials(options);
    }
    auto channel = grpc::CreateChannel(std::string("localhost:") + port, credentials);
    auto stress = Stress::NewStub(channel);
    auto health = grpc::health::v1::Health::NewStub(channel);
    static const struct {
        const char *what;
        Setup setup;
    } ways[] = {
        {"plain", Plain}, {"gzip", Gzip}, {"deflate", Deflate}, {"metadata", Metadata}, {"a deadline", Soon}};
    for (const auto &way : ways) {
        TestUnary(stress.get(), way.what, way.setup);
        TestClientStream(stress.get(), way.what, way.setup);
        TestServerStream(stress.get(), way.what, way.setup);
        TestBidi(stress.get(), way.what, way.setup);
    }
    TestEndless(stress.get());
    TestRefusals(stress.get());
    TestMetadata(grpc::testing::TestService::NewStub(channel).get());
    TestHealth(health.get(), "", StatusCode::OK);
    TestHealth(health.get(), "flatline.v1.Stress", StatusCode::OK);
    TestHealth(health.get(), "nobody", StatusCode::NOT_FOUND);
    return failures != 0;
}

// A request that is not as ours must be ends the test loudly.
bool Check(const Payload &request)
{
    if (!WellFormed(request))
        std::cout << "not ok a request's body has " << request.body().size() << " bytes" << std::endl;
    return WellFormed(request);
}

class StressServer final : public Stress::Service {
  public:
    explicit StressServer(bool compressible) : compressible_(compressible)
    {
    }

  private:
    Payload Reply() const
    {
        return compressible_ ? Repetitive() : Random();
    }

    Status NonStreaming(ServerContext *, const Payload *request, Payload *reply) override
    {
        *reply = Reply();
        return Check(*request) ? Status::OK : Status(StatusCode::INVALID_ARGUMENT, "wrong body");
    }

    Status ClientStreaming(ServerContext *, grpc::ServerReader<Payload> *stream, Payload *reply) override
    {
        Payload request;
        while (stream->Read(&request)) {
            if (!Check(request))
                return Status(StatusCode::INVALID_ARGUMENT, "wrong body");
        }
        *reply = Reply();
        return Status::OK;
    }

    Status ServerStreaming(ServerContext *, const StreamRequest *request,
                           grpc::ServerWriter<Payload> *stream) override
    {
        for (uint64_t i = 0; request->count() == 0 || i < request->count(); i++) {
            if (!stream->Write(Reply()))
                return Status::CANCELLED;
        }
        return Status::OK;
    }

    Status BidiStreaming(ServerContext *, grpc::ServerReaderWriter<Payload, Payload> *stream) override
    {
        Payload request;
        while (stream->Read(&request)) {
            if (!Check(request))
                return Status(StatusCode::INVALID_ARGUMENT, "wrong body");
            if (!stream->Write(Reply()))
                return Status::CANCELLED;
        }
        return Status::OK;
    }

    const bool compressible_;
};

// What the environment asks for; libgrpc++ sends a message plain that would not shrink.
grpc_compression_algorithm Compression()
{
    const char *name = std::getenv("COMPRESS");
    std::string wanted = name == nullptr ? "" : name;
    return wanted == "gzip"      ? GRPC_COMPRESS_GZIP
           : wanted == "deflate" ? GRPC_COMPRESS_DEFLATE
                                 : GRPC_COMPRESS_NONE;
}

int Serve(const char *cert, const char *key)
{
    const grpc_compression_algorithm compression = Compression();
    StressServer stress(compression != GRPC_COMPRESS_NONE);
    interop::TestServer test;
    grpc::ServerBuilder builder;
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    int port = 0, got = 0;
    sigset_t stop;

    // Before grpc has threads, so that the signal is only ours.
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, nullptr);
    if (cert != nullptr) {
        grpc::SslServerCredentialsOptions options;
        options.pem_key_cert_pairs.push_back({Read(key), Read(cert)});
        credentials = grpc::SslServerCredentials(options);
    }
    grpc::EnableDefaultHealthCheckService(true);
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    if (compression != GRPC_COMPRESS_NONE)
        builder.SetDefaultCompressionAlgorithm(compression);
    builder.RegisterService(&stress);
    builder.RegisterService(&test);
    auto server = builder.BuildAndStart();
    if (server == nullptr)
        return 3;
    std::cout << "listening on 127.0.0.1:" << port << std::endl;
    sigwait(&stop, &got);
    server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    return 0;
}

} // namespace

int main(int argc, char **argv)
{
    std::string mode = argc > 1 ? argv[1] : "";
    if (mode == "client" && (argc == 3 || argc == 4))
        return Client(argv[2], argc == 4 ? argv[3] : nullptr);
    if (mode == "server" && (argc == 2 || argc == 4))
        return argc == 4 ? Serve(argv[2], argv[3]) : Serve(nullptr, nullptr);
    std::cerr << "usage: cpp_peer client PORT [CERT] | server [CERT KEY]" << std::endl;
    return 2;
}
