#!/usr/bin/env bash
# Two rooms, a callback each: in two of Rocket.Chat's three client libraries the callbacks hear the wrong rooms.
#
# Every room's messages come in one collection, stream-room-messages, and the room is in `eventName`. @rocket.chat/ddp-client 1.1.2
# looks at it. @rocket.chat/sdk 1.0.0-alpha.42 registers a subscription's callback for the collection: each callback hears all
# rooms, and that of a room which was left goes on hearing the others. PyPI rocketchat-async 4.3.0 keeps one callback a collection:
# the newest hears all rooms, and the older ones nothing. A bot that answers in "its" room answers twice, in another's, or never.
#
# Seen with Node.js 20 and Python 3.11:
#   @rocket.chat/ddp-client 1.1.2: A's hears A, B's hears B
#   @rocket.chat/sdk 1.0.0-alpha.42: A's hears A B, B's hears A B
#   @rocket.chat/sdk 1.0.0-alpha.42 after A was left: A's hears B, B's hears B
#   rocketchat-async 4.3.0: A's hears nothing, B's hears A B
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# ddp-client's types ask for a typia that needs a newer Node.js; nothing of it runs here.
cat >package.json <<'JSON'
{
	"private": true,
	"dependencies": { "@rocket.chat/ddp-client": "1.1.2", "@rocket.chat/emitter": "0.33.0", "@rocket.chat/sdk": "1.0.0-alpha.42", "ws": "8.23.0" },
	"overrides": { "typia": "9.7.2" }
}
JSON
npm install --silent --no-audit --no-fund --ignore-scripts >&2
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check rocketchat-async==4.3.0 websockets==10.4 >&2
cat >bot.py <<'PY'
import asyncio, json, sys
from rocketchat_async import RocketChat

async def main():
    heard = {'A': [], 'B': []}
    bot = RocketChat()
    await bot.start(sys.argv[1], 'user', 'password')
    for room in heard:
        await bot.subscribe_to_channel_messages_raw(room, lambda message, mine=heard[room]: mine.append(message['rid']))
    await bot.get_channels_raw()
    print(json.dumps(heard))

asyncio.run(main())
PY
cat >try.js <<'JS'
const { execFile } = require('child_process');
const { WebSocketServer, WebSocket } = require('ws');
globalThis.WebSocket = WebSocket;
const { DDPSDK } = require('@rocket.chat/ddp-client');
const { DDPDriver } = require('@rocket.chat/sdk/lib/drivers/ddp');
const logger = Object.fromEntries(['debug', 'info', 'warning', 'warn', 'error'].map((level) => [level, () => {}]));
const told = (name, heard) => console.log(`${name}: ${Object.entries(heard).map(([room, of]) => `${room}'s hears ${of.join(' ') || 'nothing'}`).join(', ')}`);

// Any method but `login` is answered after a message in each room that is subscribed.
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 }, async () => {
	const { port } = server.address();

	const sdk = await DDPSDK.createAndConnect(`ws://127.0.0.1:${port}`);
	let heard = { A: [], B: [] };
	for (const room of ['A', 'B']) await sdk.stream('room-messages', room, (message) => heard[room].push(message.rid)).ready();
	await sdk.call('anything');
	told('@rocket.chat/ddp-client 1.1.2', heard);

	const driver = new DDPDriver({ host: `http://127.0.0.1:${port}`, logger });
	await driver.connect();
	heard = { A: [], B: [] };
	const subscriptions = {};
	for (const room of ['A', 'B']) {
		subscriptions[room] = await driver.ddp.subscribe('stream-room-messages', [room], ({ fields }) => heard[room].push(fields.args[0].rid));
	}
	await driver.methodCall('anything');
	told('@rocket.chat/sdk 1.0.0-alpha.42', heard);
	heard = { A: [], B: [] };
	// Not awaited: its promise stays open whatever the server says.
	void subscriptions.A.unsubscribe();
	await driver.methodCall('anything');
	told('@rocket.chat/sdk 1.0.0-alpha.42 after A was left', heard);

	execFile('venv/bin/python', ['bot.py', `ws://127.0.0.1:${port}/websocket`], { timeout: 40_000 }, (error, stdout) => {
		if (error) throw error;
		told('rocketchat-async 4.3.0', JSON.parse(stdout));
		process.exit();
	});
});
server.on('connection', (socket) => {
	const rooms = new Map();
	const say = (message) => socket.send(JSON.stringify(message));
	socket.on('message', (text) => {
		const { msg, id, method, params } = JSON.parse(text);
		if (msg === 'connect') say({ msg: 'connected', session: 's' });
		if (msg === 'sub') {
			rooms.set(id, params[0]);
			say({ msg: 'ready', subs: [id] });
		}
		if (msg === 'unsub') {
			rooms.delete(id);
			say({ msg: 'nosub', id });
		}
		if (msg !== 'method') return;
		if (method !== 'login') {
			for (const rid of rooms.values()) {
				say({ msg: 'changed', collection: 'stream-room-messages', id: 'id', fields: { eventName: rid, args: [{ _id: `in ${rid}`, rid, msg: 'hello' }] } });
			}
		}
		say({ msg: 'result', id, result: method === 'login' ? { id: 'u', token: 't', tokenExpires: { $date: 4e12 } } : [] });
	});
});
JS
node --version
timeout 60 node try.js | tee seen
diff seen - <<'SEEN'
@rocket.chat/ddp-client 1.1.2: A's hears A, B's hears B
@rocket.chat/sdk 1.0.0-alpha.42: A's hears A B, B's hears A B
@rocket.chat/sdk 1.0.0-alpha.42 after A was left: A's hears B, B's hears B
rocketchat-async 4.3.0: A's hears nothing, B's hears A B
SEEN
