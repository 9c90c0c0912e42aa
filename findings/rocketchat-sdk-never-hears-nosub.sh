#!/usr/bin/env bash
# @rocket.chat/sdk does not hear `nosub`: refusals and goodbyes wait for ever, and so a bot with a subscription never logs out.
#
# A request of 1.0.0-alpha.42 is settled by an event named after its id, which its driver makes out of `result` and of the first
# id in `ready`. `nosub` makes none: a subscription that is refused neither resolves nor rejects, nor does unsubscribe(), and
# logout(), which waits for all subscriptions to be gone, never sends its `logout`: the bot has forgotten its token, the server has not.
# Of a `ready` for two subscriptions, which DDP allows, the second one waits as well.
#
# Seen with Node.js 20:
#   subscribe, ready alone: resolved
#   two, ready at once: resolved, waits
#   refused with an error: waits
#   unsubscribe: waits
#   logout with a subscription: waits, the server heard of 0
#   logout without one: resolved, the server heard of 1
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts @rocket.chat/sdk@1.0.0-alpha.42 ws@8.23.0 >&2
cat >try.js <<'JS'
const { setTimeout: sleep } = require('timers/promises');
const { WebSocketServer } = require('ws');
const { DDPDriver } = require('@rocket.chat/sdk/lib/drivers/ddp');
const logger = Object.fromEntries(['debug', 'info', 'warning', 'warn', 'error'].map((level) => [level, () => {}]));
let logouts = 0;
// What became of a promise a second later, by when the server had long answered.
const fate = (promise) =>
	Promise.race([
		promise.then(
			() => 'resolved',
			() => 'rejected',
		),
		sleep(1000, 'waits'),
	]);
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 }, async () => {
	const host = `http://127.0.0.1:${server.address().port}`;
	const bot = async () => {
		const driver = new DDPDriver({ host, logger });
		await driver.connect();
		await driver.login({ username: 'user', password: 'password' });
		return driver;
	};
	const first = await bot();
	console.log('subscribe, ready alone:', await fate(first.ddp.subscribe('open', [])));
	console.log('two, ready at once:', (await Promise.all([first.ddp.subscribe('pair', []), first.ddp.subscribe('pair', [])].map(fate))).join(', '));
	console.log('refused with an error:', await fate(first.ddp.subscribe('forbidden', [])));

	const second = await bot();
	console.log('unsubscribe:', await fate((await second.ddp.subscribe('open', [])).unsubscribe()));

	const third = await bot();
	await third.ddp.subscribe('open', []);
	let told = await fate(third.logout());
	console.log(`logout with a subscription: ${told}, the server heard of ${logouts}`);

	told = await fate((await bot()).logout());
	console.log(`logout without one: ${told}, the server heard of ${logouts}`);
	process.exit();
});
server.on('connection', (socket) => {
	const pair = [];
	const say = (message) => socket.send(JSON.stringify(message));
	socket.on('message', (text) => {
		const { msg, id, name, method } = JSON.parse(text);
		if (msg === 'connect') say({ msg: 'connected', session: 's' });
		if (msg === 'unsub') say({ msg: 'nosub', id });
		if (msg === 'method') {
			if (method === 'logout') logouts += 1;
			say({ msg: 'result', id, result: method === 'login' ? { id: 'u', token: 't', tokenExpires: { $date: 4e12 } } : undefined });
		}
		if (msg !== 'sub') return;
		if (name === 'open') say({ msg: 'ready', subs: [id] });
		if (name === 'pair' && pair.push(id) === 2) say({ msg: 'ready', subs: pair });
		if (name === 'forbidden') say({ msg: 'nosub', id, error: { error: 403, reason: 'No', message: 'No [403]', errorType: 'Meteor.Error' } });
	});
});
JS
node --version
timeout 60 node try.js | tee seen
diff seen - <<'SEEN'
subscribe, ready alone: resolved
two, ready at once: resolved, waits
refused with an error: waits
unsubscribe: waits
logout with a subscription: waits, the server heard of 0
logout without one: resolved, the server heard of 1
SEEN
