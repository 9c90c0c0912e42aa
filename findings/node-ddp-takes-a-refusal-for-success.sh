#!/usr/bin/env bash
# A subscription that is refused without an error is ready for node-ddp, a pattern stays an object, and nobody subscribes again.
#
# npm ddp 0.12.1 calls the callback of a subscription without an error when `nosub` has none, as servers send it for a publication
# that ended: the caller is told what it is told of `ready`. Of EJSON's types its reader knows dates, binaries, NaN and escapes, and
# leaves {"$regexp":…} as it came, where npm ejson 2.2.3 makes a RegExp. After the connection broke it connects again by
# itself, and says nothing but `connect`: subscriptions that were open are neither asked for again nor told of.
#
# Seen with Node.js 20:
#   ready: undefined
#   refused: undefined
#   refused with an error: 403
#   result: {"at":"1970-01-01T00:00:00.000Z","pattern":{"$regexp":"a","$flags":"i"}}
#   said after it came back: connect
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts ddp@0.12.1 ws@8.23.0 >&2
cat >try.js <<'JS'
const { WebSocketServer } = require('ws');
const DDPClient = require('ddp');
const connections = [];
const answers = {
	connect: () => [{ server_id: '0' }, { msg: 'connected', session: 's' }],
	method: ({ id }) => [
		{ msg: 'result', id, result: { at: { $date: 0 }, pattern: { $regexp: 'a', $flags: 'i' } } },
		{ msg: 'updated', methods: [id] },
	],
	sub: ({ id, name }) => [
		{
			open: { msg: 'ready', subs: [id] },
			closed: { msg: 'nosub', id },
			forbidden: { msg: 'nosub', id, error: { error: 403, reason: 'No', message: 'No [403]', errorType: 'Meteor.Error' } },
		}[name],
	],
};
const server = new WebSocketServer({ port: 0 }, async () => {
	const { port } = server.address();
	const client = new DDPClient({ host: '127.0.0.1', port, ssl: false, autoReconnect: true, autoReconnectTimer: 100 });
	let back;
	const again = new Promise((resolve) => (back = resolve));
	await new Promise((resolve) => client.connect((error, wasReconnect) => (wasReconnect ? back() : resolve())));
	const subscribed = (name) => new Promise((resolve) => client.subscribe(name, [], resolve));
	console.log('ready:', await subscribed('open'));
	console.log('refused:', await subscribed('closed'));
	console.log('refused with an error:', (await subscribed('forbidden')).error);
	const result = await new Promise((resolve) => client.call('any', [], (error, value) => resolve(value)));
	console.log('result:', JSON.stringify(result));
	connections[0].socket.close(1013);
	await again;
	// Whatever it says by itself it has said before a call that it is asked for now.
	await new Promise((resolve) => client.call('any', [], resolve));
	console.log('said after it came back:', connections[1].said.filter((msg) => msg !== 'method').join(', '));
	process.exit();
});
server.on('connection', (socket) => {
	const connection = { socket, said: [] };
	connections.push(connection);
	socket.on('message', (text) => {
		const message = JSON.parse(text);
		connection.said.push(message.msg);
		for (const answer of answers[message.msg]?.(message) ?? []) socket.send(JSON.stringify(answer));
	});
});
JS
node --version
node try.js | tee seen
diff seen - <<'SEEN'
ready: undefined
refused: undefined
refused with an error: 403
result: {"at":"1970-01-01T00:00:00.000Z","pattern":{"$regexp":"a","$flags":"i"}}
said after it came back: connect
SEEN
