// What a request takes of the module alone, in V8: the engine of Envoy, compiling as Envoy has it compile (no Liftoff).
//
//     node --no-liftoff bench/module.mjs now=dist/ollama_gate_envoy.wasm before=FILE
//
// The gateway is a few functions that do next to nothing, so what Envoy's own calls cost is not in it, and a machine
// with neighbours hardly disturbs it: builds take turns, and the tenth of the turns that was quickest counts. With
// CALLS=1 the calls of one request are listed too. With COLD=1000000 each request finds the caches full of so many other
// bytes, as it does in Envoy, whose own way of a request goes through more than they hold: what is executed once, and
// what lies far apart, then costs what it costs there. Made for Node.js 20 and later.

import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

const COLD = Number(process.env.COLD ?? 0);
const LINE = 64;
const TURNS = 60;
const REQUESTS = 1000;
const KEY = 'sk-benchmark-0123456789abcdefghijklmnopqrstuv';
const SECRET = 'q7Zp3vXk9LwB2nRt6YhJ4mDs8GfCa1Ue';
const HEAD = [
  [':method', 'GET'], [':scheme', 'http'], [':authority', 'localhost:11434'], [':path', '/v1/models'],
  ['accept', 'application/json'], ['accept-encoding', 'gzip, deflate, zstd'], ['content-type', 'application/json'],
  ['user-agent', 'OpenAI/Python 3.52.0'], ['x-stainless-arch', 'x64'], ['x-stainless-lang', 'python'],
  ['x-stainless-os', 'Linux'], ['x-stainless-runtime', 'CPython'], ['x-forwarded-proto', 'http'],
  ['x-request-id', '0b5a2c8e-8d1f-4a53-9a59-1f0a6a0a4b11'],
];
const OK = 0;
const NOT_FOUND = 1;
const BAD_ARGUMENT = 2;

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = { iss: 'https://sso.example.com', aud: 'ollama', sub: 'alice', scope: 'read', exp: 4_000_000_000 };
const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
const token = `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
const forged = `${signed}.${'A'.repeat(43)}`;

const digest = createHash('sha256').update(KEY).digest('hex');
const issuer = { name: 'bench', issuer: claims.iss, audiences: ['ollama'], algorithms: ['HS256'], secrets: [SECRET] };
const keys = { api_keys: { keys: [{ id: 'bench', sha256: digest, subject: 'alice' }] } };
const tokens = { jwt: [{ ...issuer, scopes_claim: 'scope' }] };
const silent = { log: { allowed: false } };
const networks = { network: { allow: ['192.168.0.0/16', '127.0.0.0/8', 'fd00::/8'], deny: ['10.6.6.0/24'] } };
const models = { api_keys: { keys: [{ ...keys.api_keys.keys[0], models: ['llama3.2', 'qwen3:*'] }] } };
const prose = 'The quick brown fox jumps over the lazy dog.\n';
const chat = (size) =>
  Buffer.from(
    JSON.stringify({
      messages: [{ role: 'user', content: prose.repeat(size / (prose.length + 1)) }],
      model: 'llama3.2',
    }),
  );
const REQUESTS_OF = {
  'a known key': [{ ...keys, ...silent }, KEY],
  'a known key, a line': [keys, KEY],
  'a known key, networks': [{ ...keys, ...silent, ...networks }, KEY],
  'a known token': [{ ...tokens, ...silent }, token],
  'no credential': [keys, null],
  'a forgery again': [tokens, forged],
  'a body of 1 kB': [{ ...models, ...silent }, KEY, chat(1 << 10)],
  'a body of 16 kB': [{ ...models, ...silent }, KEY, chat(1 << 14)],
  'a body of 256 kB': [{ ...models, ...silent }, KEY, chat(1 << 18)],
};

/** In: names and values. Out: the header map as proxy-wasm passes it. */
function serialized(pairs) {
  const texts = pairs.flat().map((text) => Buffer.from(text));
  const sizes = Buffer.alloc(4 + 4 * texts.length);
  sizes.writeUInt32LE(pairs.length);
  texts.forEach((text, place) => sizes.writeUInt32LE(text.length, 4 + 4 * place));
  return Buffer.concat([sizes, ...texts.flatMap((text) => [text, Buffer.alloc(1)])]);
}

const others = new Uint8Array(COLD);

/** Has the processor's caches hold something else. */
function fillCaches() {
  for (let place = 0; place < COLD; place += LINE) others[place]++;
}

/** As much of a body as Envoy shows at a time, in bytes. */
const PART = 1 << 14;

/** In: a compiled module, a configuration, a credential, a body if any. Out: what sends so many requests to an instance. */
function started(module, configuration, credential, body) {
  const head = credential ? [...HEAD, ['authorization', `Bearer ${credential}`]] : [...HEAD];
  if (body) head.splice(0, 4, [':method', 'POST'], ...HEAD.slice(1, 3), [':path', '/v1/chat/completions']);
  const map = serialized(head);
  const document = Buffer.from(JSON.stringify({ ...configuration, host: { name: 'envoy', hold_head: true } }));
  const address = Buffer.from('127.0.0.1:51234');
  const calls = [];
  let exported;
  let metrics = 0;
  const bytes = () => new Uint8Array(exported.memory.buffer);
  const view = () => new DataView(exported.memory.buffer);
  const give = (content, data, size) => {
    const place = exported.proxy_on_memory_allocate(content.length);
    bytes().set(content, place);
    view().setUint32(data, place, true);
    view().setUint32(size, content.length, true);
    return OK;
  };
  const time = (place) => {
    view().setBigUint64(place, 1_800_000_000_000_000_000n, true);
    return OK;
  };
  const own = {
    proxy_get_buffer_bytes: (kind, start, max, data, size) =>
      give(kind === 0 ? body.subarray(start, start + max) : document, data, size),
    proxy_get_header_map_pairs: (_kind, data, size) => give(map, data, size),
    // `ngx.…`, which tells Kong, is not there.
    proxy_get_property: (path, _size, data, size) =>
      bytes()[path] === 'n'.charCodeAt() ? NOT_FOUND : give(address, data, size),
    proxy_define_metric: (_kind, _name, _size, id) => {
      view().setUint32(id, ++metrics, true);
      return OK;
    },
    proxy_set_effective_context: (context) => (context >>> 0 === 0xffffffff ? BAD_ARGUMENT : OK),
    proxy_get_shared_data: () => NOT_FOUND,
    proxy_get_current_time_nanoseconds: time,
    clock_time_get: (_clock, _precision, place) => time(place),
  };
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    const call = own[name] ?? (() => OK);
    const noted = (...given) => {
      calls.push(name);
      return call(...given);
    };
    (imports[from] ??= {})[name] = process.env.CALLS ? noted : call;
  }
  exported = new WebAssembly.Instance(module, imports).exports;
  exported._initialize();
  exported.proxy_on_context_create(1, 0);
  exported.proxy_on_vm_start(1, 0);
  if (!exported.proxy_on_configure(1, document.length)) throw new Error('the configuration is refused');
  exported.proxy_on_tick(1);
  const request = (context) => {
    exported.proxy_on_context_create(context, 1);
    exported.proxy_on_request_headers(context, head.length, body ? 0 : 1);
    for (let shown = PART; body && shown < body.length + PART; shown += PART) {
      const there = Math.min(shown, body.length);
      exported.proxy_on_request_body(context, there, there === body.length ? 1 : 0);
    }
    exported.proxy_on_delete(context);
  };
  /** Out: the µs that each of so many requests took. */
  const send = (count) => {
    // What was held is forgotten in the next tick.
    exported.proxy_on_tick(1);
    let took = 0n;
    let start = process.hrtime.bigint();
    for (let sent = 0; sent < count; sent++) {
      if (COLD) {
        fillCaches();
        start = process.hrtime.bigint();
      }
      request(2 + (sent % 50));
      if (COLD) took += process.hrtime.bigint() - start;
    }
    if (!COLD) took = process.hrtime.bigint() - start;
    return Number(took) / count / 1000;
  };
  send(3 * REQUESTS);
  if (process.env.CALLS) {
    calls.length = 0;
    send(1);
    console.log(`  ${calls.join(' ')}`);
  }
  return send;
}

const builds = process.argv.slice(2).map((given) => {
  const [name, file] = given.split('=');
  return [name, new WebAssembly.Module(readFileSync(file))];
});
if (builds.length === 0) throw new Error('name a build: node --no-liftoff bench/module.mjs now=FILE');
for (const [what, given] of Object.entries(REQUESTS_OF)) {
  const found = builds.map(([name, module]) => ({ name, send: started(module, ...given), took: [] }));
  const requests = given[2] || COLD ? REQUESTS / 5 : REQUESTS;
  for (let turn = 0; turn < TURNS; turn++) {
    for (const { send, took } of found) took.push(send(requests));
  }
  const quickest = ({ took }) => took.sort((one, other) => one - other)[TURNS / 10];
  const shown = found.map((one) => `${one.name} ${quickest(one).toFixed(2)} µs`);
  console.log(`${what.padEnd(24)} ${shown.join('  ')}`);
}
