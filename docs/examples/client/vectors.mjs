// Checks this client against tests/vectors, as far as it goes: node vectors.mjs [FOLDER]. CC0-1.0.
import { readFileSync } from "node:fs";
import { H, hex, pack, same, unhex, unpack } from "./codec.mjs";
import * as G from "./gossip.mjs";
import { Inbox, frame, readFrame } from "./net.mjs";
import * as R from "./records.mjs";

const folder = process.argv[2] ?? new URL("../../../tests/vectors", import.meta.url).pathname;
const load = (name) => JSON.parse(readFileSync(`${folder}/${name}.json`));
const native = (v) => {
  if (Array.isArray(v)) return v.map(native);
  if (v === null || typeof v !== "object") return v;
  return "$bytes" in v ? unhex(v.$bytes) : Object.fromEntries(Object.entries(v).map(([k, x]) => [k, native(x)]));
};
const sorted = (hexes) => JSON.stringify([...hexes].sort());
let held = 0;
const failed = [];
async function holds(what, check) {
  const wrong = await Promise.resolve().then(check).then((fine) => fine === false && "another value", (error) => error.message);
  if (wrong) failed.push(`${what}: ${wrong}`); else held++;
}
async function refused(what, code, check) {
  const seen = await Promise.resolve().then(check).then(() => "taken", (error) => error.code ?? error.stack);
  if (seen === "taken" || (code && seen !== code)) failed.push(`${what}: ${code} was expected, and it is ${seen}`); else held++;
}
const record = (wire) => R.openRecord(unhex(wire));

const codec = load("codec"), identity = load("identity"), signatures = load("signatures"), records = load("records");
const payloads = load("payloads"), invites = load("invites"), gossip = load("gossip"), frames = load("frames");
const misconduct = load("misconduct");

for (const c of codec.valid) {
  const data = unhex(c.bytes);
  await holds(`codec: ${c.name}`, () => same(pack(native(c.value)), data) && same(pack(unpack(data)), data));
}
for (const c of codec.invalid) await refused(`codec: ${c.name}`, c.code, () => unpack(unhex(c.bytes)));

for (const c of identity.digests) await holds("digest", () => hex(H(unhex(c.of))) === c.digest);
for (const c of identity.valid) {
  await holds(`identity: ${c.name}`, () => {
    const it = R.identity(unhex(c.entropy)), keys = it.keys.map(hex), seeds = it.seeds.map(hex);
    return ["inception", "author", "nonce"].every((f) => hex(it[f]) === c[f]) && `${keys}${seeds}` === `${c.keys}${c.seeds}`;
  });
}
for (const c of identity.invalid) await refused(`inception: ${c.name}`, c.code, () => R.checkInception(unhex(c.bytes)));
for (const c of identity.rotations) {
  await holds(`rotation: ${c.name}`, () => {
    const said = R.openPayload(record(c.wire));
    return hex(said.key) === c.key && hex(said.next_hash) === c.next_hash && said.seq === c.seq;
  });
}

const verify = (c) => R.verify(unhex(c.key), c.domain, unhex(c.message), unhex(c.signature));
for (const c of signatures.valid) await holds(`signature: ${c.name}`, () => verify(c));
for (const c of signatures.invalid) await refused(`signature: ${c.name}`, c.code, () => verify(c));

for (const c of records.valid) {
  await holds(`record: ${c.name}`, () => hex(record(c.wire).id) === c.id && same(pack(native(c.header)), record(c.wire).header));
}
for (const c of records.invalid) await refused(`record: ${c.name}`, c.code, () => record(c.bytes));
for (const c of records.order) {
  const made = ([revision, id]) => ({ until: 1, revision, id: unhex(id) });
  await holds(`order: ${c.name}`, () => R.later(made(c.new), made(c.old)) === c.replaces);
}
for (const c of payloads.valid) {
  await holds(`payload: ${c.name}`, () => {
    const r = record(c.wire), { proof, ...rest } = R.openPayload(r);
    const sealed = !c.commitment || hex(H("p2pnode/v1/rating\0", rest.nonce, pack(rest))) === c.commitment;
    return sealed && same(pack(native(c.payload)), r.payload);
  });
}
for (const c of payloads.invalid) await refused(`payload: ${c.name}`, c.code, () => R.openPayload(record(c.wire)));
for (const c of misconduct.valid) await holds(`misconduct: ${c.name}`, () => R.openPayload(record(c.wire)).what === c.what);
for (const c of invites.valid) {
  await holds(`invite: ${c.name}`, () => {
    const link = R.openLink(c.link);
    return Object.entries(native(c.fields)).every(([k, v]) => same(pack(v), pack(link[k])));
  });
}
for (const c of invites.invalid) await refused(`invite: ${c.why}`, undefined, () => R.openLink(c.link));

const stream = (data) => { const inbox = new Inbox(); inbox.push(data); inbox.fail(new Error("the end")); return inbox; };
for (const c of frames.valid) {
  await holds(`frame: ${c.name}`, async () => {
    const start = unhex(c.start), message = Buffer.alloc(c.size, c.size === 1 ? start[1] : 0), framed = frame(message);
    return same(framed.subarray(0, 8), start) && same(await readFrame(stream(framed)), message);
  });
}
for (const c of frames.streams) {
  await holds("frames of a stream", async () => {
    const from = stream(unhex(c.bytes));
    for (const f of c.frames) if (hex(await readFrame(from)) !== f) return false;
  });
}
for (const c of frames.invalid) {
  await refused(`frame: ${c.name}`, c.code, async () => { for (const from = stream(unhex(c.bytes)); ;) await readFrame(from); });
}

await holds("item", () => hex(G.itemOf(R.openHeader(unhex(gossip.item.header)))) === gossip.item.item);
for (const c of gossip.fingerprints) await holds("fingerprint", () => hex(G.fingerprint(c.items.map(unhex))) === c.fingerprint);
for (const c of gossip.messages) {
  await holds(`message: ${c.type}`, () => {
    const m = G.openMessage(unhex(c.frame));
    return m[0] === G[c.type] && same(pack(m), unhex(c.frame));
  });
}
for (const c of gossip.invalid) await refused(`message: ${c.reason}`, undefined, () => G.openMessage(unhex(c.frame)));
for (const c of gossip.reconciliations) {
  await holds("reconciliation", () => { // frame by frame the same: both sides cut as is recommended
    const asker = new G.Asker(c.asker.map(unhex), c.as_of), answerer = c.answerer.map(unhex), sent = [];
    const network = unpack(unhex(c.frames[0].frame))[1];
    const send = (...m) => { sent.push(hex(pack(m))); return G.openMessage(pack(m)).at(-1); };
    for (let turn = 1; !asker.done; turn++) {
      const asked = send(G.RECONCILE, network, turn, c.as_of, asker.ask());
      asker.take(send(G.ANSWER, network, turn, G.answer(answerer, c.as_of, asked)));
    }
    return JSON.stringify(sent) === JSON.stringify(c.frames.map((f) => f.frame))
      && sorted(asker.have.keys()) === sorted(c.have) && sorted(asker.need.keys()) === sorted(c.need);
  });
}
for (const c of load("kept").cases) {
  await holds(`kept: ${c.name}`, () => {
    const came = c.records.map((wire) => R.openHeader(unpack(unhex(wire))[0]));
    return sorted(G.kept(came, c.now, c).map((r) => hex(r.id))) === sorted(c.kept);
  });
}

for (const line of failed) console.log(line);
console.log(`${held} hold, ${failed.length} fail`);
process.exitCode = failed.length ? 1 : 0;
