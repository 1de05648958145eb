// Gossip (gossip.md): items, what is kept, messages, reconciliation; no streams. CC0-1.0.
import { H, be, bytes, hex, must, pack, same, unpack } from "./codec.mjs";
import { cell, later } from "./records.mjs";

// ---- items and sets of them
export function itemOf(r) {
  const slot = H(pack([r.author, r.kind, r.name])).subarray(0, 16);
  return bytes(be(r.until, 8), slot, be(r.revision, 8), r.id);
}
const idOf = (item) => item.subarray(32);
const short = (item) => hex(item.subarray(32, 48)); // the first 16 bytes of its id
export function splitUp(data, size) {
  return Array.from({ length: data.length / size }, (_, i) => data.subarray(i * size, (i + 1) * size));
}
export function fingerprint(items) {
  const sum = items.reduce((s, i) => s + BigInt("0x" + hex(idOf(i))), 0n);
  return H(be(BigInt.asUintN(256, sum), 32), be(items.length, 8)).subarray(0, 16);
}
const below = (a, b) => a !== null && (b === null || Buffer.compare(a, b) < 0); // null: the end
const upTo = (a, b) => !below(b, a);
const within = (items, low, high) => items.filter((i) => !below(i, low) && below(i, high)); // few enough to look at all
const least = (a, b) => (below(a, b) ? a : b);

// ---- what is kept (6): records → those that stay
export function kept(records, now, { listings_per_author: listings = 500, records_per_author: all = 2000 } = {}) {
  const slots = new Map(), shares = new Map();
  for (const r of records) {
    if (r.until <= now) continue;
    const slot = [hex(r.author), r.kind, hex(r.name), r.scope].join();
    if (!slots.has(slot) || later(r, slots.get(slot))) slots.set(slot, r);
  }
  for (const r of slots.values()) {
    const share = [hex(r.author), r.kind === "listing", r.scope].join();
    shares.has(share) ? shares.get(share).push(r) : shares.set(share, [r]);
  }
  for (const r of slots.values()) r.item ??= itemOf(r);
  const slotHash = (r) => r.item.subarray(8, 24);
  const lasting = (a, b) => b.until - a.until || Buffer.compare(slotHash(b), slotHash(a));
  return [...shares.values()].flatMap((rs) => rs.sort(lasting).slice(0, rs[0].kind === "listing" ? listings : all - listings));
}

// ---- messages: arrays [type, network, …]
export const HELLO = 1, RECONCILE = 2, ANSWER = 3, DONE = 4, HAVE = 5, WANT = 6, RECORDS = 7, PRUNE = 8, GRAFT = 9;
export const SKIP = 0, SUM = 1, LIST = 2, DIFF = 3, ITEMS = 4;
const fail = (why) => must(false, "field", why);
const int = (low, high) => (v) => (Number.isSafeInteger(v) && v >= low && v <= high) || fail("an integer");
const binary = (size, least, most) => (v) =>
  (Buffer.isBuffer(v) && v.length % size === 0 && v.length >= size * least && v.length <= size * most) || fail("a binary");
const list = (v, least, most) => (Array.isArray(v) && v.length >= least && v.length <= most) || fail("an array");
const boolean = (v) => v === true || v === false || fail("a boolean");
const turn = int(1, 2 ** 32 - 1), time = int(0, Number.MAX_SAFE_INTEGER), scope = (v) => cell(v) || fail("a scope");
const ascending = (parts) => parts.every((p, i) => i === 0 || Buffer.compare(parts[i - 1], p) < 0) || fail("not in order");
function ranges(v, least, allowed) {
  list(v, least, 2048);
  v.forEach((r, i) => {
    list(r, 1, 4);
    const [upper, form = SKIP, a, b] = r;
    Buffer.isBuffer(upper) && upper.length <= 64 || fail("a bound");
    (upper.length > 0 ? i === 0 || Buffer.compare(v[i - 1][0], upper) < 0 : i === v.length - 1) || fail("bounds ascend");
    allowed.includes(form) && r.length === [1, 3, 3, 4, 3][form] || fail("a form");
    if (form === SUM) binary(16, 1, 1)(a);
    if (form === LIST) binary(16, 0, 1024)(a);
    if (form === DIFF || form === ITEMS) { binary(64, 0, 1024)(a); ascending(splitUp(a, 64)); }
    if (form === DIFF) { binary(2, 0, 1024)(b); ascending(splitUp(b, 2)); }
  });
}
const FORMS = {
  [HELLO]: [binary(8, 1, 1), time, boolean, (v) => { list(v, 0, 64); v.forEach(scope); }],
  [RECONCILE]: [turn, time, (v) => ranges(v, 1, [SKIP, SUM, LIST])],
  [ANSWER]: [turn, (v) => ranges(v, 0, [SKIP, SUM, DIFF, ITEMS])],
  [DONE]: [turn],
  [HAVE]: [binary(64, 1, 900)], [WANT]: [turn, binary(32, 1, 256)],
  [RECORDS]: [int(0, 2 ** 32 - 1), int(0, 256), (v) => { list(v, 0, 1024); v.forEach(binary(1, 0, 20_480)); }],
  [PRUNE]: [scope], [GRAFT]: [scope],
};
/** A message of a frame; null for one of a type that is not known. */
export function openMessage(data) {
  const m = unpack(data);
  list(m, 2, 4096); int(1, Number.MAX_SAFE_INTEGER)(m[0]); binary(16, 1, 1)(m[1]);
  if (m[0] > GRAFT) return null;
  m.length === FORMS[m[0]].length + 2 || fail("elements");
  FORMS[m[0]].forEach((check, i) => check(m[i + 2]));
  return m;
}

// ---- reconciliation
const ROOM = 61_440;
export const start = (as_of) => be(as_of + 1, 8);
/** Sixteen parts of about equal number. */
export function cut(items, low, high) {
  const inside = within(items, low, high), bounds = [low];
  for (let k = 1; k < 16; k++) {
    const at = Math.floor((k * inside.length) / 16), before = inside[at - 1], item = inside[at];
    if (at === 0) continue;
    let n = 1;
    while (Buffer.compare(item.subarray(0, n), before) <= 0) n++;
    if (below(bounds.at(-1), item.subarray(0, n))) bounds.push(item.subarray(0, n));
  }
  return bounds.map((b, i) => [b, bounds[i + 1] ?? high]);
}
const sized = (r) => r.slice(2).reduce((n, x) => n + x.length + 5, r[0].length + 8);
const close = (high) => high ?? Buffer.alloc(0);
/** Walk a message's ranges as [low, high, form, …]. */
function* walk(ranges, low) {
  for (const [upper, form = SKIP, ...rest] of ranges) {
    const high = upper.length ? upper : null;
    yield [low, high, form, ...rest];
    low = high;
  }
}

export function answer(items, as_of, asked) {
  const out = []; let size = 64;
  const end = asked.at(-1)[0];
  for (const [low, high, form, said] of walk(asked, start(as_of))) {
    const mine = within(items, low, high), made = [];
    if (form === SKIP || (form === SUM && same(said, fingerprint(mine)))) made.push([close(high)]);
    else if (form === SUM && mine.length <= 8) made.push([close(high), ITEMS, bytes(...mine)]);
    else if (form === SUM && mine.length <= 32) made.push([close(high), SUM, fingerprint(mine)]);
    else if (form === SUM) {
      for (const [l, h] of cut(items, low, high)) made.push([close(h), SUM, fingerprint(within(items, l, h))]);
    } else {
      const listed = splitUp(said, 16).map(hex), told = new Set(listed), held = new Set(mine.map(short));
      const lacking = mine.filter((i) => !told.has(short(i))), stop = lacking.length > 512 ? lacking[512] : null;
      const missing = listed.flatMap((id, place) => (held.has(id) ? [] : [be(place, 2)]));
      made.push([stop ?? close(high), DIFF, bytes(...lacking.slice(0, 512)), bytes(...missing)]);
      if (stop) made.push([close(high), SUM, fingerprint(within(items, stop, high))]);
    }
    for (const r of made) {
      if (size + sized(r) > ROOM) {
        const from = out.length ? out.at(-1)[0] : start(as_of);
        out.push([end, SUM, fingerprint(within(items, from, end.length ? end : null))]);
        return out;
      }
      if (r.length === 1 && out.at(-1)?.length === 1) out.pop();
      out.push(r); size += sized(r);
    }
  }
  while (out.at(-1)?.length === 1) out.pop();
  return out;
}

export class Asker {
  have = new Map(); need = new Map(); #open; #asked = [];
  constructor(items, as_of) {
    this.items = items; this.as_of = as_of;
    this.#open = [{ low: start(as_of), high: null, list: false }];
  }
  get done() { return this.#open.length === 0; }
  /** The ranges of the next RECONCILE. */
  ask() {
    const out = []; let size = 64, at = start(this.as_of);
    this.#asked = [];
    while (this.#open.length) {
      const { low, high, list } = this.#open[0], mine = within(this.items, low, high), listing = list && mine.length <= 128;
      const listed = () => bytes(...mine.map((i) => idOf(i).subarray(0, 16)));
      const r = listing ? [close(high), LIST, listed()] : [close(high), SUM, fingerprint(mine)];
      if (out.length > 2046 || size + sized(r) + 80 > ROOM) break;
      if (below(at, low)) { out.push([low]); size += 80; }
      out.push(r); size += sized(r); at = high;
      this.#asked.push({ ...this.#open.shift(), mine, listing });
    }
    return out;
  }
  take(ranges) {
    const again = [];
    for (const [low, high, form, said, missing] of walk(ranges, start(this.as_of))) {
      if (form === SKIP) continue;
      const inside = this.#asked.find((a) => upTo(a.low, low) && upTo(high, a.high)), mine = within(this.items, low, high);
      if (form === SUM && !inside) {
        const hit = this.#asked.filter((a) => below(a.low, high) && below(low, a.high));
        must(hit.length > 0, "field", "a SUM of what was not asked");
        for (const a of hit) again.push({ low: below(a.low, low) ? low : a.low, high: least(a.high, high), list: a.list });
      } else if (form === SUM) {
        if (same(said, fingerprint(mine))) continue;
        if (mine.length <= 32) again.push({ low, high, list: true });
        else for (const [l, h] of cut(this.items, low, high)) again.push({ low: l, high: h, list: false });
      } else {
        must(inside, "field", "an answer to what was not asked");
        const items = splitUp(said, 64);
        must(within(items, low, high).length === items.length, "field", "an item outside its range");
        for (const i of items) if (!mine.some((m) => same(m, i))) this.need.set(hex(i), i);
        if (form === ITEMS) {
          for (const i of mine) if (!items.some((x) => same(x, i))) this.have.set(hex(i), i);
          continue;
        }
        must(inside.listing && same(inside.low, low), "field", "a DIFF of no LIST");
        for (const place of splitUp(missing, 2)) {
          const i = inside.mine[place.readUInt16BE()];
          must(i, "field", "no such place");
          if (below(i, high)) this.have.set(hex(i), i);
        }
      }
    }
    this.#open = [...again, ...this.#open];
  }
}
