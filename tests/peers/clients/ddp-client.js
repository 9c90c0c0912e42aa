'use strict';
// @rocket.chat/ddp-client, driven by a test.
//
//   node tests/peers/clients/ddp-client.js --url ws://127.0.0.1:3000 [--quiet] [--retries 0]
//
// says {"ready":true}, {"saw":<DDP message>} and {"closed":{code,reason}} (lib/tap.js;
// not with --quiet), {"stream":{name, key, args}} for what a subscription's callback
// got, {"status":"connected"|…}, and takes:
//
//   connect                          ok: {session, status}
//   login      token | user + password     ok: {uid, user}
//   logout
//   stream     name, key, args?      sdk.stream(name, [key, args], callback); ok: {id} once ready, error = nosub's
//   subscribe  name, params?         client.subscribe(name, …params); ok: {id} once ready
//   stop       subId                 ends a stream or a subscription
//   collection name                  from now on {"collection":{…}} for its added/changed/removed
//   call       method, params?       ok: result; error: the DDP error
//   user                             ok: sdk.account.user
//   frames     match?, clear?        ok: the journal
//   await      match, count?, after?, timeout?
//   quit                             closes, exit 0

const { control, options } = require('../lib/control');
const { tap, listening } = require('../lib/tap');

const opts = options({ url: 'ws://127.0.0.1:3000', quiet: false, retries: '0' });
let say = () => {};
const journal = tap((news) => opts.quiet || say(news));
const { DDPSDK } = require('@rocket.chat/ddp-client');

const sdk = DDPSDK.create(opts.url, { retryCount: Number(opts.retries), retryTime: 50 });
const stops = new Map();
sdk.connection.on('connection', (status) => opts.quiet || say({ status }));

say = control({
	async connect() {
		await sdk.connection.connect();
		return { session: sdk.connection.session, status: sdk.connection.status };
	},
	async login({ token, user, password }) {
		if (token !== undefined) await sdk.account.loginWithToken(token);
		else await sdk.account.loginWithPassword(user, require('crypto').createHash('sha256').update(password).digest('hex'));
		return { uid: sdk.account.uid, user: sdk.account.user };
	},
	logout: () => sdk.account.logout(),
	async stream({ name, key, args }) {
		const subscription = sdk.stream(name, args === undefined ? [key] : [key, args], (...got) => say({ stream: { name, key, args: got } }));
		stops.set(subscription.id, subscription.stop);
		await subscription.ready();
		return { id: subscription.id };
	},
	async subscribe({ name, params = [] }) {
		const subscription = sdk.client.subscribe(name, ...params);
		stops.set(subscription.id, () => subscription.stop());
		await subscription.ready();
		return { id: subscription.id };
	},
	stop({ subId }) {
		stops.get(subId)();
		stops.delete(subId);
	},
	collection: ({ name }) => void sdk.client.onCollection(name, (data) => say({ collection: data })),
	call: ({ method, params = [] }) => sdk.call(method, ...params),
	user: () => sdk.account.user,
	...listening(journal),
	quit() {
		sdk.connection.close();
		setImmediate(() => process.exit(0));
	},
});
say({ ready: true });
