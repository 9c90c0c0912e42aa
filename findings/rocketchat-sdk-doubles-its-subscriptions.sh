#!/usr/bin/env bash
# Each break doubles what a bot on @rocket.chat/sdk is subscribed to: 2, 4, 8, 16, and so on.
#
# After a break the driver of 1.0.0-alpha.42 resumes its login and then subscribes again to all that it remembers. The server
# knows the new ones by new ids, the driver keeps them beside the old, and nothing takes the old away: they are subscribed again
# the next time as well. It is every login that does this, a second one on the same connection too. So what
# a bot asks for grows with the restarts it lived through, up to whatever a server allows a session.
#
# Seen with Node.js 20:
#   subscribed by the bot: 2
#   connection 2: 2 subscriptions
#   connection 3: 4 subscriptions
#   connection 4: 8 subscriptions
#   connection 5: 16 subscriptions
#   logged in once more on it: 32 further ones
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts @rocket.chat/sdk@1.0.0-alpha.42 ws@8.23.0 >&2
cat >try.js <<'JS'
const { WebSocketServer } = require('ws');
const { DDPDriver } = require('@rocket.chat/sdk/lib/drivers/ddp');
const logger = Object.fromEntries(['debug', 'info', 'warning', 'warn', 'error'].map((level) => [level, () => {}]));
const connections = [];
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 }, async () => {
	const host = `http://127.0.0.1:${server.address().port}`;
	const driver = new DDPDriver({ host, logger, reopen: 50 });
	await driver.connect();
	await driver.login({ username: 'user', password: 'password' });
	for (const room of ['A', 'B']) await driver.ddp.subscribe('stream-room-messages', [room]);
	console.log(`subscribed by the bot: ${connections[0].subscribed}`);
	while (connections.length < 5) {
		// `login` is emitted when it has resumed and all its subscriptions are ready.
		const back = new Promise((resolve) => driver.ddp.once('login', resolve));
		connections.at(-1).socket.close(1012);
		await back;
		console.log(`connection ${connections.length}: ${connections.at(-1).subscribed} subscriptions`);
	}
	const before = connections.at(-1).subscribed;
	await driver.login({ username: 'user', password: 'password' });
	console.log(`logged in once more on it: ${connections.at(-1).subscribed - before} further ones`);
	process.exit();
});
server.on('connection', (socket) => {
	const connection = { socket, subscribed: 0 };
	connections.push(connection);
	const say = (message) => socket.send(JSON.stringify(message));
	socket.on('message', (text) => {
		const { msg, id } = JSON.parse(text);
		if (msg === 'connect') say({ msg: 'connected', session: `s${connections.length}` });
		if (msg === 'method') say({ msg: 'result', id, result: { id: 'u', token: 't', tokenExpires: { $date: 4e12 } } });
		if (msg === 'sub') {
			connection.subscribed += 1;
			say({ msg: 'ready', subs: [id] });
		}
	});
});
JS
node --version
timeout 60 node try.js | tee seen
diff seen - <<'SEEN'
subscribed by the bot: 2
connection 2: 2 subscriptions
connection 3: 4 subscriptions
connection 4: 8 subscriptions
connection 5: 16 subscriptions
logged in once more on it: 32 further ones
SEEN
