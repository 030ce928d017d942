// Runs inside node: loads a handler and answers one request a line. Requests come on stdin, answers
// and log lines go to the file descriptor in the first argument. Time is virtual: it stands still but for timers, which fire
// in order as soon as nothing else is left to do.
"use strict";
const fs = require("fs");
const net = require("net");
const path = require("path");
const readline = require("readline");
const util = require("util");
const { pathToFileURL } = require("url");

const out = Number(process.argv[2]);
const writeSync = fs.writeSync;
const send = (message) => writeSync(out, JSON.stringify(message) + "\n");

let now = 0;
let serial = 0;
let timers = [];
let armed = false;
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
  if (armed || !timers.length) return;
  armed = true;
  later(() => {
    armed = false;
    timers.sort((a, b) => a.at - b.at || a.id - b.id);
    const timer = timers.shift();
    if (!timer) return;
    now = Math.max(now, timer.at);
    if (timer.every !== undefined) timers.push({ ...timer, at: now + Math.max(timer.every, 1) });
    timer.action(...timer.args);
    arm();
  });
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

// The SDK is pointed at this port (see node.py): whoever connects there calls AWS.
const CLOSED_PORT = 9;
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...given) {
  const options = Array.isArray(given[0]) ? given[0][0] : given[0];
  const host = (options && options.host) || "localhost";
  const closed = options && Number(options.port) === CLOSED_PORT && host === "127.0.0.1";
  if (closed || /(^|\.)(amazonaws\.com(\.cn)?|api\.aws)$/.test(host)) send({ refused: closed ? "" : host });
  if (!["localhost", "127.0.0.1", "::1"].includes(host)) {
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
  const deadline = now + request.remaining;
  const context = {
    ...request.context,
    getRemainingTimeInMillis: () => Math.max(deadline - now, 0),
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
  const started = (now = request.now);
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
