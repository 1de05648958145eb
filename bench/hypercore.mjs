// Appends of a hypercore, for bench/beside.py: node hypercore.mjs FOLDER SINGLY GROUPS SIZE. Prints one JSON object.
// hypercore does not sync its files; the bench says so.
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(join(process.cwd(), 'package.json'))
const Hypercore = require('hypercore')

const [folder, singly, groups, size] = process.argv.slice(2).map((v, i) => (i === 0 ? v : Number(v)))
const core = new Hypercore(folder)
await core.ready()
const block = Buffer.alloc(size, 7)

let began = process.hrtime.bigint()
for (let i = 0; i < singly; i++) await core.append(block)
const single = Number(process.hrtime.bigint() - began) / 1e9

const hundred = Array.from({ length: 100 }, () => block)
began = process.hrtime.bigint()
for (let i = 0; i < groups; i++) await core.append(hundred)
const grouped = Number(process.hrtime.bigint() - began) / 1e9

console.log(JSON.stringify({ single: singly / single, grouped: (groups * 100) / grouped, length: core.length }))
await core.close()
