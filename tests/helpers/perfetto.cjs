// Asks Perfetto's own engine what it makes of a trace:
//     node perfetto.cjs ENGINE_FOLDER TRACE SQL...
// prints, for each query, the list of all its cells, which must be texts.
// The engine is a web worker, so it gets what it expects of a browser here.
const fs = require("fs"), path = require("path");
const [folder, trace, ...queries] = process.argv.slice(2);

globalThis.self = globalThis;
globalThis.location = { href: "http://localhost/engine_bundle.js" };
globalThis.WorkerGlobalScope = class {};
globalThis.XMLHttpRequest = class {
  open(method, url) { this.file = path.join(folder, path.basename(url)); }
  send() { this.response = fs.readFileSync(this.file); }
};

// Protocol buffers: a field is its number and wire type, then a number or a length and bytes.
const varint = n => n < 128 ? [n] : [n % 128 + 128, ...varint(Math.floor(n / 128))];
const number = (field, n) => Buffer.from([...varint(field * 8), ...varint(n)]);
const bytes = (field, data) => Buffer.concat(
  [Buffer.from([...varint(field * 8 + 2), ...varint(data.length)]), data]);

function* fields(data) {
  for (let at = 0; at < data.length;) {
    const next = () => { let n = 0, unit = 1, b; do { b = data[at++]; n += b % 128 * unit; unit *= 128; } while (b > 127); return n; };
    const key = next(), kind = key % 8, field = Math.floor(key / 8);
    if (kind === 0) { yield [field, next()]; continue; }
    const length = kind === 2 ? next() : kind === 1 ? 8 : 4;
    yield [field, data.subarray(at, at + length)];
    at += length;
  }
}
const all = (data, field) => [...fields(data)].filter(([f]) => f === field).map(([, value]) => value);

const [APPEND, FINISH, QUERY] = [1, 2, 3];
const requests = [
  [APPEND, bytes(101, fs.readFileSync(trace))],
  [FINISH, Buffer.alloc(0)],
  ...queries.map(sql => [QUERY, bytes(103, bytes(1, Buffer.from(sql)))]),
];
const answers = [];
const port = {
  postMessage(data) {
    for (const message of all(Buffer.from(data), 1)) {
      const [kind] = all(message, 3);
      for (const result of all(message, 203)) {
        for (const error of all(result, 2)) throw new Error(error.toString());
        for (const batch of all(result, 3)) {
          const text = all(batch, 5).map(cells => cells.toString()).join("");
          answers.at(-1).push(...text.split("\0").slice(0, -1));
        }
      }
    }
  },
};
new Function("process", fs.readFileSync(path.join(folder, "engine_bundle.js"), "utf8"))();
globalThis.onmessage({ data: port });
setImmediate(() => {
  requests.forEach(([method, argument], i) => {
    if (method === QUERY) answers.push([]);
    const request = Buffer.concat([number(1, i), number(2, method), argument]);
    port.onmessage({ data: new Uint8Array(bytes(1, request)) });
  });
  process.stdout.write(JSON.stringify(answers));
});
