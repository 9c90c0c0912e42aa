#!/usr/bin/env bash
# Where two npm DDP packages meet: a failed call is never answered, and after a break a collection is empty for good.
#
# ddp-server 0.5.2 and ddp-server-reactive 0.4.0 answer a method that throws, or that they do not have, with {id, error} and no
# `msg`. Clients look at `msg` first: for ddp 0.12.1 and simpleddp 2.2.4 the call is simply away. ddp-server-reactive does not know
# `unsub` either; simpleddp, when it is back after a break, has emptied its collections, takes back each old subscription and
# subscribes anew when that is confirmed by `nosub`, which never comes: connected, calls answered, and no document ever again.
#
# Seen with Node.js 20:
#   ddp-server: works with ddp: answered, simpleddp: answered
#   ddp-server: fails with ddp: nothing, simpleddp: nothing
#   ddp-server: missing with ddp: nothing, simpleddp: nothing
#   ddp-server-reactive: works with ddp: answered, simpleddp: answered
#   ddp-server-reactive: fails with ddp: nothing, simpleddp: nothing
#   ddp-server-reactive: missing with ddp: nothing, simpleddp: nothing
#   collection of simpleddp: first
#   after a break: nothing, connected: true, said: connect, unsub
#   after a further document: nothing, a call: answered
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts ddp-server@0.5.2 ddp-server-reactive@0.4.0 ddp@0.12.1 simpleddp@2.2.4 ws@8.23.0 >&2
cat >try.js <<'JS'
const { setTimeout: sleep } = require('timers/promises');
const WebSocket = require('ws');
const DDPClient = require('ddp');
const Simple = require('simpleddp').default ?? require('simpleddp');
const tell = console.log;
console.log = () => {}; // The servers talk.
// ddp-server listens by a port only, and on all addresses: both get a server that is bound to loopback.
const http = require('http');
const createServer = http.createServer;
const methods = {
	works: () => 'done',
	fails() {
		throw new Error('as asked');
	},
};
const fate = (promise) => Promise.race([promise.then(() => 'answered', () => 'answered'), sleep(1000, 'nothing')]);
const calls = async (name, port) => {
	const node = new DDPClient({ host: '127.0.0.1', port, ssl: false });
	await new Promise((resolve) => node.connect(resolve));
	const simple = new Simple({ endpoint: `ws://127.0.0.1:${port}/websocket`, SocketConstructor: WebSocket, reconnectInterval: 100 });
	await simple.connect();
	for (const method of ['works', 'fails', 'missing']) {
		const told = await Promise.all([fate(new Promise((resolve) => node.call(method, [], resolve))), fate(simple.call(method))]);
		tell(`${name}: ${method} with ddp: ${told[0]}, simpleddp: ${told[1]}`);
	}
	node.close();
	return simple;
};
(async () => {
	const bound = [createServer(), createServer()];
	for (const server of bound) await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	http.createServer = () => bound[0];
	const DDPServer = require('ddp-server');
	new DDPServer({ methods });
	await (await calls('ddp-server', bound[0].address().port)).disconnect();

	const sockets = new Set();
	bound[1].on('upgrade', (request, socket) => sockets.add(socket));
	const Reactive = require('ddp-server-reactive');
	const reactive = new Reactive({ httpServer: bound[1], methods });
	const things = reactive.publish('things');
	things.a = { name: 'first' };
	const simple = await calls('ddp-server-reactive', bound[1].address().port);
	const documents = () => simple.collection('things').fetch().map(({ name }) => name).join() || 'nothing';
	await simple.subscribe('things').ready();
	await sleep(100);
	tell('collection of simpleddp:', documents());
	const said = [];
	simple.ddpConnection.socket.on('message:out', ({ msg }) => said.push(msg));
	for (const socket of sockets) socket.destroy();
	await sleep(1000);
	tell(`after a break: ${documents()}, connected: ${simple.connected}, said: ${said.join(', ')}`);
	things.b = { name: 'second' };
	await sleep(500);
	tell(`after a further document: ${documents()}, a call: ${await fate(simple.call('works'))}`);
	process.exit();
})();
JS
node --version
timeout 60 node try.js | tee seen
diff seen - <<'SEEN'
ddp-server: works with ddp: answered, simpleddp: answered
ddp-server: fails with ddp: nothing, simpleddp: nothing
ddp-server: missing with ddp: nothing, simpleddp: nothing
ddp-server-reactive: works with ddp: answered, simpleddp: answered
ddp-server-reactive: fails with ddp: nothing, simpleddp: nothing
ddp-server-reactive: missing with ddp: nothing, simpleddp: nothing
collection of simpleddp: first
after a break: nothing, connected: true, said: connect, unsub
after a further document: nothing, a call: answered
SEEN
