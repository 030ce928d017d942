// Runs inside node: loads a handler and answers one request a line. Requests come on stdin, answers
// and log lines go to the file descriptor in the first argument. Time is virtual: it stands still but for timers, which fire
// in order as soon as nothing else is left to do.
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const http = require("http");
const https = require("https");
const net = require("net");
const path = require("path");
const readline = require("readline");
const { Duplex } = require("stream");
const util = require("util");
const { pathToFileURL } = require("url");

const out = Number(process.argv[2]);
const writeSync = fs.writeSync;
const send = (message) => writeSync(out, JSON.stringify(message) + "\n");

let now = 0;
let serial = 0;
let timers = [];
let armed = false;
let pending = 0; // requests without an answer: time waits for them
let started = 0;
let deadline = Infinity; // behind it the invocation has timed out
const later = setImmediate;
const RealDate = Date;

class VirtualDate extends RealDate {
  constructor(...given) {
    if (given.length) super(...given);
    else super(now);
  }
  static now() {
    return now;
  }
}
globalThis.Date = VirtualDate;

function arm() {
  if (armed || pending || !timers.length) return;
  armed = true;
  settle(4, () => {
    armed = false;
    if (pending) return;
    fire();
    arm();
  });
}
// What is under way within the worker comes before the next timer.
function settle(turns, then) {
  later(() => (turns > 1 && !pending ? settle(turns - 1, then) : then()));
}
function fire() {
  timers.sort((a, b) => a.at - b.at || a.id - b.id);
  if (timers.length && timers[0].at > deadline) {
    send({ result: null, elapsed: deadline - started + 1 });
    deadline = Infinity;
    timers = [];
  }
  const timer = timers.shift();
  if (!timer) return;
  now = Math.max(now, timer.at);
  if (timer.every !== undefined) timers.push({ ...timer, at: now + Math.max(timer.every, 1) });
  timer.action(...timer.args);
}
// Time went on elsewhere: what was due until then comes first.
function reach(then, done) {
  if (!timers.some((timer) => timer.at <= then)) {
    now = Math.max(now, then);
    return done();
  }
  fire();
  later(() => reach(then, done));
}
function schedule(action, wait, args, every) {
  const timer = { id: ++serial, at: now + Math.max(Number(wait) || 0, 0), action, args, every };
  timers.push(timer);
  arm();
  return { id: timer.id, ref() { return this; }, unref() { return this; }, [Symbol.toPrimitive]: () => timer.id };
}
const cancel = (handle) => {
  const id = handle && typeof handle === "object" ? handle.id : handle;
  timers = timers.filter((timer) => timer.id !== id);
};
globalThis.setTimeout = (action, wait, ...args) => schedule(action, wait, args);
globalThis.setInterval = (action, wait, ...args) => schedule(action, wait, args, Number(wait) || 0);
globalThis.clearTimeout = globalThis.clearInterval = cancel;
setTimeout[util.promisify.custom] = (wait, value) => new Promise((done) => setTimeout(done, wait, value));

// Randomness comes from the world's seed.
const seed = process.env.STACKPROOF_SEED;
delete process.env.STACKPROOF_SEED;
const createHash = crypto.createHash;
let blocks = 0;
let drawn = Buffer.alloc(0);
function draw(size) {
  const parts = [drawn];
  for (let held = drawn.length; held < size; held += 32) parts.push(createHash("sha256").update(`${seed}${blocks++}`).digest());
  const all = Buffer.concat(parts);
  drawn = all.subarray(size);
  return Buffer.from(all.subarray(0, size));
}
const fill = (view) => {
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(draw(view.byteLength));
  return view;
};
const answered = (value, done) => (typeof done === "function" ? void later(() => done(null, value)) : value);
const uuid = () => {
  const bytes = draw(16);
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
};
Math.random = () => draw(6).readUIntBE(0, 6) / 2 ** 48;
crypto.randomBytes = crypto.pseudoRandomBytes = (size, done) => answered(draw(size), done);
crypto.randomFillSync = (view) => fill(view);
crypto.randomFill = (view, ...rest) => answered(fill(view), rest.at(-1));
crypto.randomInt = (low, high, done) => {
  const [from, to] = typeof high === "number" ? [low, high] : [0, low];
  return answered(from + Math.floor(Math.random() * (to - from)), typeof high === "function" ? high : done);
};
crypto.randomUUID = uuid;
for (const [name, made] of [["getRandomValues", fill], ["randomUUID", uuid]]) {
  Object.defineProperty(Object.getPrototypeOf(crypto.webcrypto), name, { value: made, configurable: true, writable: true });
}

// Requests over http and https never reach a socket: node's own client talks to a server in this process, over a
// line in memory, and the server has them made by the world.
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];
class Line extends Duplex {
  constructor(base) {
    super();
    this.base = base;
    this.connecting = false;
    this.other = null;
    this.room = null;
  }
  _read() {
    const room = this.room;
    this.room = null;
    if (room) room();
  }
  _write(chunk, encoding, done) {
    if (this.other.destroyed || this.other.push(chunk)) done();
    else this.other.room = done;
  }
  _final(done) {
    if (!this.other.destroyed) this.other.push(null);
    done();
  }
  _destroy(error, done) {
    this.setTimeout(0);
    const other = this.other;
    if (!this.serves && other && !other.destroyed) process.nextTick(() => other.destroy());
    if (!this.serves) over(this);
    done(error);
  }
  setTimeout(wait, action) {
    clearTimeout(this.timer);
    if (action) this.once("timeout", action);
    if (wait) this.timer = setTimeout(() => this.emit("timeout"), wait);
    return this;
  }
  setKeepAlive() { return this; }
  setNoDelay() { return this; }
  ref() { return this; }
  unref() { return this; }
}
function over(line) {
  if (line.over) return;
  line.over = true;
  pending--;
  arm();
}
const calls = new Map();
const server = http.createServer((request, response) => {
  const line = request.socket.other;
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const headers = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2) headers.push(request.rawHeaders.slice(at, at + 2));
    const id = ++serial;
    calls.set(id, { line, response, head: request.method === "HEAD" });
    const body = Buffer.concat(parts).toString("base64");
    send({ call: id, method: request.method, url: line.base + request.url, headers, body, now });
  });
});
server.timeout = server.requestTimeout = server.headersTimeout = server.keepAliveTimeout = 0;
function open(base) {
  const near = new Line(base);
  const far = new Line(base);
  near.other = far;
  far.other = near;
  far.serves = true;
  pending++;
  server.emit("connection", far);
  return near;
}
const FAILURES = { reset: ["ECONNRESET", "read ECONNRESET"], refused: ["ECONNREFUSED", "connect ECONNREFUSED"] };
function deliver(told) {
  const { line, response, head } = calls.get(told.answer);
  calls.delete(told.answer);
  if (told.failure === "timeout") schedule(() => {}, deadline - now + 1);
  if (line.destroyed || told.failure === "timeout") return over(line);
  if (told.failure) {
    const [code, message] = FAILURES[told.failure] ?? ["ECONNREFUSED", told.message];
    over(line);
    return void line.destroy(Object.assign(new Error(message), { code }));
  }
  const content = Buffer.from(told.body, "base64");
  response.statusCode = told.status;
  response.sendDate = false;
  response.setHeader("date", new RealDate(now).toUTCString());
  for (const [name, value] of told.headers) {
    if (/^(transfer-encoding|connection)$/i.test(name) || (!head && /^content-length$/i.test(name))) continue;
    response.appendHeader(name, value);
  }
  if (!head) response.setHeader("content-length", content.length);
  response.shouldKeepAlive = false;
  response.on("finish", () => settle(4, () => over(line)));
  response.end(content);
}
for (const [home, scheme, usual] of [[http, "http", 80], [https, "https", 443]]) {
  const real = home.Agent.prototype.createConnection;
  home.Agent.prototype.createConnection = function (options, ...rest) {
    const host = options.host || "localhost";
    if (options.socketPath || LOOPBACK.includes(host)) return real.call(this, options, ...rest);
    const port = Number(options.port || usual);
    return open(`${scheme}://${host}${port === usual ? "" : `:${port}`}`);
  };
}
globalThis.fetch = async (input, init) => {
  pending++; // nothing fires while the request is made ready
  let call;
  try {
    const request = new Request(input, init);
    const url = new URL(request.url);
    const body = request.body ? Buffer.from(await request.arrayBuffer()) : undefined;
    const headers = Object.fromEntries(request.headers);
    if (body) headers["content-length"] = body.length;
    call = (url.protocol === "https:" ? https : http).request(url, { method: request.method, headers, signal: request.signal });
    call.end(body);
  } finally {
    pending--;
  }
  return new Promise((resolve, reject) => {
    call.on("error", (error) => reject(error.name === "AbortError" ? error : Object.assign(new TypeError("fetch failed"), { cause: error })));
    call.on("response", (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => {
        const headers = new Headers();
        for (let at = 0; at < answer.rawHeaders.length; at += 2) headers.append(answer.rawHeaders[at], answer.rawHeaders[at + 1]);
        const empty = [101, 204, 205, 304].includes(answer.statusCode);
        const content = empty ? null : Buffer.concat(parts);
        resolve(new Response(content, { status: answer.statusCode, statusText: answer.statusMessage, headers }));
      });
    });
  });
};

// Whoever comes here takes another way: HTTP/2, a socket of its own.
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...given) {
  const options = Array.isArray(given[0]) ? given[0][0] : given[0];
  const host = (options && options.host) || "localhost";
  if (/(^|\.)(amazonaws\.com(\.cn)?|api\.aws)$/.test(host)) send({ refused: host });
  if (!LOOPBACK.includes(host)) {
    throw new Error(`a connection to ${host} was refused: code under test talks to loopback only`);
  }
  return connect.apply(this, given);
};

// /tmp of the environment: a folder of its own stands for it. Code that lies below the machine's /tmp stays.
const tmp = process.env.STACKPROOF_TMP;
delete process.env.STACKPROOF_TMP;
const kept = [tmp, process.env.LAMBDA_TASK_ROOT, __dirname].map((place) => place + "/");
const moved = (given) => {
  if (typeof given !== "string" || !/^\/tmp(\/|$)/.test(given)) return given;
  return kept.some((place) => (given + "/").startsWith(place)) ? given : tmp + given.slice(4);
};
const pairs = /^(rename|copyFile|link|symlink|cp)(Sync)?$/;
for (const home of [fs, fs.promises]) {
  for (const [name, real] of Object.entries(home)) {
    if (typeof real !== "function" || !/^[a-z]/.test(name)) continue;
    const shim = function (first, second, ...rest) {
      const given = [moved(first), pairs.test(name) ? moved(second) : second, ...rest];
      return real.apply(this, given.slice(0, arguments.length));
    };
    home[name] = Object.assign(shim, real);
  }
}
require("module").syncBuiltinESMExports();

let requestId = "";
const levels = { log: "INFO", info: "INFO", debug: "DEBUG", warn: "WARN", error: "ERROR", trace: "TRACE" };
for (const [name, level] of Object.entries(levels)) {
  console[name] = (...given) =>
    send({ log: `${new RealDate(now).toISOString()}\t${requestId}\t${level}\t${util.format(...given)}\n` });
}
process.stdout.write = process.stderr.write = (text) => (send({ log: String(text) }), true);

async function load() {
  const root = process.env.LAMBDA_TASK_ROOT;
  const setting = process.env._HANDLER;
  const dot = setting.lastIndexOf(".");
  const name = setting.slice(dot + 1);
  const base = path.join(root, setting.slice(0, dot));
  const file = [".js", ".mjs", ".cjs"].map((end) => base + end).find((candidate) => fs.existsSync(candidate));
  if (!file) {
    const message = `Error: Cannot find module '${path.basename(base)}'`;
    throw Object.assign(new Error(message), { name: "Runtime.ImportModuleError" });
  }
  let module;
  try {
    module = file.endsWith(".mjs") ? await import(pathToFileURL(file).href) : require(file);
  } catch (error) {
    if (error.code === "ERR_REQUIRE_ESM" || /Cannot use import statement|Unexpected token 'export'/.test(error.message)) {
      module = await import(pathToFileURL(file).href);
    } else if (error instanceof SyntaxError) {
      throw Object.assign(new Error(`SyntaxError: ${error.message}`), { name: "Runtime.UserCodeSyntaxError" });
    } else if (error.code === "MODULE_NOT_FOUND") {
      throw Object.assign(new Error(`Error: ${error.message}`), { name: "Runtime.ImportModuleError" });
    } else throw error;
  }
  const handler = module[name] ?? (module.default && module.default[name]);
  if (typeof handler !== "function") {
    const message = `${setting} is undefined or not exported`;
    throw Object.assign(new Error(message), { name: "Runtime.HandlerNotFound" });
  }
  return handler;
}

function invoke(handler, request) {
  const end = deadline;
  const context = {
    ...request.context,
    getRemainingTimeInMillis: () => Math.max(end - now, 0),
    callbackWaitsForEmptyEventLoop: true,
  };
  return new Promise((resolve, reject) => {
    const callback = (error, result) => (error ? reject(error) : resolve(result));
    const returned = handler(request.event, context, callback);
    if (returned && typeof returned.then === "function") returned.then(resolve, reject);
    else if (handler.length < 3) resolve(returned);
  });
}

function described(error) {
  const thrown = error instanceof Error;
  const root = process.env.LAMBDA_TASK_ROOT;
  return {
    errorType: thrown ? error.name : typeof error,
    errorMessage: thrown ? error.message : String(error),
    trace: thrown ? String(error.stack).split("\n").map((line) => line.split(root).join("/var/task")) : [],
  };
}

let handler;
async function answer(line) {
  const request = JSON.parse(line);
  if (request.answer !== undefined) return reach(request.now, () => deliver(request));
  started = now = request.now;
  deadline = now + request.remaining;
  requestId = request.context.awsRequestId;
  let phase = "init";
  try {
    handler = handler || (await load());
    phase = "invoke";
    const result = await invoke(handler, request);
    send({ result: result === undefined ? null : result, elapsed: now - started });
  } catch (error) {
    send({ error: described(error), phase, elapsed: now - started });
  }
}
readline.createInterface({ input: process.stdin }).on("line", answer);
