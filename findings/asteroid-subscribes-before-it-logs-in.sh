#!/usr/bin/env bash
# After a break asteroid asks for its subscriptions first and logs in second: what is for users only is refused, and forgotten.
#
# npm asteroid 2.0.3 resumes its login and restarts its subscriptions when the connection is back, in the wrong order, each time.
# A server that answers in order refuses what an anonymous client may not see, and asteroid drops a refused subscription: from
# the second break on it is not even asked for. And what is subscribed during a break is asked for only when the first attempt to
# connect again succeeds: the ddp.js 2.2.1 below it empties its queue at each failure, while asteroid holds it for queued still.
#
# Seen with Node.js 20:
#   subscribed by a user: ready
#   said after a break: connect, sub mine, method login
#   told: error 403; kept: nothing
#   said after the next: connect, method login
#   subscribed during a break of no failed attempt: ready
#   subscribed during a break of one failed attempt: nothing
#   said after it: connect, sub seldom, method login
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts asteroid@2.0.3 ddp.js@2.2.1 ws@8.23.0 >&2
cat >try.js <<'JS'
const { setTimeout: sleep } = require('timers/promises');
const { WebSocketServer, WebSocket } = require('ws');
const { createClass } = require('asteroid');
const until = async (holds) => {
	while (!holds()) await sleep(5);
};
let connections = [];
let server;
// `mine` is for users only; any method is a login that succeeds.
const listen = (port) =>
	new Promise((resolve) => {
		server = new WebSocketServer({ host: '127.0.0.1', port }, resolve);
		server.on('connection', (socket) => {
			const connection = { socket, said: [] };
			connections.push(connection);
			let user = false;
			const say = (message) => socket.send(JSON.stringify(message));
			socket.on('message', (text) => {
				const { msg, id, name, method } = JSON.parse(text);
				connection.said.push([msg, name ?? method].filter(Boolean).join(' '));
				if (msg === 'connect') say({ msg: 'connected', session: `s${connections.length}` });
				if (msg === 'method') {
					user = true;
					say({ msg: 'result', id, result: { id: 'u', token: 't', tokenExpires: { $date: 4e12 } } });
				}
				if (msg !== 'sub') return;
				if (name === 'mine' && !user) say({ msg: 'nosub', id, error: { error: 403, reason: 'No', message: 'No [403]', errorType: 'Meteor.Error' } });
				else say({ msg: 'ready', subs: [id] });
			});
		});
	});
(async () => {
	await listen(0);
	const { port } = server.address();
	const client = new (createClass())({ endpoint: `ws://127.0.0.1:${port}/websocket`, SocketConstructor: WebSocket, reconnectInterval: 300 });
	let lost = 0;
	client.on('disconnected', () => (lost += 1));
	let logins = 0;
	client.on('loggedIn', () => (logins += 1));
	const told = {};
	const subscribe = (name) => {
		told[name] = 'nothing';
		client
			.subscribe(name)
			.on('ready', () => (told[name] = 'ready'))
			.on('error', ({ error }) => (told[name] = `error ${error}`));
	};
	// Resolves when the client is back and has logged in again, and all was answered.
	const back = async (broken) => {
		const had = logins;
		await broken();
		await until(() => logins > had);
		await sleep(200);
		return connections.at(-1).said.join(', ');
	};
	await client.loginWithPassword({ username: 'user', password: 'password' });
	subscribe('mine');
	await until(() => told.mine !== 'nothing');
	console.log('subscribed by a user:', told.mine);
	console.log('said after a break:', await back(() => connections.at(-1).socket.close(1012)));
	console.log(`told: ${told.mine}; kept: ${Object.values(client.subscriptions.cache.byId).map(({ name }) => name).join() || 'nothing'}`);
	console.log('said after the next:', await back(() => connections.at(-1).socket.close(1012)));

	let before = lost;
	await back(async () => {
		connections.at(-1).socket.close(1012);
		await until(() => lost > before);
		subscribe('seldom');
	});
	console.log('subscribed during a break of no failed attempt:', told.seldom);
	before = lost;
	const said = await back(async () => {
		server.close();
		connections.at(-1).socket.close(1012);
		await until(() => lost > before);
		subscribe('often');
		await until(() => lost > before + 1);
		await listen(port);
	});
	console.log('subscribed during a break of one failed attempt:', told.often);
	console.log('said after it:', said);
	process.exit();
})();
JS
node --version
timeout 60 node try.js | tee seen
diff seen - <<'SEEN'
subscribed by a user: ready
said after a break: connect, sub mine, method login
told: error 403; kept: nothing
said after the next: connect, method login
subscribed during a break of no failed attempt: ready
subscribed during a break of one failed attempt: nothing
said after it: connect, sub seldom, method login
SEEN
