'use strict';
// simpleddp, a Meteor DDP client that knows nothing of Rocket.Chat.
//
//   node tests/peers/clients/simpleddp.js --url ws://127.0.0.1:3000 [--quiet] [--reconnect MS]
//
// says {"ready":true}, {"saw":<DDP message>} and {"closed":{code,reason}} (lib/tap.js;
// not with --quiet), {"unhandled":…} for promises that the library lost, and takes:
//
//   connect                          ok: {session}
//   login      token                 ok: the login result
//   subscribe  name, params?         ok: {id} once ready; error: nosub's
//   unsubscribe subId                ok once nosub has come
//   call       method, params?       ok: result; error: the DDP error
//   collection name                  ok: the documents that it holds, as Meteor's minimongo would
//   frames     match?, clear?
//   await      match, count?, after?, timeout?
//   quit                             closes, exit 0

const { control, options } = require('../lib/control');
const { tap, listening } = require('../lib/tap');

const opts = options({ url: 'ws://127.0.0.1:3000', quiet: false, reconnect: '0' });
let say = () => {};
const journal = tap((news) => opts.quiet || say(news));
const Simple = require('simpleddp').default ?? require('simpleddp');

const client = new Simple({
	endpoint: `${opts.url}/websocket`,
	SocketConstructor: globalThis.WebSocket,
	autoConnect: false,
	autoReconnect: opts.reconnect !== '0',
	reconnectInterval: Number(opts.reconnect) || 1000,
});
const subscriptions = new Map();

// A refused subscription rejects a second promise inside the library, which nobody can catch.
process.on('unhandledRejection', (reason) => opts.quiet || say({ unhandled: reason }));

say = control({
	async connect() {
		await client.connect();
		return { session: client.ddpConnection.sessionId };
	},
	login: ({ token }) => client.call('login', { resume: token }),
	async subscribe({ name, params = [] }) {
		const subscription = client.subscribe(name, ...params);
		await subscription.ready();
		const id = subscription.subscriptionId;
		subscriptions.set(id, subscription);
		return { id };
	},
	async unsubscribe({ subId }) {
		const subscription = subscriptions.get(subId);
		subscriptions.delete(subId);
		await subscription.stop();
	},
	call: ({ method, params = [] }) => client.apply(method, params),
	collection: ({ name }) => client.collection(name).fetch(),
	...listening(journal),
	async quit() {
		await client.disconnect();
		setImmediate(() => process.exit(0));
	},
});
say({ ready: true });
