// A small client of a p2pnode network: joins, fetches and checks what a node holds, publishes an offer. CC0-1.0.
//   node client.mjs FILE ADDRESS-OR-LINK [--name NAME] [--area CELL] [--offer TITLE] [--stay SECONDS]
// FILE keeps the keys and what was published; it is made if it is not there.
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hex, unhex } from "./codec.mjs";
import { dial, peerId } from "./net.mjs";
import { DAY, YEARS, boxKey, identity, makeRecord, openLink, privateKey, publicBytes } from "./records.mjs";
import { Gossip, Store, join } from "./session.mjs";

const [file, target, ...options] = process.argv.slice(2);
const option = (name, otherwise) => (options.includes(name) ? options[options.indexOf(name) + 1] : otherwise);
const fresh = { entropy: hex(randomBytes(32)), host: hex(randomBytes(32)), box: hex(randomBytes(32)), published: [] };
const state = existsSync(file) ? JSON.parse(readFileSync(file)) : fresh;
const save = () => writeFileSync(file, JSON.stringify(state), { mode: 0o600 });
const say = (...words) => console.log(words.join("\t"));
const line = (r) => [r.kind, hex(r.id).slice(0, 8), hex(r.author).slice(0, 8), r.said?.title ?? r.said?.name ?? ""];
save();

const me = identity(unhex(state.entropy)), host = unhex(state.host);
const link = target.startsWith("p2pnode:") ? openLink(target) : null;
let ready;
const prepared = new Promise((done) => { ready = done; });
const serve = new Map([["/p2pnode/gossip/1.0.0", (stream) => prepared.then((gossip) => gossip.read(stream))]]);
const connection = await dial(link ? link.addresses[0] : target, host, serve);
const { network, terms, proof, countersignature } = await join(connection, me, link);
say("joined", hex(network), terms.name);

const store = new Store(network, terms), ours = store.add(state.published.map(unhex)), gossip = new Gossip(connection, store);
gossip.fresh = (r) => say("new", ...line(r));
ready(gossip);
await gossip.begin();
await gossip.synced;
for (const r of store.records.values()) say("holds", ...line(r));
for (const why of store.refused) say("refused", why);

function publish(kind, payload, { lasts = 90 * DAY, ...more } = {}) {
  const created = Date.now(), times = { created, revision: Math.floor(created / 1000), until: created + lasts };
  const record = makeRecord(me, network, kind, { ...times, ...more, payload });
  state.published.push(hex(record.wire));
  save(); // before it leaves
  gossip.push(store.add([record.wire])); // a frame of its own: what follows may rest on it
  say("published", ...line(store.records.get(hex(record.id))));
}
const area = option("--area", ""), title = option("--offer"), name = option("--name", "A foreign client");
if (title) {
  if (link && !ours.some((r) => r.kind === "redemption")) {
    publish("redemption", { invite: link.wire, proof, countersignature }, { revision: 0, lasts: YEARS });
  }
  const where = area ? { area } : {}, peers = [{ id: peerId(publicBytes(privateKey(host))) }];
  publish("profile", { name, box: publicBytes(boxKey(unhex(state.box))), peers, ...where });
  publish("lease", {});
  const scope = area.slice(0, terms.cell_precision ?? 5), offer = { direction: "offer", kind: "lend", title, ...where };
  publish("listing", offer, { name: randomBytes(16), scope, lasts: 30 * DAY });
}
await new Promise((done) => setTimeout(done, 1000 * option("--stay", 1)));
for (const why of gossip.strikes) say("strike", why);
connection.close();
