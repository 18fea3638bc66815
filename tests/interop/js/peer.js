// @grpc/grpc-js as the other end of our programs; see ../js_peers.py.
//
//   node peer.js client PORT [CERT]      calls flatline.v1.Stress, TestService and grpc.health.v1.Health
//   node peer.js server [CERT KEY]       serves them and grpc.testing.TestService until SIGTERM
//
// PROTO is the folder of the .proto files. grpc-js compresses no reply, so the server passes COMPRESS over.
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

function load(name) {
  return grpc.loadPackageDefinition(loader.loadSync(name, { longs: Number, includeDirs: [process.env.PROTO] }));
}
const { Stress } = load("flatline.proto").flatline.v1;
const { Health } = load("health.proto").grpc.health.v1;
const { TestService } = load("test.proto").grpc.testing;
const testService = require("./test_service.js")(grpc);

const payload = (size = 200) => ({ body: crypto.randomBytes(size) });
const wellFormed = ({ body }) => body.length >= 128 && body.length <= 256;

let failures = 0;
function say(what, passed, error) {
  const why = error ? `: status ${error.code} ${error.details ?? error}` : "";
  console.log(passed ? `ok ${what}` : `not ok ${what}${why}`);
  failures += !passed;
}

// A call as a promise of its error (null: OK) and its replies.
function unary(start) {
  return new Promise((resolve) => start((error, reply) => resolve({ error, replies: error ? [] : [reply] })));
}
function stream(call, onReply = () => {}) {
  const replies = [];
  return new Promise((resolve) => {
    call.on("data", (reply) => {
      replies.push(reply);
      onReply(replies.length);
    });
    call.on("error", (error) => resolve({ error, replies }));
    call.on("end", () => resolve({ error: null, replies })); // an error, if any, comes first
  });
}

async function kinds(stress, how, metadata, options) {
  let result = await unary((done) => stress.NonStreaming(payload(), metadata, options, done));
  const check = (what, count) =>
    say(`${what}, ${how}`, !result.error && result.replies.length === count && result.replies.every(wellFormed),
      result.error);
  check("non-streaming", 1);
  result = await unary((done) => {
    const call = stress.ClientStreaming(metadata, options, done);
    for (let i = 0; i < 50; i++) call.write(payload());
    call.end();
  });
  check("client streaming of 50", 1);
  result = await stream(stress.ServerStreaming({ count: 50 }, metadata, options));
  check("server streaming of 50", 50);
  const call = stress.BidiStreaming(metadata, options);
  const talk = stream(call, (count) => (count < 50 ? call.write(payload()) : call.end()));
  call.write(payload());
  result = await talk;
  check("bidi streaming of 50 in turn", 50);
}

async function endless(stress) {
  const call = stress.ServerStreaming({});
  let result = await stream(call, (count) => count === 100 && call.cancel());
  say("an endless stream can be cancelled", result.error?.code === grpc.status.CANCELLED, result.error);
  result = await stream(stress.ServerStreaming({}, { deadline: Date.now() + 200 }));
  // The server keeps the deadline as well, and may reset the stream first: no status passes a full window.
  const late = [grpc.status.DEADLINE_EXCEEDED, grpc.status.CANCELLED].includes(result.error?.code);
  say("an endless stream ends at its deadline", late, result.error);
}

async function refusals(stress, health) {
  let { error } = await unary((done) => stress.NonStreaming(payload(127), done));
  say("a short body is INVALID_ARGUMENT, with a text",
    error?.code === grpc.status.INVALID_ARGUMENT && error.details !== "", error);
  ({ error } = await unary((done) => stress.NonStreaming(payload(5 << 20), done)));
  say("5 MiB are RESOURCE_EXHAUSTED", error?.code === grpc.status.RESOURCE_EXHAUSTED, error);
  const echo = (value) => value;
  ({ error } = await unary((done) => stress.makeUnaryRequest("/flatline.v1.Stress/Nothing", echo, echo,
    Buffer.alloc(0), done)));
  say("an unknown method is UNIMPLEMENTED", error?.code === grpc.status.UNIMPLEMENTED, error);
  for (const [service, code] of [["", 0], ["flatline.v1.Stress", 0], ["nobody", grpc.status.NOT_FOUND]]) {
    const answer = await unary((done) => health.Check({ service }, done));
    const status = answer.replies[0]?.status;
    say(`health of '${service}'`, code === 0 ? status === 1 : answer.error?.code === code, answer.error);
  }
}

// TestService sends back one header of each sort: text leading, binary trailing.
async function metadataBothWays(test) {
  const [initial, trailing] = ["x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"];
  const text = 'a text, with ~ and " in it';
  const octets = Buffer.from([0, 1, 10, 44, 254, 255]);
  const metadata = new grpc.Metadata();
  metadata.set(initial, text);
  metadata.set(trailing, octets);
  let leading = new grpc.Metadata();
  const status = await new Promise((resolve) => {
    const call = test.UnaryCall({}, metadata, () => {});
    call.on("metadata", (got) => (leading = got));
    call.on("status", resolve);
  });
  say("text metadata comes back in the headers", leading.get(initial)[0] === text, status);
  const back = status.metadata.get(trailing)[0];
  say("binary metadata comes back in the trailers", Buffer.isBuffer(back) && back.equals(octets), status);
}

async function client(port, cert) {
  const credentials = cert ? grpc.credentials.createSsl(fs.readFileSync(cert)) : grpc.credentials.createInsecure();
  const open = (Service, options = {}) => new Service(`localhost:${port}`, credentials, options);
  const metadata = new grpc.Metadata();
  metadata.set("x-flatline-test", "plain text");
  metadata.set("x-flatline-bin", Buffer.from([0, 1, 254, 255]));
  const none = new grpc.Metadata();
  const stress = open(Stress);
  await kinds(stress, "plain", none, {});
  await kinds(stress, "metadata", metadata, {});
  await kinds(stress, "a deadline", none, { deadline: Date.now() + 60000 });
  await kinds(open(Stress, { "grpc.default_compression_algorithm": 1 }), "deflate", none, {});
  await kinds(open(Stress, { "grpc.default_compression_algorithm": 2 }), "gzip", none, {});
  await endless(stress);
  await refusals(stress, open(Health));
  await metadataBothWays(open(TestService));
  process.exit(failures === 0 ? 0 : 1);
}

function check(request) {
  if (!wellFormed(request)) console.log(`not ok a request's body has ${request.body.length} bytes`);
}

const service = {
  NonStreaming(call, reply) {
    check(call.request);
    reply(null, payload());
  },
  ClientStreaming(call, reply) {
    call.on("data", check);
    call.on("end", () => reply(null, payload()));
  },
  ServerStreaming(call) {
    let left = call.request.count || Infinity;
    const more = () => {
      while (!call.cancelled && left > 0) {
        left--;
        if (!call.write(payload())) return void call.once("drain", more);
      }
      call.end();
    };
    more();
  },
  BidiStreaming(call) {
    call.on("data", (request) => {
      check(request);
      call.write(payload());
    });
    call.on("end", () => call.end());
  },
};

function serve(cert, key) {
  const server = new grpc.Server();
  const pair = cert && [{ cert_chain: fs.readFileSync(cert), private_key: fs.readFileSync(key) }];
  const credentials = pair ? grpc.ServerCredentials.createSsl(null, pair) : grpc.ServerCredentials.createInsecure();
  server.addService(Stress.service, service);
  server.addService(Health.service, { Check: (call, reply) => reply(null, { status: "SERVING" }) });
  server.addService(TestService.service, testService);
  server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
    if (error) throw error;
    console.log(`listening on 127.0.0.1:${port}`);
  });
  process.on("SIGTERM", () => {
    server.forceShutdown();
    process.exit(0);
  });
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === "client" && rest.length >= 1) client(...rest);
else if (mode === "server") serve(...rest);
else {
  console.error("usage: peer.js client PORT [CERT] | server [CERT KEY]");
  process.exit(2);
}
