// BLAKE2b (RFC 7693) and canonical MessagePack (records.md, 2). CC0-1.0.
export const bytes = (...parts) => Buffer.concat(parts.map((p) => Buffer.from(p)));
export const hex = (b) => Buffer.from(b).toString("hex");
export const unhex = (s) => Buffer.from(s, "hex");
export const same = (a, b) => Buffer.compare(a, b) === 0;
export const be = (n, size) => unhex(BigInt(n).toString(16).padStart(2 * size, "0")); // big-endian, n >= 0
export class Refused extends Error { constructor(code, why) { super(`${code}: ${why}`); this.code = code; } }
export const must = (holds, code, why) => { if (!holds) throw new Refused(code, why); };

// ---- BLAKE2b on pairs of 32-bit words: low, high
const SIGMA = `0123456789abcdef ea489fd61c02b753 b8c052fdae367194 7931dcbe265a40f8 905724afe1bc683d
  2c6a0b834d75fe19 c51fed4a0763928b db7ec13950f4862a 6fe9b308c2d714a5 a2847615fb9e3cd0`
  .split(/\s+/).map((row) => [...row].map((c) => parseInt(c, 16)));
const IV = new Uint32Array([0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a,
  0xade682d1, 0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19]);
const v = new Uint32Array(32), m = new Uint32Array(32);
function add(a, b) { const low = v[a] + v[b]; v[a + 1] = v[a + 1] + v[b + 1] + (low > 0xffffffff ? 1 : 0); v[a] = low; }
function addWord(a, i) { const low = v[a] + m[i]; v[a + 1] = v[a + 1] + m[i + 1] + (low > 0xffffffff ? 1 : 0); v[a] = low; }
function turn(d, a, n) { // v[d] = (v[d] ^ v[a]) >>> n
  let l = v[d] ^ v[a], h = v[d + 1] ^ v[a + 1];
  if (n >= 32) { [l, h] = [h, l]; n -= 32; }
  v[d] = n ? (l >>> n) | (h << (32 - n)) : l; v[d + 1] = n ? (h >>> n) | (l << (32 - n)) : h;
}
function mix(a, b, c, d, x, y) {
  add(a, b); addWord(a, x); turn(d, a, 32); add(c, d); turn(b, c, 24);
  add(a, b); addWord(a, y); turn(d, a, 16); add(c, d);
  turn(b, c, 63);
}
export function blake2b(data, size = 32, salt = Buffer.alloc(16), person = Buffer.alloc(16)) {
  const parameters = bytes([size, 0, 1, 1], Buffer.alloc(28), salt, person), h = new Uint32Array(IV);
  for (let i = 0; i < 16; i++) h[i] ^= parameters.readUInt32LE(i * 4);
  const blocks = Math.max(1, Math.ceil(data.length / 128)), all = Buffer.alloc(blocks * 128);
  Buffer.from(data).copy(all);
  for (let b = 0; b < blocks; b++) {
    for (let i = 0; i < 32; i++) m[i] = all.readUInt32LE(b * 128 + i * 4);
    v.set(h); v.set(IV, 16);
    v[24] ^= Math.min(data.length, (b + 1) * 128);
    if (b === blocks - 1) { v[28] = ~v[28]; v[29] = ~v[29]; }
    for (let r = 0; r < 12; r++) {
      const s = SIGMA[r % 10];
      for (let i = 0; i < 8; i++) {
        const j = i % 4, k = i < 4 ? 0 : 1;
        const [b, c, d] = [1, 2, 3].map((row) => 8 * row + 2 * ((j + row * k) % 4));
        mix(2 * j, b, c, d, 2 * s[2 * i], 2 * s[2 * i + 1]);
      }
    }
    for (let i = 0; i < 16; i++) h[i] ^= v[i] ^ v[i + 16];
  }
  return Buffer.from(h.buffer.slice(0)).subarray(0, size);
}
export const H = (...parts) => blake2b(bytes(...parts));

// ---- canonical MessagePack: maps are plain objects, binaries Buffers
export function pack(value, depth = 0) {
  const head = (small, codes, n) => { // the shortest header that holds n
    if (small !== null && n < small[1]) return Buffer.from([small[0] + n]);
    for (const [code, size] of codes) if (n < 2 ** (8 * size)) return bytes([code], be(n, size));
    throw new Error("too long");
  };
  if (value === null) return Buffer.from([0xc0]);
  if (value === false || value === true) return Buffer.from([value ? 0xc3 : 0xc2]);
  if (typeof value === "number") {
    must(Number.isSafeInteger(value) && !Object.is(value, -0), "field", "an integer within 2^53");
    if (value >= 0) return head([0, 128], [[0xcc, 1], [0xcd, 2], [0xce, 4], [0xcf, 8]], value);
    if (value >= -32) return Buffer.from([256 + value]);
    for (const [code, size] of [[0xd0, 1], [0xd1, 2], [0xd2, 4], [0xd3, 8]]) {
      if (value >= -(2 ** (8 * size - 1))) return bytes([code], be(BigInt.asUintN(size * 8, BigInt(value)), size));
    }
  }
  if (typeof value === "string") {
    const text = Buffer.from(value);
    return bytes(head([0xa0, 32], [[0xd9, 1], [0xda, 2], [0xdb, 4]], text.length), text);
  }
  if (value instanceof Uint8Array) return bytes(head(null, [[0xc4, 1], [0xc5, 2], [0xc6, 4]], value.length), value);
  must(depth < 16, "decode", "nested too deep");
  if (Array.isArray(value)) {
    return bytes(head([0x90, 16], [[0xdc, 2], [0xdd, 4]], value.length), ...value.map((x) => pack(x, depth + 1)));
  }
  const entries = Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const packed = entries.flatMap(([k, x]) => [pack(k), pack(x, depth + 1)]);
  return bytes(head([0x80, 16], [[0xde, 2], [0xdf, 4]], entries.length), ...packed);
}
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
export function unpack(data, limit = 65536) {
  must(data.length <= limit, "size", `more than ${limit} bytes`);
  let at = 0;
  const cut = (holds) => must(holds, "decode", "not canonical MessagePack");
  const take = (n) => { at += n; cut(at <= data.length); return data.subarray(at - n, at); };
  const uint = (n) => { const x = BigInt("0x" + hex(take(n))); cut(x <= 2n ** 53n - 1n); return Number(x); };
  const text = (n) => { try { return UTF8.decode(take(n)); } catch { throw new Refused("decode", "not UTF-8"); } };
  const list = (n, depth) => { cut(n <= 4096 && depth < 16); return Array.from({ length: n }, () => value(depth + 1)); };
  const map = (n, depth) => {
    cut(n <= 4096 && depth < 16);
    const found = Object.create(null);
    for (let i = 0; i < n; i++) {
      const k = value(depth + 1);
      cut(typeof k === "string" && !(k in found));
      found[k] = value(depth + 1);
    }
    return found;
  };
  function value(depth) {
    const t = uint(1);
    if (t < 0x80) return t;
    if (t < 0x90) return map(t & 15, depth);
    if (t < 0xa0) return list(t & 15, depth);
    if (t < 0xc0) return text(t & 31);
    if (t >= 0xe0) return t - 256;
    if (t === 0xc0) return null;
    if (t === 0xc2 || t === 0xc3) return t === 0xc3;
    if (t >= 0xc4 && t <= 0xc6) return Buffer.from(take(uint(1 << (t - 0xc4))));
    if (t >= 0xcc && t <= 0xcf) return uint(1 << (t - 0xcc));
    if (t >= 0xd0 && t <= 0xd3) {
      const n = 1 << (t - 0xd0), x = BigInt.asIntN(8 * n, BigInt("0x" + hex(take(n))));
      cut(x > -(2n ** 53n));
      return Number(x);
    }
    if (t >= 0xd9 && t <= 0xdb) return text(uint(1 << (t - 0xd9)));
    if (t === 0xdc || t === 0xdd) return list(uint(t === 0xdc ? 2 : 4), depth);
    cut(t === 0xde || t === 0xdf);
    return map(uint(t === 0xde ? 2 : 4), depth);
  }
  cut(data.length > 0);
  const found = value(0);
  cut(at === data.length && same(pack(found), data)); // decode, encode again, compare
  return found;
}
