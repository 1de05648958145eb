// Checks a file of `p2pnode ledger prove` with nothing but Node.js: node check-proof.mjs FILE. CC0-1.0.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const SIGMA = `0123456789abcdef ea489fd61c02b753 b8c052fdae367194 7931dcbe265a40f8 905724afe1bc683d
  2c6a0b834d75fe19 c51fed4a0763928b db7ec13950f4862a 6fe9b308c2d714a5 a2847615fb9e3cd0`.split(/\s+/);
const IV = [0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n, 0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n];
const rotate = (x, n) => (x >> n) | BigInt.asUintN(64, x << (64n - n));
function H(data) { // BLAKE2b-256, RFC 7693
  const h = [...IV], blocks = Math.max(1, Math.ceil(data.length / 128)), all = Buffer.alloc(blocks * 128);
  data.copy(all);
  h[0] ^= 0x01010020n;
  for (let b = 0; b < blocks; b++) {
    const m = [...Array(16).keys()].map((i) => all.readBigUInt64LE(b * 128 + i * 8)), v = [...h, ...IV];
    v[12] ^= BigInt(Math.min(data.length, (b + 1) * 128));
    if (b === blocks - 1) v[14] ^= (1n << 64n) - 1n;
    const mix = (a, b, c, d, x, y) => {
      v[a] = BigInt.asUintN(64, v[a] + v[b] + x); v[d] = rotate(v[d] ^ v[a], 32n);
      v[c] = BigInt.asUintN(64, v[c] + v[d]); v[b] = rotate(v[b] ^ v[c], 24n);
      v[a] = BigInt.asUintN(64, v[a] + v[b] + y); v[d] = rotate(v[d] ^ v[a], 16n);
      v[c] = BigInt.asUintN(64, v[c] + v[d]); v[b] = rotate(v[b] ^ v[c], 63n);
    };
    for (let r = 0; r < 12; r++) for (let i = 0; i < 8; i++) {
      const s = [...SIGMA[r % 10]].map((c) => m[parseInt(c, 16)]), j = i % 4, k = i < 4 ? 0 : 1;
      mix(j, 4 + (j + k) % 4, 8 + (j + 2 * k) % 4, 12 + (j + 3 * k) % 4, s[2 * i], s[2 * i + 1]);
    }
    for (let i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
  }
  const out = Buffer.alloc(64);
  h.forEach((x, i) => out.writeBigUInt64LE(x, i * 8));
  return out.subarray(0, 32);
}
function unpack(data) { // MessagePack, as far as the formats use it
  let at = 0;
  const take = (n) => { at += n; must(at <= data.length, "cut short"); return data.subarray(at - n, at); };
  const uint = (n) => Number(BigInt("0x" + take(n).toString("hex"))), list = (n) => Array.from({ length: n }, value);
  const map = (n) => Object.fromEntries(Array.from({ length: n }, () => [value(), value()]));
  function value() {
    const t = uint(1);
    if (t < 0x80) return t;
    if (t < 0x90) return map(t & 15);
    if (t < 0xa0) return list(t & 15);
    if (t < 0xc0) return take(t & 31).toString();
    if (t >= 0xe0) return t - 256;
    if (t === 0xc0) return null;
    if (t === 0xc2 || t === 0xc3) return t === 0xc3;
    if (t >= 0xc4 && t <= 0xc6) return take(uint(1 << (t - 0xc4)));
    if (t >= 0xcc && t <= 0xcf) return uint(1 << (t - 0xcc));
    if (t >= 0xd0 && t <= 0xd3) { const n = 1 << (t - 0xd0); return Number(BigInt.asIntN(8 * n, BigInt("0x" + take(n).toString("hex")))); }
    if (t >= 0xd9 && t <= 0xdb) return take(uint(1 << (t - 0xd9))).toString();
    if (t === 0xdc || t === 0xdd) return list(uint(t === 0xdc ? 2 : 4));
    must(t === 0xde || t === 0xdf, "not MessagePack");
    return map(uint(t === 0xde ? 2 : 4));
  }
  const found = value();
  must(at === data.length, "something follows");
  return found;
}
const must = (holds, why) => { if (!holds) throw new Error(why); };
const same = (a, b) => Buffer.compare(a, b) === 0;
const sha = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const BYTE = [Buffer.from([0]), Buffer.from([1])], DER = Buffer.from("302a300506032b6570032100", "hex");

// ---- What stands above is in a library elsewhere. The check itself:
function signed(domain, header, signature, inception) {
  const key = createPublicKey({ key: Buffer.concat([DER, unpack(inception)[1]]), format: "der", type: "spki" });
  must(verify(null, Buffer.concat([Buffer.from(`p2pnode/v1/${domain}\0`), header]), key, signature), `signature of the ${domain}`);
}
function open(full) { // an entry, its signature and what it says of a deal
  const [header, signature, inception, settlement, secret] = unpack(full);
  const [version, network, author, epoch, seq, , root, kind, at, balance, hold, limit, settlementHash] = unpack(header);
  must(version === 1 && epoch === 0 && secret === null && same(author, H(inception)), "version, epoch or author");
  must(balance - hold >= -limit, "the limit is overdrawn");
  signed("entry", header, signature, inception);
  must(settlement === null || same(H(settlement), settlementHash), "the settlement is another one");
  const said = settlement && kind !== "INCEPT" ? unpack(settlement.subarray(16)) : null;
  return { network, author, seq, root, kind, at, id: H(header), said };
}
function underRoot(leaf, index, size, path, root) { // RFC 9162, 2.1.3.2
  must(index < size, "outside of the tree");
  let [f, s, node] = [index, size - 1, sha(BYTE[0], leaf)];
  for (const other of path) {
    must(s > 0, "the path is too long");
    if (f % 2 || f === s) {
      node = sha(BYTE[1], other, node);
      while (f % 2 === 0 && f) [f, s] = [Math.floor(f / 2), Math.floor(s / 2)];
    } else node = sha(BYTE[1], node, other);
    [f, s] = [Math.floor(f / 2), Math.floor(s / 2)];
  }
  must(s === 0 && same(node, root), "the path does not lead to the root");
}
const EMBEDS = { PAY_RECEIPT: "PAY_COMPLETE", PAY_COMPLETE: "PAY_ACCEPT", PAY_ACCEPT: "PAY_PROPOSE" };
function check(file) {
  const [magic, version, genesis, full, newest, path] = unpack(file);
  must(magic === "p2pnode-proof" && version === 1, "not a proof of version 1");
  const [record, signature, inception] = unpack(genesis), fields = unpack(record), network = unpack(fields[10]);
  must(fields[2] === "genesis" && same(fields[3], H(inception)), "not a genesis");
  signed("genesis", record, signature, inception);
  const entry = open(full), head = open(newest);
  must(same(entry.network, H(record).subarray(0, 16)) && same(head.network, entry.network), "another network");
  must(same(head.author, entry.author), "entry and head are of two authors");
  if (entry.seq === head.seq) must(same(entry.id, head.id) && path.length === 0, "not the head in its place");
  else underRoot(entry.id, entry.seq, head.seq, path, head.root);
  let times = {}, outer = entry; // every half: of the other side, about the same deal
  for (; EMBEDS[outer.kind]; times[outer.kind] = outer.at) {
    const half = open(outer.said.half), [a, b] = [outer.said, half.said];
    must(half.kind === EMBEDS[outer.kind] && same(half.author, a.counterparty) && same(b.counterparty, outer.author)
      && same(half.network, outer.network) && same(a.deal, b.deal) && a.amount === b.amount
      && same(a.terms ?? BYTE[0], b.terms ?? BYTE[0]), `the half in ${outer.kind}`);
    if (half.kind === "PAY_PROPOSE" && outer !== entry) must(!b.expiry || outer.at <= b.expiry, "accepted too late");
    outer = half;
  }
  const paid = entry.kind === "PAY_RECEIPT" || entry.kind === "PAY_COMPLETE";
  const amount = `${entry.said.amount / 10 ** network.decimals} ${network.unit}`, hex = (b) => b.toString("hex");
  return paid
    ? `${hex(outer.author)} paid ${hex(outer.said.counterparty)} ${amount} in ${network.name} for ${hex(entry.said.deal)}`
    : `${hex(entry.author)} wrote ${entry.kind} about ${hex(entry.said.deal)} in ${network.name}; no payment`;
}
try {
  console.log("The proof holds:", check(readFileSync(process.argv[2])));
} catch (e) {
  console.error("The proof does not hold:", e.message);
  process.exitCode = 1;
}
