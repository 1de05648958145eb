// A libp2p connection, dialled: TCP, multistream-select, Noise XX, yamux; and frames on its streams. CC0-1.0.
import { createCipheriv, createDecipheriv, createHash, createHmac, createPublicKey } from "node:crypto";
import { diffieHellman, generateKeyPairSync, sign, verify } from "node:crypto";
import { createConnection } from "node:net";
import { be, bytes, hex, must } from "./codec.mjs";
import { privateKey, publicBytes, publicKey } from "./records.mjs";

// ---- varints, protobuf, peer ids
export function varint(n) {
  const out = [];
  for (; n > 127; n = Math.floor(n / 128)) out.push((n & 127) | 128);
  return Buffer.from([...out, n]);
}
export async function readVarint(from, most = 3) { // in its shortest form, or not at all
  for (let n = 0, i = 0; i < most; i++) {
    const [b] = await from.read(1);
    n += (b & 127) * 2 ** (7 * i);
    if (b < 128) { must(i === 0 || b > 0, "decode", "a varint longer than needed"); return n; }
  }
  must(false, "size", "a varint too long");
}
// Of protobuf: fields below 16 that are bytes of less than 128, or a small number.
const proto = (...fields) => bytes(...fields.flatMap(([n, v]) => (v.length ? [[n * 8 + 2, v.length], v] : [[n * 8, v]])));
function unproto(data) { // field → value
  const found = {};
  for (let at = 0; at < data.length;) {
    const tag = data[at++], value = data[at++], long = tag % 8 === 2;
    must(tag < 128 && value < 128 && (long || tag % 8 === 0), "decode", "protobuf");
    found[tag >> 3] = long ? data.subarray(at, at + value) : value;
    if (long) at += value;
  }
  return found;
}
const B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
function base58(data) {
  let n = BigInt("0x" + hex(data)), text = "";
  for (; n > 0n; n /= 58n) text = B58[Number(n % 58n)] + text;
  for (const b of data) { if (b) break; text = "1" + text; }
  return text;
}
const hostKey = (raw) => proto([1, 1], [2, raw]);
export const peerId = (raw) => base58(bytes([0, 36], hostKey(raw)));

// ---- bytes that come in pieces
export class Inbox {
  #parts = []; #size = 0; #waiting = []; #error = null;
  push(data) { if (data.length) { this.#parts.push(data); this.#size += data.length; this.#serve(); } }
  fail(error) { this.#error ??= error; this.#serve(); }
  read(n) { return new Promise((done, failed) => { this.#waiting.push([n, done, failed]); this.#serve(); }); }
  #serve() {
    while (this.#waiting.length && (this.#size >= this.#waiting[0][0] || this.#error)) {
      const [n, done, failed] = this.#waiting.shift();
      if (this.#size < n) { failed(this.#error); continue; }
      const all = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
      this.#parts = [all.subarray(n)]; this.#size -= n;
      done(all.subarray(0, n));
    }
  }
}

// ---- multistream-select
const MULTISTREAM = "/multistream/1.0.0";
const said = (line) => bytes(varint(line.length + 1), line, "\n");
async function heard(from) { return (await from.read(await readVarint(from))).toString().trimEnd(); }
async function choose(channel, protocol) {
  channel.write(bytes(said(MULTISTREAM), said(protocol)));
  must((await heard(channel)) === MULTISTREAM, "decode", "no multistream");
  must((await heard(channel)) === protocol, "context", `${protocol} is not spoken there`);
}
async function offer(channel, protocols) {
  must((await heard(channel)) === MULTISTREAM, "decode", "no multistream");
  channel.write(said(MULTISTREAM));
  for (;;) {
    const wanted = await heard(channel);
    channel.write(said(protocols.has(wanted) ? wanted : "na"));
    if (protocols.has(wanted)) return wanted;
  }
}

// ---- Noise_XX_25519_ChaChaPoly_SHA256, as initiator
const hmac = (key, ...data) => createHmac("sha256", key).update(bytes(...data)).digest();
const sha = (...data) => createHash("sha256").update(bytes(...data)).digest();
class Cipher {
  #key; #n = 0n;
  constructor(key) { this.#key = key; }
  #nonce() { const b = Buffer.alloc(12); b.writeBigUInt64LE(this.#n++, 4); return b; }
  seal(plain, extra = Buffer.alloc(0)) {
    const c = createCipheriv("chacha20-poly1305", this.#key, this.#nonce(), { authTagLength: 16 });
    c.setAAD(extra, { plaintextLength: plain.length });
    return bytes(c.update(plain), c.final(), c.getAuthTag());
  }
  open(sealed, extra = Buffer.alloc(0)) {
    const c = createDecipheriv("chacha20-poly1305", this.#key, this.#nonce(), { authTagLength: 16 });
    c.setAAD(extra, { plaintextLength: sealed.length - 16 });
    c.setAuthTag(sealed.subarray(-16));
    return bytes(c.update(sealed.subarray(0, -16)), c.final());
  }
}
const X25519 = Buffer.from("302a300506032b656e032100", "hex");
async function noise(channel, seed) {
  const send = (data) => channel.write(bytes(be(data.length, 2), data));
  const receive = async () => channel.read((await channel.read(2)).readUInt16BE());
  const pair = () => {
    const { privateKey: secret, publicKey: open } = generateKeyPairSync("x25519");
    return { secret, raw: open.export({ format: "der", type: "spki" }).subarray(-32) };
  };
  const theirs = (raw) => createPublicKey({ key: bytes(X25519, raw), format: "der", type: "spki" });
  const agree = (mine, raw) => diffieHellman({ privateKey: mine.secret, publicKey: theirs(raw) });
  let ck = Buffer.from("Noise_XX_25519_ChaChaPoly_SHA256"), h = ck, cipher = null; // the name has just 32 bytes: no hash
  const mixHash = (data) => { h = sha(h, data); };
  const expand = (data) => { const t = hmac(ck, data), a = hmac(t, [1]); return [a, hmac(t, a, [2])]; };
  const mixKey = (data) => { const [a, b] = expand(data); ck = a; cipher = new Cipher(b); };
  const seal = (plain) => { const c = cipher.seal(plain, h); mixHash(c); return c; };
  const open = (sealed) => { const p = cipher.open(sealed, h); mixHash(sealed); return p; };
  mixHash(Buffer.alloc(0)); // the prologue
  const e = pair(), s = pair();
  mixHash(e.raw); mixHash(Buffer.alloc(0));
  send(e.raw);
  const second = await receive(), re = second.subarray(0, 32);
  mixHash(re); mixKey(agree(e, re));
  const rs = open(second.subarray(32, 80));
  mixKey(agree(e, rs));
  const payload = unproto(open(second.subarray(80))), theirKey = unproto(payload[1])[2], bound = "noise-libp2p-static-key:";
  must(verify(null, bytes(bound, rs), publicKey(theirKey), payload[2]), "signature", "of the host key");
  const sealed = seal(s.raw);
  mixKey(agree(s, re));
  const mine = privateKey(seed);
  send(bytes(sealed, seal(proto([1, hostKey(publicBytes(mine))], [2, sign(null, bytes(bound, s.raw), mine)]))));
  const [a, b] = expand(Buffer.alloc(0)), out = new Cipher(a), into = new Cipher(b), inbox = new Inbox();
  (async () => { for (;;) inbox.push(into.open(await receive())); })().catch((error) => inbox.fail(error));
  const write = (data) => { for (let at = 0; at < data.length; at += 65_519) send(out.seal(data.subarray(at, at + 65_519))); };
  return { peer: peerId(theirKey), read: (n) => inbox.read(n), write };
}

// ---- yamux
const DATA = 0, WINDOW = 1, PING = 2, GO_AWAY = 3; // types
const SYN = 1, ACK = 2, FIN = 4, RST = 8; // flags
class Stream extends Inbox {
  credit = 262_144; #queue = Buffer.alloc(0);
  constructor(mux, id) { super(); this.mux = mux; this.id = id; }
  write(data) { this.#queue = bytes(this.#queue, data); this.flush(); }
  flush() {
    while (this.#queue.length && this.credit) {
      const part = this.#queue.subarray(0, Math.min(this.credit, 32_768));
      this.#queue = this.#queue.subarray(part.length); this.credit -= part.length;
      this.mux.send(DATA, 0, this.id, part.length, part);
    }
  }
}
class Mux {
  streams = new Map(); #next = 1;
  constructor(secure, accept) { this.secure = secure; this.accept = accept; this.ended = this.#run(); }
  send(type, flags, id, length, data = Buffer.alloc(0)) {
    this.secure.write(bytes([0, type], be(flags, 2), be(id, 4), be(length, 4), data));
  }
  open() {
    const s = new Stream(this, this.#next);
    this.#next += 2; this.streams.set(s.id, s);
    this.send(WINDOW, SYN, s.id, 0);
    return s;
  }
  async #run() {
    try {
      for (;;) {
        const head = await this.secure.read(12), type = head[1];
        const flags = head.readUInt16BE(2), id = head.readUInt32BE(4), length = head.readUInt32BE(8);
        if (type === PING && !(flags & ACK)) this.send(PING, ACK, 0, length);
        if (type === GO_AWAY) throw new Error(`they went away: ${length}`);
        if (type > WINDOW) continue;
        const data = type === DATA ? await this.secure.read(length) : null;
        if (flags & SYN) {
          this.streams.set(id, new Stream(this, id));
          this.send(WINDOW, ACK, id, 0);
          this.accept(this.streams.get(id));
        }
        const s = this.streams.get(id);
        if (!s) continue;
        if (type === WINDOW) { s.credit += length; s.flush(); }
        if (data?.length) { s.push(data); this.send(WINDOW, 0, id, data.length); }
        if (flags & (FIN | RST)) s.fail(new Error(flags & RST ? "reset" : "closed"));
        if (flags & RST) this.streams.delete(id);
      }
    } catch (error) { for (const s of this.streams.values()) s.fail(error); return error; }
  }
}

// ---- a connection
/** Dial /ip4/HOST/tcp/PORT/p2p/PEER. `serve`: a Map of protocol ids to what is done with a stream that the peer opens. */
export async function dial(address, seed, serve) {
  const parts = /^\/(?:ip4|ip6|dns4|dns6|dns)\/([^/]+)\/tcp\/(\d+)\/p2p\/(\w+)$/.exec(address);
  must(parts, "field", "an address that is not dialled here");
  const [, host, port, peer] = parts, socket = createConnection({ host, port: Number(port) }), inbox = new Inbox();
  socket.on("data", (data) => inbox.push(data)).on("error", (error) => inbox.fail(error));
  socket.on("close", () => inbox.fail(new Error("the connection is closed")));
  const plain = { read: (n) => inbox.read(n), write: (data) => socket.write(data) };
  await choose(plain, "/noise");
  const secure = await noise(plain, seed);
  must(secure.peer === peer, "signature", "somebody else answers there");
  await choose(secure, "/yamux/1.0.0");
  const mux = new Mux(secure, (s) => offer(s, serve).then((protocol) => serve.get(protocol)(s), () => {}));
  const open = async (protocol) => { const s = mux.open(); await choose(s, protocol); return s; };
  return { peer, open, ended: mux.ended, close: () => socket.destroy() };
}

// ---- frames (records.md, 10)
export const frame = (data) => bytes(varint(data.length), data);
export async function readFrame(from) {
  const n = await readVarint(from);
  must(n >= 1 && n <= 65_536, "size", "a frame's length");
  return from.read(n);
}
