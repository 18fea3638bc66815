// flatline.v1.Stress on libgrpc++, for examples/cpp.yaml. `make examples/cpp_server` builds it.
//
//   [LEAK=BYTES] [DROP_EVERY=SECONDS] cpp_server --port PORT [--host HOST] [--cert CERT --key KEY]
//
// LEAK keeps so many bytes of every call for ever; DROP_EVERY cuts all connections now and then,
// without a word. Both are there to be found.
#include "flatline.grpc.pb.cc"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <arpa/inet.h>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <getopt.h>
#include <iostream>
#include <random>
#include <sstream>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>

using flatline::v1::Payload;
using flatline::v1::StreamRequest;
using flatline::v1::Stress;
using grpc::ServerContext;
using grpc::Status;

namespace
{

struct Options {
    std::string host = "127.0.0.1", cert, key;
    int port = -1;
};

std::string Read(const std::string &path)
{
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// A switch in the environment; 0 without it.
double Switch(const char *name)
{
    const char *text = std::getenv(name);
    return text == nullptr ? 0 : std::atof(text);
}

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

class StressServer final : public Stress::Service
{
  public:
    explicit StressServer(size_t leak) : leak_(leak)
    {
    }

  private:
    void Begin() const
    {
        if (leak_ != 0) {
            static thread_local volatile char *lost;
            lost = new char[leak_];
            lost[0] = 1;
        }
    }

    Status NonStreaming(ServerContext *, const Payload *, Payload *reply) override
    {
        Begin();
        *reply = Random();
        return Status::OK;
    }

    Status ClientStreaming(ServerContext *, grpc::ServerReader<Payload> *stream,
                           Payload *reply) override
    {
        Payload request;
        Begin();
        while (stream->Read(&request)) {
        }
        *reply = Random();
        return Status::OK;
    }

    Status ServerStreaming(ServerContext *, const StreamRequest *request,
                           grpc::ServerWriter<Payload> *stream) override
    {
        Begin();
        for (uint64_t i = 0; request->count() == 0 || i < request->count(); i++) {
            if (!stream->Write(Random()))
                return Status::CANCELLED;
        }
        return Status::OK;
    }

    Status BidiStreaming(ServerContext *,
                         grpc::ServerReaderWriter<Payload, Payload> *stream) override
    {
        Payload request;
        Begin();
        while (stream->Read(&request)) {
            if (!stream->Write(Random()))
                return Status::CANCELLED;
        }
        return Status::OK;
    }

    const size_t leak_;
};

int PortOf(const sockaddr_storage &address)
{
    if (address.ss_family == AF_INET6)
        return ntohs(reinterpret_cast<const sockaddr_in6 &>(address).sin6_port);
    return address.ss_family == AF_INET
               ? ntohs(reinterpret_cast<const sockaddr_in &>(address).sin_port)
               : -1;
}

// Every socket of ours that somebody is connected to.
void DropAll(int port)
{
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    for (int fd = 0; fd < static_cast<int>(files.rlim_cur); fd++) {
        sockaddr_storage own{}, peer{};
        socklen_t own_size = sizeof own, peer_size = sizeof peer;
        if (getsockname(fd, reinterpret_cast<sockaddr *>(&own), &own_size) == 0 &&
            PortOf(own) == port &&
            getpeername(fd, reinterpret_cast<sockaddr *>(&peer), &peer_size) == 0)
            shutdown(fd, SHUT_RDWR);
    }
}

void KeepDropping(double seconds, int port)
{
    for (;;) {
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
        DropAll(port);
    }
}

std::shared_ptr<grpc::ServerCredentials> Credentials(const Options &options)
{
    if (options.cert.empty())
        return grpc::InsecureServerCredentials();
    grpc::SslServerCredentialsOptions ssl;
    ssl.pem_key_cert_pairs.push_back({Read(options.key), Read(options.cert)});
    return grpc::SslServerCredentials(ssl);
}

int Serve(const Options &options)
{
    const double drop_every = Switch("DROP_EVERY");
    StressServer stress(static_cast<size_t>(Switch("LEAK")));
    grpc::ServerBuilder builder;
    int port = 0, got = 0;
    sigset_t stop;

    // Before grpc has threads, so that the signal is only ours.
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, nullptr);
    grpc::EnableDefaultHealthCheckService(true);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(options.host + ":" + std::to_string(options.port),
                             Credentials(options), &port);
    builder.RegisterService(&stress);
    auto server = builder.BuildAndStart();
    if (server == nullptr || port == 0)
        return 3;
    if (drop_every > 0)
        std::thread(KeepDropping, drop_every, port).detach();
    std::cout << "listening on " << options.host << ":" << port << std::endl;
    sigwait(&stop, &got);
    server->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
    return 0;
}

bool Parse(int argc, char **argv, Options *options)
{
    static const option names[] = {
        {"host", required_argument, nullptr, 'h'},
        {"port", required_argument, nullptr, 'p'},
        {"cert", required_argument, nullptr, 'c'},
        {"key", required_argument, nullptr, 'k'},
        {"version", no_argument, nullptr, 'V'},
        {nullptr, 0, nullptr, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
        switch (c) {
        case 'h':
            options->host = optarg;
            break;
        case 'p':
            options->port = std::atoi(optarg);
            break;
        case 'c':
            options->cert = optarg;
            break;
        case 'k':
            options->key = optarg;
            break;
        case 'V':
            std::cout << "cpp_server " << grpc::Version() << std::endl;
            std::exit(0);
        default:
            return false;
        }
    }
    return optind == argc && options->port >= 0 && options->cert.empty() == options->key.empty();
}

} // namespace

int main(int argc, char **argv)
{
    Options options;
    if (Parse(argc, argv, &options))
        return Serve(options);
    std::cerr << "usage: [LEAK=BYTES] [DROP_EVERY=SECONDS] cpp_server --port PORT [--host HOST] "
                 "[--cert CERT --key KEY]"
              << std::endl;
    return 2;
}
