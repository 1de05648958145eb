// Joining, what is held of a network, and gossip with one peer (join.md; gossip.md, 3 to 5). CC0-1.0.
import { randomBytes } from "node:crypto";
import { Refused, hex, must, pack, same, unpack } from "./codec.mjs";
import * as G from "./gossip.mjs";
import { frame, readFrame } from "./net.mjs";
import { known, openPayload, openRecord, redeeming, sign, verify } from "./records.mjs";

const EMPTY = Buffer.alloc(0), MINUTES = 60_000;

/** Ask to be let in, by a link or without. */
export async function join(connection, me, link = null) {
  const proof = link ? sign(link.seed, "redeem", redeeming(link.id, me.author)) : EMPTY;
  const stream = await connection.open("/p2pnode/join/1.0.0");
  stream.write(frame(pack(["join", link?.network ?? EMPTY, me.inception, link?.wire ?? EMPTY, proof])));
  const [name, ...rest] = unpack(await readFrame(stream));
  must(name === "welcome", "context", rest.join(": "));
  const genesis = openRecord(rest[0]), terms = openPayload(genesis);
  must(genesis.kind === "genesis" && (!link || same(genesis.id, link.genesis)), "context", "another network");
  if (link) verify(link.signing, "countersign", redeeming(link.id, me.author), rest[1]);
  return { network: genesis.id.subarray(0, 16), terms, proof, countersignature: rest[1] };
}

/** The records of one network that were found good, and are kept. */
export class Store {
  records = new Map(); refused = []; #rotations = new Map();
  constructor(network, terms) { this.network = network; this.terms = terms; }
  keyOf = (author, epoch) => this.#rotations.get(`${hex(author)} ${epoch}`)?.key ?? null;
  #check(wire, now) {
    const r = openRecord(wire, { network: this.network, keyOf: this.keyOf });
    must(r.created <= now + 10 * MINUTES && r.until > now, "context", "not now");
    const precision = this.terms.cell_precision ?? 5;
    r.said = known(r) && r.payload.length ? openPayload(r, { precision, keyOf: this.keyOf }) : null;
    if (r.kind === "rotation") this.#rotations.set(`${hex(r.author)} ${r.epoch}`, r.said);
    return r;
  }
  /** → those of the wires that are good and kept now; why others are not is noted in `refused`. */
  add(wires, now = Date.now()) {
    const good = [];
    for (const wire of wires) {
      try { good.push(this.#check(wire, now)); } catch (error) {
        if (!(error instanceof Refused)) throw error;
        this.refused.push(error.message);
      }
    }
    const kept = G.kept([...this.records.values(), ...good], now, this.terms);
    this.records = new Map(kept.map((r) => [hex(r.id), r]));
    return good.filter((r) => this.records.get(hex(r.id)) === r);
  }
  items(scopes, asOf) { // those shared with a peer of these scopes
    const shared = [...this.records.values()].filter((r) => r.scope === "" || scopes.some((p) => r.scope.startsWith(p)));
    return shared.filter((r) => r.until > asOf).map((r) => r.item).sort(Buffer.compare);
  }
}

export class Gossip {
  #out = null; #nonce = randomBytes(8); #theirs = null; // their HELLO
  #asker = null; #turn = 0; #asOf = 0; #asked = false; #compared = false;
  #request = 0; #requests = new Map(); #wanted = new Set();
  fresh = () => {}; strikes = [];
  constructor(connection, store) {
    this.connection = connection; this.store = store;
    this.synced = new Promise((done) => { this.done = done; });
  }
  async begin() {
    this.read(await this.connection.open("/p2pnode/gossip/1.0.0"));
    this.#hello(false);
  }
  /** Reads a stream, whoever opened it. */
  async read(stream) {
    this.#out ??= stream;
    try { for (;;) this.#receive(await readFrame(stream)); } catch (error) { this.ended = error; }
  }
  #receive(data) {
    try {
      const m = G.openMessage(data);
      if (m && same(m[1], this.store.network)) this.#take(m[0], ...m.slice(2));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.strikes.push(error.message);
    }
  }
  #send(type, ...rest) { this.#out.write(frame(pack([type, this.store.network, ...rest]))); }
  #hello(heard) { this.#send(G.HELLO, this.#nonce, Date.now(), heard, [""]); }
  #take(type, ...m) {
    if (type === G.HELLO) this.#greeted(...m);
    else if (!this.#theirs) return;
    else if (type === G.RECONCILE) this.#answer(...m);
    else if (type === G.ANSWER && m[0] === this.#turn && this.#asker) { this.#asker.take(m[1]); this.#ask(); }
    else if (type === G.DONE) { this.#compared = true; this.#settle(); }
    else if (type === G.HAVE) this.#want(G.splitUp(m[0], 64));
    else if (type === G.WANT) this.#serve(...m);
    else if (type === G.RECORDS) this.#got(...m);
  }
  #greeted(nonce, now, heard, scopes) {
    const before = this.#theirs;
    this.#theirs = { nonce, scopes };
    if (!heard) this.#hello(true);
    if (before && same(before.nonce, nonce) && before.scopes.join() === scopes.join()) return;
    this.#send(G.GRAFT, "");
    this.#asOf = Math.min(now, Date.now() + 10 * MINUTES);
    if (Buffer.compare(this.#nonce, nonce) > 0) this.reconcile();
    else setTimeout(() => { if (!this.#asked && !this.ended) this.reconcile(); }, 10_000).unref();
  }

  // ---- comparing
  reconcile() {
    this.#asOf = Math.max(this.#asOf, Date.now());
    this.#asker = new G.Asker(this.store.items(this.#theirs.scopes, this.#asOf), this.#asOf);
    this.#ask();
  }
  #ask() {
    if (!this.#asker.done) return this.#send(G.RECONCILE, ++this.#turn, this.#asOf, this.#asker.ask());
    const { have, need } = this.#asker, items = [...have.values()];
    this.#asker = null; this.#compared = true;
    for (let i = 0; i < items.length; i += 900) this.#send(G.HAVE, Buffer.concat(items.slice(i, i + 900)));
    this.#send(G.DONE, this.#turn);
    this.#want([...need.values()]);
  }
  #answer(turn, asOf, ranges) {
    this.#asked = true;
    this.#send(G.ANSWER, turn, G.answer(this.store.items(this.#theirs.scopes, asOf), asOf, ranges));
  }
  #settle() { if (this.#compared && this.#requests.size === 0) this.done(); }

  // ---- fetching and serving
  #want(items) {
    const lacking = (id) => !this.store.records.has(id) && !this.#wanted.has(id);
    const ids = items.map((i) => i.subarray(32)).filter((id) => lacking(hex(id)));
    for (const id of ids) this.#wanted.add(hex(id));
    for (let i = 0; i < ids.length; i += 128) this.#requests.set(++this.#request, ids.slice(i, i + 128));
    this.#next();
  }
  #next() { // four requests are under way at most
    for (const [request, ids] of [...this.#requests].slice(0, 4)) {
      if (!ids.sent) this.#send(G.WANT, request, Buffer.concat(ids));
      ids.sent = true;
    }
    this.#settle();
  }
  #got(request, dealt, wires) {
    for (const r of this.store.add(wires)) if (request === 0) this.fresh(r);
    const ids = this.#requests.get(request);
    if (!ids) return;
    this.#requests.delete(request);
    for (const id of ids.slice(0, dealt)) this.#wanted.delete(hex(id));
    if (dealt > 0 && dealt < ids.length) this.#requests.set(++this.#request, ids.slice(dealt));
    this.#next();
  }
  #serve(request, ids) {
    const wires = [];
    let size = 64, dealt = 0;
    for (const id of G.splitUp(ids, 32)) {
      const r = this.store.records.get(hex(id));
      if (r && size + r.wire.length + 5 > 61_440) break;
      if (r) { wires.push(r.wire); size += r.wire.length + 5; }
      dealt++;
    }
    this.#send(G.RECORDS, request, dealt, wires);
  }
  push(records) { this.#send(G.RECORDS, 0, 0, records.map((r) => r.wire)); }
}
