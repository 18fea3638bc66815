// grpc.testing.TestService as the official interop cases need it. grpc-js tells nobody whether a request came
// compressed and compresses no reply, so the four cases that ask for it must fail.
"use strict";
const INITIAL = "x-grpc-test-echo-initial";
const TRAILING = "x-grpc-test-echo-trailing-bin";

const zeros = (size = 0) => ({ body: Buffer.alloc(size) });
const statusOf = ({ responseStatus: wanted }) => (wanted ? { code: wanted.code, details: wanted.message } : null);

module.exports = (grpc) => {
  function echo(call) {
    const leading = new grpc.Metadata();
    const trailing = new grpc.Metadata();
    for (const value of call.metadata.get(INITIAL)) leading.add(INITIAL, value);
    for (const value of call.metadata.get(TRAILING)) trailing.add(TRAILING, value);
    call.sendMetadata(leading);
    return trailing;
  }

  function output(call) {
    for (const { size } of call.request.responseParameters ?? []) call.write({ payload: zeros(size) });
    call.end();
  }

  function duplex(call) {
    const trailing = echo(call);
    call.on("data", (request) => {
      const status = statusOf(request);
      if (status) return void call.emit("error", { ...status, metadata: trailing });
      for (const { size } of request.responseParameters ?? []) call.write({ payload: zeros(size) });
    });
    call.on("end", () => call.end(trailing));
  }

  return {
    EmptyCall: (call, reply) => reply(null, {}),
    UnaryCall(call, reply) {
      const trailing = echo(call);
      const { request } = call;
      reply(statusOf(request), { payload: zeros(request.responseSize) }, trailing);
    },
    CacheableUnaryCall(call, reply) {
      const leading = new grpc.Metadata();
      leading.set("cache-control", "max-age=60, public");
      call.sendMetadata(leading);
      reply(null, { payload: { body: Buffer.from(String(process.hrtime.bigint())) } });
    },
    StreamingOutputCall: output,
    StreamingInputCall(call, reply) {
      let aggregatedPayloadSize = 0;
      call.on("data", ({ payload }) => (aggregatedPayloadSize += payload?.body.length ?? 0));
      call.on("end", () => reply(null, { aggregatedPayloadSize }));
    },
    FullDuplexCall: duplex,
  };
};
