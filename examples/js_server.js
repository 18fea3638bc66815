// flatline.v1.Stress on @grpc/grpc-js, for examples/js.yaml. It finds its packages in examples/node_modules
// (npm install --no-save --prefix examples @grpc/grpc-js@1) or where NODE_PATH says.
//
//   [LEAK=BYTES] [DROP_EVERY=SECONDS] node js_server.js --port PORT [--host HOST] [--cert CERT --key KEY]
//
// LEAK keeps so many bytes of every call for ever; DROP_EVERY cuts all connections now and then, without a word.
// Both are there to be found. The few bytes of protobuf are made by hand, so that no stubs are needed.
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const net = require("net");
const { parseArgs } = require("util");

const text = { type: "string" };
const { values: args } = parseArgs({
  options: { host: text, port: text, cert: text, key: text, version: { type: "boolean" } },
});
if (args.version) {
  console.log(`js_server ${require("@grpc/grpc-js/package.json").version}-node-${process.versions.node}`);
  process.exit(0);
}
const leak = Number(process.env.LEAK ?? 0);
const dropEvery = Number(process.env.DROP_EVERY ?? 0);
if (args.port === undefined || !args.cert !== !args.key) {
  console.error("usage: [LEAK=BYTES] [DROP_EVERY=SECONDS] js_server.js --port PORT [--host HOST] " +
    "[--cert CERT --key KEY]");
  process.exit(2);
}

// grpc-js keeps its connections to itself; every server is a net.Server, which says what it accepts.
const sockets = new Set();
const emit = net.Server.prototype.emit;
net.Server.prototype.emit = function (event, socket, ...rest) {
  if (event === "connection") {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  }
  return emit.call(this, event, socket, ...rest);
};
const grpc = require("@grpc/grpc-js");

function payload() {
  const size = crypto.randomInt(128, 257);
  return Buffer.concat([Buffer.from([0x0a, (size & 0x7f) | 0x80, size >> 7]), crypto.randomBytes(size)]);
}

// StreamRequest.count
function countOf(request) {
  let count = 0;
  for (let i = request.length - 1; i > 0; i--) count = count * 128 + (request[i] & 0x7f);
  return count;
}

const leaked = [];
function begin() {
  if (leak) leaked.push(Buffer.alloc(leak, 1));
}

const stress = {
  NonStreaming(call, done) {
    begin();
    done(null, payload());
  },
  ClientStreaming(call, done) {
    begin();
    call.on("data", () => {});
    call.on("end", () => done(null, payload()));
  },
  ServerStreaming(call) {
    const count = countOf(call.request) || Infinity;
    let sent = 0;
    begin();
    const more = () => {
      while (sent < count && !call.cancelled) {
        sent++;
        if (!call.write(payload())) return call.once("drain", more);
      }
      return call.end();
    };
    more();
  },
  BidiStreaming(call) {
    begin();
    call.on("data", () => call.write(payload()));
    call.on("end", () => call.end());
  },
};
const health = { Check: (call, done) => done(null, Buffer.from([0x08, 0x01])) };

const same = (bytes) => bytes;
function method(path, requestStream, responseStream) {
  return { path, requestStream, responseStream, requestSerialize: same, requestDeserialize: same,
    responseSerialize: same, responseDeserialize: same };
}
const stressService = {
  NonStreaming: method("/flatline.v1.Stress/NonStreaming", false, false),
  ClientStreaming: method("/flatline.v1.Stress/ClientStreaming", true, false),
  ServerStreaming: method("/flatline.v1.Stress/ServerStreaming", false, true),
  BidiStreaming: method("/flatline.v1.Stress/BidiStreaming", true, true),
};

const server = new grpc.Server();
server.addService(stressService, stress);
server.addService({ Check: method("/grpc.health.v1.Health/Check", false, false) }, health);
const credentials = args.cert
  ? grpc.ServerCredentials.createSsl(null, [
    { private_key: fs.readFileSync(args.key), cert_chain: fs.readFileSync(args.cert) }])
  : grpc.ServerCredentials.createInsecure();
const host = args.host ?? "127.0.0.1";
server.bindAsync(`${host}:${args.port}`, credentials, (error, port) => {
  if (error) {
    console.error(error.message);
    process.exit(3);
  }
  console.log(`listening on ${host}:${port}`);
});
process.on("SIGTERM", () => {
  server.tryShutdown(() => process.exit(0));
  setTimeout(() => process.exit(0), 500);
});
if (dropEvery) setInterval(() => sockets.forEach((socket) => socket.destroy()), 1000 * dropEvery).unref();
