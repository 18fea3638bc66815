// A third-party reflection client on stress-server, without any .proto file; see ../js_reflection.py.
//
//   node reflection.js PORT [CERT]
//
// Prints "ok ..." or "not ok ..." for each case.
"use strict";
const fs = require("fs");
const grpc = require("@grpc/grpc-js");
const { GrpcReflection } = require("grpc-js-reflection-client");

const METHODS = {
  "flatline.v1.Relay": "Publish PublishStream Subscribe",
  "flatline.v1.Stress": "BidiStreaming ClientStreaming NonStreaming ServerStreaming",
  "grpc.health.v1.Health": "Check Watch",
  "grpc.reflection.v1.ServerReflection": "ServerReflectionInfo",
  "grpc.reflection.v1alpha.ServerReflection": "ServerReflectionInfo",
  "grpc.testing.BenchmarkService":
    "StreamingBothWays StreamingCall StreamingFromClient StreamingFromServer UnaryCall",
  "grpc.testing.TestService":
    "CacheableUnaryCall EmptyCall FullDuplexCall HalfDuplexCall StreamingInputCall StreamingOutputCall UnaryCall " +
    "UnimplementedCall",
};

const [port, cert] = process.argv.slice(2);
const address = `127.0.0.1:${port}`;
const credentials = cert ? grpc.credentials.createSsl(fs.readFileSync(cert)) : grpc.credentials.createInsecure();

async function check(what, work) {
  try {
    const seen = await work();
    console.log(seen === true ? `ok ${what}` : `not ok ${what}: ${JSON.stringify(seen)}`);
  } catch (error) {
    console.log(`not ok ${what}: ${error}`);
  }
}

function unary(client, method, request) {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 200000;
    client[method](request, { deadline }, (error, reply) => (error ? reject(error) : resolve(reply)));
  });
}

async function test(version) {
  const reflection = new GrpcReflection(address, credentials, {}, version);
  const service = async (name) => {
    const packages = (await reflection.getDescriptorBySymbol(name)).getPackageObject();
    const Client = name.split(".").reduce((object, key) => object[key], packages);
    return new Client(address, credentials);
  };

  await check(`${version}: lists the services`, async () => {
    const names = (await reflection.listServices()).sort();
    return names.join() === Object.keys(METHODS).join() || names;
  });
  for (const [name, expected] of Object.entries(METHODS))
    await check(`${version}: lists the methods of ${name}`, async () => {
      const names = (await reflection.listMethods(name)).map((method) => method.name).sort();
      return names.join(" ") === expected || names;
    });
  await check(`${version}: resolves a file with imports by its name`, async () => {
    const { path } = (await reflection.listMethods("grpc.testing.TestService")).find(
      (method) => method.name === "UnaryCall").definition;
    const root = (await reflection.getDescriptorByFileName("test.proto")).getProtobufJsRoot();
    return (path === "/grpc.testing.TestService/UnaryCall" && root.lookupType("grpc.testing.SimpleRequest") !== null)
      || path;
  });
  await check(`${version}: is told of a symbol that is not there`, async () => {
    try {
      await reflection.getDescriptorBySymbol("flatline.v1.Nothing");
      return "no error";
    } catch (error) {
      return /not found|no such|nothing/i.test(error.message) || error.message;
    }
  });
  await check(`${version}: calls flatline.v1.Stress by its descriptor`, async () => {
    const reply = await unary(await service("flatline.v1.Stress"), "NonStreaming", { body: Buffer.alloc(200, 1) });
    return (reply.body.length >= 128 && reply.body.length <= 256) || reply;
  });
  await check(`${version}: calls grpc.testing.TestService by its descriptor`, async () => {
    const request = { response_size: 1234, payload: { body: Buffer.alloc(10) } };
    const reply = await unary(await service("grpc.testing.TestService"), "UnaryCall", request);
    return reply.payload.body.length === 1234 || reply;
  });
}

async function main() {
  await test("v1");
  await test("v1alpha");
  process.exit(0);
}
main();
