#!/usr/bin/env bash
# @rocket.chat/ddp-client comes back after every break but the one that it finds itself.
#
# Its retries are for connections that the other side closes. Where the server falls silent (a cable, a sleeping laptop, a NAT that
# forgot) 1.1.2 pings after 30 s, and after 60 s closes the connection the way its user would: `closed` is final, `retryCount` is
# not looked at, `disconnected` is not emitted, and calls that are made then are kept for a connection that nobody opens. Only
# `reconnect()` by hand helps, which finds the server as well as ever. Here the two times are 0.2 and 0.4 s, set on the SDK's own control.
#
# Seen with Node.js 20:
#   a ping after 30000 ms of silence, closed after 60000
#   the server closed: connecting connected disconnected reconnecting connecting connected, `disconnected` emitted 1 times
#   the server was silent: closed, `disconnected` emitted 0 times
#   five times as long after that: 2 connections, a call: no answer
#   by hand: 3 connections, the call: answered
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# ddp-client's types ask for a typia that needs a newer Node.js; nothing of it runs here.
cat >package.json <<'JSON'
{
	"private": true,
	"dependencies": { "@rocket.chat/ddp-client": "1.1.2", "@rocket.chat/emitter": "0.33.0", "ws": "8.23.0" },
	"overrides": { "typia": "9.7.2" }
}
JSON
npm install --silent --no-audit --no-fund --ignore-scripts >&2
cat >try.js <<'JS'
const { setTimeout: sleep } = require('timers/promises');
const { WebSocketServer, WebSocket } = require('ws');
globalThis.WebSocket = WebSocket;
const { DDPSDK } = require('@rocket.chat/ddp-client');
const connections = [];
const silent = new Set();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 }, async () => {
	const sdk = DDPSDK.create(`ws://127.0.0.1:${server.address().port}`, { retryCount: 1000, retryTime: 20 });
	console.log(`a ping after ${sdk.timeoutControl.heartbeat} ms of silence, closed after ${sdk.timeoutControl.timeout}`);
	Object.assign(sdk.timeoutControl, { timeout: 400, heartbeat: 200 });
	let statuses = [];
	let emitted = 0;
	sdk.connection.on('connection', (status) => statuses.push(status));
	sdk.connection.on('disconnected', () => (emitted += 1));
	const tell = (what) => {
		console.log(`${what}: ${statuses.join(' ')}, \`disconnected\` emitted ${emitted} times`);
		statuses = [];
		emitted = 0;
	};
	await sdk.connection.connect();
	connections[0].close(1012);
	while (connections.length < 2 || sdk.connection.status !== 'connected') await sleep(5);
	tell('the server closed');
	silent.add(connections[1]);
	while (sdk.connection.status === 'connected') await sleep(5);
	let answer = 'no answer';
	sdk.call('anything').then(() => (answer = 'answered'));
	await sleep(2000);
	tell('the server was silent');
	console.log(`five times as long after that: ${connections.length} connections, a call: ${answer}`);
	await sdk.connection.reconnect();
	await sleep(100);
	console.log(`by hand: ${connections.length} connections, the call: ${answer}`);
	process.exit();
});
server.on('connection', (socket) => {
	connections.push(socket);
	const say = (message) => socket.send(JSON.stringify(message));
	socket.on('message', (text) => {
		if (silent.has(socket)) return;
		const { msg, id } = JSON.parse(text);
		if (msg === 'connect') say({ msg: 'connected', session: `s${connections.length}` });
		if (msg === 'ping') say({ msg: 'pong' });
		if (msg === 'method') say({ msg: 'result', id, result: true });
	});
});
JS
node --version
timeout 60 node try.js | tee seen
diff seen - <<'SEEN'
a ping after 30000 ms of silence, closed after 60000
the server closed: connecting connected disconnected reconnecting connecting connected, `disconnected` emitted 1 times
the server was silent: closed, `disconnected` emitted 0 times
five times as long after that: 2 connections, a call: no answer
by hand: 3 connections, the call: answered
SEEN
