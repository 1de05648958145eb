// Identities, signatures, records, payloads, invites (records.md, 3 to 7). CC0-1.0.
import { createPrivateKey, createPublicKey, randomBytes, sign as sign_, verify as verify_ } from "node:crypto";
import { H, be, blake2b, bytes, hex, must, pack, same, unpack } from "./codec.mjs";

const MAX = Number.MAX_SAFE_INTEGER, ZERO16 = Buffer.alloc(16), NOTHING = Buffer.alloc(0);
export const DAY = 86_400_000;
// ---- keys and signatures
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex"), SPKI = Buffer.from("302a300506032b6570032100", "hex");
export const privateKey = (seed) => createPrivateKey({ key: bytes(PKCS8, seed), format: "der", type: "pkcs8" });
const X25519 = Buffer.from("302e020100300506032b656e04220420", "hex");
export const boxKey = (seed) => createPrivateKey({ key: bytes(X25519, seed), format: "der", type: "pkcs8" });
export const publicBytes = (key) => createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
export const publicKey = (raw) => createPublicKey({ key: bytes(SPKI, raw), format: "der", type: "spki" });
const P = 2n ** 255n - 19n, L = 2n ** 252n + 27742317777372353535851937790883648493n;
const little = (b) => BigInt("0x" + hex(Buffer.from(b).reverse()));
const EIGHTH = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n; // y of a point of order 8
const SMALL = new Set([0n, 1n, P - 1n, P, P + 1n, EIGHTH, P - EIGHTH]); // of all of small order, in every encoding
const y = (b) => little(b) & (2n ** 255n - 1n);
const framed = (domain, message) => bytes(`p2pnode/v1/${domain}\0`, message);
export const sign = (seed, domain, message) => sign_(null, framed(domain, message), privateKey(seed));
export function verify(key, domain, message, signature) {
  must(signature.length === 64 && little(signature.subarray(32)) < L, "signature", "S");
  must(y(key) < P && !SMALL.has(y(key)), "signature", "a key that is not canonical, or of small order");
  must(!SMALL.has(y(signature.subarray(0, 32))), "signature", "R is of small order");
  let holds = false;
  try { holds = verify_(null, framed(domain, message), publicKey(key), signature); } catch { /* not on the curve */ }
  must(holds, "signature", `the signature of the ${domain}`);
}

// ---- identities
export function identity(entropy = randomBytes(32)) {
  const person = (s) => bytes(s, Buffer.alloc(16 - s.length));
  const seeds = [0, 1, 2].map((e) => blake2b(entropy, 32, be(e, 16), person("p2pnode key")));
  const keys = seeds.map((s) => publicBytes(privateKey(s))), nonce = blake2b(entropy, 16, undefined, person("p2pnode nonce"));
  const inception = pack([1, keys[0], H(keys[1]), nonce]);
  return { entropy, seed: seeds[0], seeds, keys, nonce, inception, author: H(inception) };
}
export function checkInception(raw) {
  const it = unpack(raw, 128);
  fields(it, [one, bin(32), bin(32), bin(16)]);
  return it[1];
}

// ---- kinds of fields
const forbidden = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const spaces = /[/\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/u;
const length = (s) => [...s].length;
const one = (v) => v === 1;
const int = (low = 0, high = MAX) => (v) => Number.isSafeInteger(v) && v >= low && v <= high;
const bin = (n) => (v) => Buffer.isBuffer(v) && v.length === n;
const upTo = (n) => (v) => Buffer.isBuffer(v) && v.length <= n;
const str = (pattern, n = 65536) => (v) => typeof v === "string" && length(v) <= n && pattern.test(v);
const text = (n) => (v) => typeof v === "string" && length(v) <= n && !forbidden.test(v.replace(/[\t\n]/g, ""));
const line = (n, least = 0) => (v) => typeof v === "string" && length(v) >= least && length(v) <= n && !forbidden.test(v);
const bool = (v) => typeof v === "boolean";
const token = str(/^[A-Za-z][A-Za-z0-9_-]{0,31}$/);
const unit = (v) => line(16, 1)(v) && !spaces.test(v) && !/^[0-9+\-.,]/.test(v);
const language = (v) => str(/^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$/, 16)(v);
export const cell = str(/^[0-9b-hjkmnp-z]{0,6}$/);
const address = str(/^\/[\x21-\x7e]{1,255}$/);
const some = (check) => (v) => check(v) && v.length > 0;
const list = (n, check, least = 0) => (v) => Array.isArray(v) && v.length >= least && v.length <= n && v.every(check);
const key = (v) => hex(pack(v));
const set = (n, check) => (v) => list(n, check)(v) && new Set(v.map(key)).size === v.length;
const raw = (v) => Buffer.isBuffer(v) ? v : Buffer.from(v);
const rising = (n, check, by = (x) => x, least = 0) => (v) =>
  list(n, check, least)(v) && v.every((x, i) => i === 0 || Buffer.compare(raw(by(v[i - 1])), raw(by(x))) < 0);
const pair = (a, b) => (v) => Array.isArray(v) && v.length === 2 && a(v[0]) && b(v[1]);
const fields = (v, checks) =>
  must(Array.isArray(v) && v.length === checks.length && checks.every((c, i) => c(v[i])), "field", "an array's fields");
// A map's schema: name → [check, default]; no default: it must be there; `null`: it may be absent.
const isMap = (v) => v !== null && typeof v === "object" && !Array.isArray(v) && !Buffer.isBuffer(v);
const map = (schema, also = () => true) => (v) => {
  if (!isMap(v)) return false;
  for (const k in v) if (!(k in schema)) return false;
  for (const [k, [check, otherwise]] of Object.entries(schema)) {
    if (!(k in v)) { if (otherwise === undefined) return false; continue; }
    if (!check(v[k]) || ((otherwise ?? null) !== null && key(v[k]) === key(otherwise))) return false;
  }
  return also(v);
};
const author = bin(32), amount = int(), time = int();
const slots = (v) => list(256, pair(time, time))(v) && v.every(([from, to], i) => from < to && (i === 0 || v[i - 1][1] <= from));
const available = map({
  rrule: [str(/^FREQ=[A-Z0-9=;,+-]+$/, 512), ""], zone: [str(/^[A-Za-z0-9_+/-]*$/, 64), ""], slots: [slots, []],
}, (v) => Object.keys(v).length > 0 && ("rrule" in v) === ("zone" in v));
const peer = map({ id: [str(/^[1-9A-HJ-NP-Za-km-z]{32,64}$/)], addresses: [list(16, address), []] });
const peers = (v) => list(4, peer)(v) && new Set(v.map((p) => p.id)).size === v.length;
const few = (v) => isMap(v) && Object.keys(v).length <= 8;
const dimensions = (v) => few(v) && Object.entries(v).every(([k, x]) => token(k) && int(-2, 2)(x));
const price = map({ amount: [int(1)], unit: [unit], per: [token, "item"] });
const filled = (n) => (v) => line(n, 1)(v) && v.trim().length > 0;
const entry = map({
  author: [author], listing: [bin(16), null], reason: [str(/^[a-z][a-z0-9_-]{0,31}$/)], text: [filled(200)], since: [time],
});
const PAYLOADS = {
  genesis: map({
    name: [line(64, 1)], unit: [unit], decimals: [int(0, 6)], endowments: [rising(64, pair(author, amount), (x) => x[0])],
    stewards: [rising(64, author, undefined, 1)], quorum: [int(1)], newcomer_limit: [amount], open: [bool], salt: [bin(16)],
    listings_per_author: [int(1, 100_000), 500], records_per_author: [int(1, 100_000), 2000],
    languages: [set(8, some(language)), []], area: [cell, ""], cell_precision: [int(1, 6), 5],
    newcomer_records: [int(0, 100_000), 0], dimensions: [set(8, token), []],
  }, (v) => v.quorum <= v.stewards.length && (v.records_per_author ?? 2000) >= (v.listings_per_author ?? 500)
    && v.endowments.reduce((sum, [, limit]) => sum + BigInt(limit), 0n) <= BigInt(MAX)),
  rotation: map({ key: [bin(32)], next_hash: [bin(32)], seq: [int(-1)] }),
  profile: map({
    name: [line(64, 1)], box: [bin(32)], peers: [peers, []], about: [text(1000), ""], area: [cell, ""],
    languages: [set(8, some(language)), []],
  }),
  lease: map({ cells: [rising(64, some(cell)), []] }),
  listing: map({
    direction: [(v) => v === "offer" || v === "request"], kind: [str(/^[a-z][a-z0-9_-]{0,31}$/)], title: [line(120, 1)],
    text: [text(4000), ""], tags: [set(16, line(32, 1)), []], language: [language, ""], price: [price, null],
    quantity: [int(0, 1_000_000), null], available: [available, null], area: [cell, ""], area_to: [cell, ""],
    photos: [set(12, bin(32)), []], paused: [bool, false],
  }),
  attestation: map({
    deal: [bin(32)], ratee: [author], outcome: [int(-2, 2)], nonce: [bin(16)], dimensions: [dimensions, {}],
    text: [text(1000), ""], proof: [upTo(12_288), NOTHING],
  }),
  vouch: map({ subject: [author], amount: [amount], entry: [upTo(4096), NOTHING] }),
  redemption: map({ invite: [upTo(2048)], proof: [bin(64)], countersignature: [bin(64)] }),
  replica: map({ owner: [author], count: [int(0, 100_000)], sum: [bin(16)], cells: [rising(64, some(cell)), []] }),
  blocklist: map({
    name: [filled(64)], page: [int(0, 15)], about: [line(200), ""],
    entries: [rising(64, entry, (e) => bytes(e.author, e.listing ?? ""), 1)],
  }),
  misconduct: map({ accused: [author], what: [token], place: [upTo(32), NOTHING], proof: [some(upTo(15_360))] }),
};
export const YEARS = 5 * 365 * DAY;
const LIFE = { genesis: MAX, rotation: YEARS, attestation: YEARS, redemption: YEARS, vouch: YEARS, misconduct: YEARS };
const DOMAINS = ["entry", "fact", "invite", "redeem", "countersign", "token", "rating"];
const LASTING = ["genesis", "rotation", "redemption"];

// ---- records
const KIND = /^[a-z][a-z0-9_]{0,31}$/;
const HEADER = [one, bin(16), str(KIND), author, int(0, 1000), upTo(32), int(), time, time, cell, upTo(16_384)];
export function openHeader(headerBytes) {
  const h = unpack(headerBytes);
  fields(h, HEADER);
  const [, network, kind, who, epoch, name, revision, created, until, scope, payload] = h;
  const r = { network, kind, author: who, epoch, name, revision, created, until, scope, payload, header: headerBytes };
  must(!DOMAINS.includes(kind) && same(network, ZERO16) === (kind === "genesis"), "field", "kind and network");
  must(until > created && until <= created + (LIFE[kind] ?? 90 * DAY), "field", "until");
  must(payload.length > 0 || !LASTING.includes(kind), "field", "cannot be withdrawn");
  return { ...r, id: H(headerBytes) };
}
/** keyOf(author, epoch) → the key of a later epoch, if its rotation is known. */
export function openRecord(wire, { keyOf = () => null, network = null } = {}) {
  const parts = unpack(wire, 20_480);
  fields(parts, [Buffer.isBuffer, bin(64), Buffer.isBuffer]);
  const [headerBytes, signature, inception] = parts, r = { ...openHeader(headerBytes), wire, inception };
  const first = checkInception(inception);
  if (network) must(same(network, r.network), "context", "another network");
  must(same(H(inception), r.author), "signature", "the inception is not the author's");
  let signing = first;
  if (r.epoch > 0) { // a rotation holds its own key
    signing = r.kind === "rotation" ? openPayload(r).key : keyOf(r.author, r.epoch);
    must(signing, "context", "the key of this epoch is not known");
  }
  verify(signing, r.kind, headerBytes, signature);
  return { ...r, signature, key: first };
}
export const known = (r) => Object.hasOwn(PAYLOADS, r.kind);
/** The payload of a record of a known kind that is no withdrawal. */
export function openPayload(r, { precision = 5, keyOf = () => null } = {}) {
  must(r.payload.length > 0, "state", "a withdrawal has no payload");
  const said = unpack(r.payload, 16_384);
  must(PAYLOADS[r.kind](said), "field", `the payload of a ${r.kind}`);
  const fits = (holds) => must(holds, "field", `the header of a ${r.kind}`), listing = r.kind === "listing";
  const named = {
    rotation: () => be(r.epoch, 4), attestation: () => said.deal, vouch: () => said.subject, replica: () => said.owner,
    blocklist: () => H("blocklist", be(said.page, 1), said.name).subarray(0, 16),
    misconduct: () => H("p2pnode/v1/misconduct\0", pack([said.accused, said.what, said.place ?? NOTHING])),
  };
  fits(listing ? r.name.length === 16 : same(r.name, named[r.kind]?.() ?? NOTHING));
  fits(r.scope === (listing ? (said.area ?? "").slice(0, precision) : ""));
  if (r.kind === "genesis") fits(r.epoch === 0 && r.revision === 0 && r.until === MAX);
  if (r.kind === "rotation") fits(r.epoch >= 1);
  if (r.kind === "lease") fits(r.revision === Math.floor(r.created / 1000) && r.until === r.created + 90 * DAY);
  if (r.kind === "replica") fits(r.revision === Math.floor(r.created / 1000) && r.until === r.created + 30 * DAY);
  const other = said.ratee ?? said.subject ?? said.owner;
  if (other) fits(!same(other, r.author));
  if (r.kind === "blocklist") fits(said.entries.every((e) => e.since <= r.created && !same(e.author, r.author)));
  if (r.kind === "misconduct") fits(said.what === "rebuttal" || !same(said.accused, r.author));
  if (r.kind === "redemption") checkRedemption(r, said, keyOf);
  return said;
}
/** A record at epoch 0; without a payload a withdrawal. `more`: name, revision, created, until, scope, payload. */
export function makeRecord(who, network, kind, more = {}) {
  const { name = NOTHING, revision = 0, created = Date.now(), until = created + 90 * DAY, scope = "", payload } = more;
  const said = payload ? pack(payload) : NOTHING;
  const header = pack([1, network, kind, who.author, 0, name, revision, created, until, scope, said]);
  return openRecord(pack([header, sign(who.seed, kind, header), who.inception]));
}
/** Whether a stays and b goes, of two records of one slot. */
export function later(a, b) {
  if (a.until !== b.until) return a.until > b.until;
  return a.revision !== b.revision ? a.revision > b.revision : Buffer.compare(a.id, b.id) < 0;
}

// ---- invites
const founded = (v) => bin(16)(v) && !same(v, ZERO16);
const TOKEN = [one, founded, author, int(0, 1000), bin(32), amount, int(1, 1000), int(1), line(200)];
export function openInvite(wire, keyOf = () => null) {
  const parts = unpack(wire, 2048);
  fields(parts, [Buffer.isBuffer, bin(64), Buffer.isBuffer]);
  const [token, signature, inception] = parts, t = unpack(token), first = checkInception(inception);
  fields(t, TOKEN);
  const [, network, inviter, epoch, inviteKey, vouch, uses, expires_at, note] = t;
  must(same(H(inception), inviter), "signature", "the inception is not the inviter's");
  const signing = epoch === 0 ? first : keyOf(inviter, epoch);
  if (signing) verify(signing, "invite", token, signature);
  return { network, inviter, epoch, key: inviteKey, vouch, uses, expires_at, note, id: H(token), inception, wire, signing };
}
export function openLink(link) {
  link = link.trim();
  must(link.length <= 8192, "size", "the link");
  must(/^p2pnode:\/\/join\/[A-Za-z0-9_-]*$/.test(link), "decode", "not a link");
  const body = link.slice(15), data = Buffer.from(body, "base64url");
  must(data.toString("base64url") === body, "decode", "not base64url");
  const v = unpack(data);
  fields(v, [Buffer.isBuffer, bin(64), Buffer.isBuffer, bin(32), list(8, (a) => address(a) && a.includes("/p2p/")), bin(32)]);
  const [token, signature, inception, seed, addresses, genesis] = v;
  const invite = openInvite(pack([token, signature, inception]));
  must(same(publicBytes(privateKey(seed)), invite.key), "field", "the seed is of another key");
  must(same(genesis.subarray(0, 16), invite.network), "field", "the genesis is of another network");
  return { ...invite, seed, addresses, genesis };
}
export const redeeming = (inviteId, newcomer) => pack([inviteId, newcomer]);
export function checkRedemption(r, said, keyOf) {
  const invite = openInvite(said.invite, keyOf), message = redeeming(invite.id, r.author);
  must(same(invite.network, r.network), "context", "an invite to another network");
  must(!same(invite.inviter, r.author), "field", "invited by himself");
  must(r.created <= invite.expires_at, "context", "the invite had expired");
  must(invite.signing, "context", "the inviter's key is not known");
  verify(invite.key, "redeem", message, said.proof);
  verify(invite.signing, "countersign", message, said.countersignature);
}
