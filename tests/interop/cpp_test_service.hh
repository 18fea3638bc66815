// grpc.testing.TestService on libgrpc++, as the official interop cases need it. Included once, by cpp_peer.cc.
#ifndef FLATLINE_TESTS_INTEROP_CPP_TEST_SERVICE_HH
#define FLATLINE_TESTS_INTEROP_CPP_TEST_SERVICE_HH

#include "test.grpc.pb.cc"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <string>

// grpc exports this for its own interop server, without a header: nothing else tells how a message came.
uint32_t grpc_call_test_only_get_message_flags(grpc_call *call);

namespace grpc {
namespace testing {

// The name that ServerContext has as a friend.
class InteropServerContextInspector {
  public:
    // Whether the last message that was read came compressed.
    static bool CameCompressed(const ServerContext &context)
    {
        // GRPC_WRITE_INTERNAL_COMPRESS, and ..._TEST_ONLY_WAS_COMPRESSED, which replaces it on decompression.
        const uint32_t compressed = 0x80000000u | 0x40000000u;
        return (grpc_call_test_only_get_message_flags(context.call_.call) & compressed) != 0;
    }
};

} // namespace testing
} // namespace grpc

namespace interop {

using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;
using namespace grpc::testing;

inline void EchoMetadata(ServerContext *context)
{
    static const char initial[] = "x-grpc-test-echo-initial";
    static const char trailing[] = "x-grpc-test-echo-trailing-bin";
    const auto &metadata = context->client_metadata();
    auto found = metadata.find(initial);
    if (found != metadata.end())
        context->AddInitialMetadata(initial, std::string(found->second.data(), found->second.size()));
    found = metadata.find(trailing);
    if (found != metadata.end())
        context->AddTrailingMetadata(trailing, std::string(found->second.data(), found->second.size()));
}

// What `request` says of its own compression is true, or it says nothing.
template <typename Request> bool AsExpected(const ServerContext &context, const Request &request)
{
    return !request.has_expect_compressed() ||
           request.expect_compressed().value() == InteropServerContextInspector::CameCompressed(context);
}

template <typename Request> Status StatusOf(const Request &request)
{
    const EchoStatus &wanted = request.response_status();
    return Status(static_cast<StatusCode>(wanted.code()), wanted.message());
}

inline Status Unexpected()
{
    return Status(StatusCode::INVALID_ARGUMENT, "the request is not compressed as it says");
}

// The replies that `request` lists; false once the call has ended. Whether a call compresses is decided before
// its first reply, so that a plain one is the exception.
template <typename Stream>
bool WriteReplies(ServerContext *context, const StreamingOutputCallRequest &request, Stream *stream)
{
    for (const ResponseParameters &wanted : request.response_parameters()) {
        StreamingOutputCallResponse reply;
        grpc::WriteOptions options;
        if (wanted.has_compressed())
            context->set_compression_level(GRPC_COMPRESS_LEVEL_HIGH);
        if (!wanted.compressed().value())
            options.set_no_compression();
        reply.mutable_payload()->set_body(std::string(wanted.size(), '\0'));
        if (!stream->Write(reply, options))
            return false;
    }
    return true;
}

class TestServer final : public TestService::Service {
    Status EmptyCall(ServerContext *, const Empty *, Empty *) override
    {
        return Status::OK;
    }

    Status UnaryCall(ServerContext *context, const SimpleRequest *request, SimpleResponse *reply) override
    {
        EchoMetadata(context);
        if (!AsExpected(*context, *request))
            return Unexpected();
        if (request->has_response_status())
            return StatusOf(*request);
        if (request->response_compressed().value())
            context->set_compression_level(GRPC_COMPRESS_LEVEL_HIGH);
        reply->mutable_payload()->set_body(std::string(request->response_size(), '\0'));
        return Status::OK;
    }

    Status CacheableUnaryCall(ServerContext *context, const SimpleRequest *, SimpleResponse *reply) override
    {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        context->AddInitialMetadata("cache-control", "max-age=60, public");
        reply->mutable_payload()->set_body(
            std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()));
        return Status::OK;
    }

    Status StreamingOutputCall(ServerContext *context, const StreamingOutputCallRequest *request,
                               grpc::ServerWriter<StreamingOutputCallResponse> *stream) override
    {
        return WriteReplies(context, *request, stream) ? Status::OK : Status::CANCELLED;
    }

    Status StreamingInputCall(ServerContext *context, grpc::ServerReader<StreamingInputCallRequest> *stream,
                              StreamingInputCallResponse *reply) override
    {
        StreamingInputCallRequest request;
        size_t sum = 0;
        while (stream->Read(&request)) {
            if (!AsExpected(*context, request))
                return Unexpected();
            sum += request.payload().body().size();
        }
        reply->set_aggregated_payload_size(static_cast<int32_t>(sum));
        return Status::OK;
    }

    using Turns = grpc::ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>;

    Status FullDuplexCall(ServerContext *context, Turns *stream) override
    {
        StreamingOutputCallRequest request;
        EchoMetadata(context);
        while (stream->Read(&request)) {
            if (request.has_response_status())
                return StatusOf(request);
            if (!WriteReplies(context, request, stream))
                return Status::CANCELLED;
        }
        return Status::OK;
    }
};

} // namespace interop

#endif
