#!/usr/bin/env bash
# Clients of ddp-server-reactive that connect in the same millisecond are one client: one of them hears, and none after one left.
#
# npm ddp-server-reactive 0.4.0 takes the time for a session's id and keeps subscriptions by session and name. When many connect at
# once, as after a restart, each newcomer of a millisecond takes the place of the one before: it gets the documents that there are
# and `ready`, and then no change any more, without an error. When the one that had its place taken leaves, the other falls silent too.
#
# Seen with Node.js 20:
#   200 clients at once, each has the first document and is ready: 200
#   fewer session ids than clients: true
#   a change is heard by as many as there are ids: true
#   of two with one id the first leaves; the other heard the change before: true, and hears one after: false
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts ddp-server-reactive@0.4.0 ws@8.23.0 >&2
cat >try.js <<'JS'
const { setTimeout: sleep } = require('timers/promises');
const http = require('http').createServer();
const WebSocket = require('ws');
const DDPServer = require('ddp-server-reactive');
http.listen(0, '127.0.0.1', async () => {
	const server = new DDPServer({ httpServer: http });
	const things = server.publish('things');
	things.first = { name: 'first' };
	const connect = () =>
		new Promise((resolve) => {
			const client = { heard: [], socket: new WebSocket(`ws://127.0.0.1:${http.address().port}/websocket`) };
			const say = (message) => client.socket.send(JSON.stringify(message));
			client.socket.on('open', () => say({ msg: 'connect', version: '1', support: ['1'] }));
			client.socket.on('message', (text) => {
				const { msg, id, session } = JSON.parse(text);
				if (msg === 'connected') {
					client.session = session;
					say({ msg: 'sub', id: 'a', name: 'things', params: [] });
				}
				if (msg === 'added') client.heard.push(id);
				if (msg === 'ready') resolve(client);
			});
		});
	const clients = await Promise.all(Array.from({ length: 200 }, connect));
	const who = (id) => clients.filter(({ heard }) => heard.includes(id));
	console.log('200 clients at once, each has the first document and is ready:', who('first').length);
	const sessions = new Set(clients.map(({ session }) => session));
	console.log('fewer session ids than clients:', sessions.size < clients.length);
	things.second = { name: 'second' };
	await sleep(500);
	console.log('a change is heard by as many as there are ids:', who('second').length === sessions.size);
	const leaves = clients.find((one) => !one.heard.includes('second'));
	const stays = clients.find((one) => one.session === leaves.session && one.heard.includes('second'));
	leaves.socket.close();
	await sleep(500);
	things.third = { name: 'third' };
	await sleep(500);
	const [before, after] = ['second', 'third'].map((id) => stays.heard.includes(id));
	console.log(`of two with one id the first leaves; the other heard the change before: ${before}, and hears one after: ${after}`);
	process.exit();
});
JS
node --version
timeout 60 node try.js | tee seen
diff seen - <<'SEEN'
200 clients at once, each has the first document and is ready: 200
fewer session ids than clients: true
a change is heard by as many as there are ids: true
of two with one id the first leaves; the other heard the change before: true, and hears one after: false
SEEN
