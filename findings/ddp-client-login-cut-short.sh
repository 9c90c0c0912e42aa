#!/usr/bin/env bash
# A login during which the connection broke is the last thing that @rocket.chat/ddp-client ever asks.
#
# ddp-client 1.1.2 holds methods back while a `login` is away, and a break neither answers nor forgets it. It connects again and
# subscribes again by itself, so everything looks well; but each call from then on waits behind the login that nobody will answer:
# it is not sent, and its promise stays open. Calls that were away stay open, too. And what was subscribed while it was away is
# asked for twice, with one id. A restart of the server within a login is enough.
#
# Seen with Node.js 20:
#   status: connected
#   said after it came back: connect, sub later rc-ddp-client-4, sub early rc-ddp-client-1, sub later rc-ddp-client-4
#   the call that was away: no answer
#   the login that was away: no answer
#   a new login: no answer
#   a new call: no answer
#   methods that the server heard of since: 0
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
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 }, async () => {
	const sdk = DDPSDK.create(`ws://127.0.0.1:${server.address().port}`, { retryCount: 100, retryTime: 50 });
	const answers = {};
	const ask = (what, promise) => {
		answers[what] = 'no answer';
		promise.then(
			() => (answers[what] = 'answered'),
			() => (answers[what] = 'failed'),
		);
	};
	await sdk.connection.connect();
	await sdk.client.subscribe('early').ready();
	ask('the call that was away', sdk.call('away'));
	ask('the login that was away', sdk.account.loginWithToken('token'));
	await until(() => connections[0].said.at(-1).startsWith('method login'));
	connections[0].socket.close(1012);
	await until(() => sdk.connection.status === 'disconnected');
	const later = sdk.client.subscribe('later');
	await until(() => connections[1]?.said.length === 4);
	ask('a new login', sdk.account.loginWithToken('token'));
	ask('a new call', sdk.call('new'));
	await later.ready();
	await sleep(1000);
	const { said } = connections[1];
	console.log('status:', sdk.connection.status);
	console.log('said after it came back:', said.filter((message) => !message.startsWith('method')).join(', '));
	for (const [what, answer] of Object.entries(answers)) console.log(`${what}: ${answer}`);
	console.log('methods that the server heard of since:', said.filter((message) => message.startsWith('method')).length);
	process.exit();
});
const until = async (holds) => {
	while (!holds()) await sleep(5);
};
// The first connection ends before any method is answered; later ones answer at once.
server.on('connection', (socket) => {
	const connection = { socket, said: [] };
	const first = connections.push(connection) === 1;
	const say = (message) => socket.send(JSON.stringify(message));
	socket.on('message', (text) => {
		const { msg, id, name, method } = JSON.parse(text);
		connection.said.push([msg, name ?? method, id].filter(Boolean).join(' '));
		if (msg === 'connect') say({ msg: 'connected', session: `s${connections.length}` });
		if (msg === 'sub') say({ msg: 'ready', subs: [id] });
		if (msg === 'method' && !first) say({ msg: 'result', id, result: { id: 'u', token: 't', tokenExpires: { $date: 4e12 } } });
	});
});
JS
node --version
timeout 60 node try.js | tee seen
diff seen - <<'SEEN'
status: connected
said after it came back: connect, sub later rc-ddp-client-4, sub early rc-ddp-client-1, sub later rc-ddp-client-4
the call that was away: no answer
the login that was away: no answer
a new login: no answer
a new call: no answer
methods that the server heard of since: 0
SEEN
