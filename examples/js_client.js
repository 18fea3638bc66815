// Calls flatline.v1.Stress on @grpc/grpc-js for ever, for examples/js.yaml. It finds its packages as js_server.js
// does.
//
//   node js_client.js --server HOST:PORT [--cert CERT]
//
// Calls of all four kinds, one after the other; a server that is gone is waited for. A wrong reply or status ends
// it with status 1, SIGTERM with 0. The few bytes of protobuf are made by hand, so that no stubs are needed.
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const { parseArgs } = require("util");
const grpc = require("@grpc/grpc-js");

const text = { type: "string" };
const { values: args } = parseArgs({ options: { server: text, cert: text } });
if (args.server === undefined) {
  console.error("usage: js_client.js --server HOST:PORT [--cert CERT]");
  process.exit(2);
}
const COUNT = 10;
// What a server's end looks like to a call of it.
const { UNAVAILABLE, CANCELLED, UNKNOWN, INTERNAL } = grpc.status;
const ENDED = [UNAVAILABLE, CANCELLED, UNKNOWN, INTERNAL];

function payload() {
  const size = crypto.randomInt(128, 257);
  return Buffer.concat([Buffer.from([0x0a, (size & 0x7f) | 0x80, size >> 7]), crypto.randomBytes(size)]);
}

const same = (bytes) => bytes;
const path = (method) => `/flatline.v1.Stress/${method}`;
const credentials = args.cert
  ? grpc.credentials.createSsl(fs.readFileSync(args.cert))
  : grpc.credentials.createInsecure();
const client = new grpc.Client(args.server, credentials,
  { "grpc.initial_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 500 });

// A call's replies, once it has ended well.
function unary(start) {
  return new Promise((resolve, reject) => start((error, reply) => (error ? reject(error) : resolve([reply]))));
}
function stream(call) {
  const replies = [];
  return new Promise((resolve, reject) => {
    call.on("data", (reply) => replies.push(reply));
    call.on("error", reject);
    call.on("status", (status) => (status.code === grpc.status.OK ? resolve(replies) : reject(status)));
  });
}
function sendAll(call) {
  for (let i = 0; i < COUNT; i++) call.write(payload());
  call.end();
  return call;
}
const nonStreaming = () => unary((done) =>
  client.makeUnaryRequest(path("NonStreaming"), same, same, payload(), new grpc.Metadata({ waitForReady: true }), done));
const clientStreaming = () => unary((done) =>
  sendAll(client.makeClientStreamRequest(path("ClientStreaming"), same, same, done)));
const serverStreaming = () =>
  stream(client.makeServerStreamRequest(path("ServerStreaming"), same, same, Buffer.from([0x08, COUNT])));
const bidiStreaming = () => stream(sendAll(client.makeBidiStreamRequest(path("BidiStreaming"), same, same)));

function check(replies, count) {
  if (replies.length === count && replies.every((reply) => reply.length >= 131 && reply.length <= 259)) return;
  console.error(`wrong reply: ${replies.length} messages, should be ${count} of 128 to 256 bytes`);
  process.exit(1);
}

async function callForEver() {
  for (;;) {
    try {
      check(await nonStreaming(), 1);
      check(await clientStreaming(), 1);
      check(await serverStreaming(), COUNT);
      check(await bidiStreaming(), COUNT);
    } catch (error) {
      if (!ENDED.includes(error.code)) {
        console.error(`a call failed: ${error.code} ${error.details ?? error}`);
        process.exit(1);
      }
    }
  }
}
process.on("SIGTERM", () => process.exit(0));
callForEver();
