'use strict';
// @rocket.chat/sdk 1.0.0-alpha.42 as a bot uses it, driven by a test.
//
//   node tests/peers/clients/sdk.js --url ws://127.0.0.1:3000 [--quiet]
//
// says {"ready":true}, {"saw":<DDP message>} and {"closed":{code,reason}} (lib/tap.js;
// not with --quiet), {"message":{…}} and {"meta":…} for what its onMessage brought, and takes:
//
//   connect                                ok: {session}
//   login      token | user + password     ok: the login result {id, token, …}
//   logout                                 its call alone: driver.logout() waits for answers to `unsub` that it
//                                          does not recognise, and so never gets as far with subscriptions open
//   messages                               room-messages __my_messages__, as the driver subscribes (with [key, true], as older
//                                          bots do, its onMessage dies of the `added` that this asks for); ok: {id}
//   subscribe  name, key, args?            driver.subscribe; ok: {id}; error: nosub's
//   raw        name, params                ddp.subscribe with these very params; ok: {id}
//   notifyAll | loggedNotify | notifyUser  the driver's own lists; ok: [ids]
//   room       rid                         driver.subscribeRoom; ok: [ids]
//   unsubscribe subId                      ok once nosub has come
//   call       method, params?             ok: result; error: the DDP error
//   frames     match?, clear?
//   await      match, count?, after?, timeout?
//   quit                                   closes with 1000, exit 0

const { control, options } = require('../lib/control');
const { tap, listening } = require('../lib/tap');

const opts = options({ url: 'ws://127.0.0.1:3000', quiet: false });
let say = () => {};
const journal = tap((news) => opts.quiet || say(news));
const { DDPDriver } = require('@rocket.chat/sdk/lib/drivers/ddp');

const silent = Object.fromEntries(['debug', 'info', 'warn', 'warning', 'error'].map((level) => [level, () => {}]));
const driver = new DDPDriver({
	host: opts.url.replace(/^ws/, 'http'),
	useSsl: opts.url.startsWith('wss'),
	logger: silent,
	reopen: 100,
});
const ids = (list) => list.map(({ id }) => id);

/** The library never notices a `nosub`: this does, for subscriptions made by `act`. */
async function subscribing(act) {
	const after = journal.count;
	const done = act();
	const asked = journal.read({ match: { way: 'out', ddp: { msg: 'sub' } } }).filter(({ n }) => n > after);
	const refused = asked.map(async ({ ddp }) => {
		const [nosub] = await journal.await({ match: { way: 'in', ddp: { msg: 'nosub', id: ddp.id } }, after, timeout: 2 ** 31 - 1 });
		throw nosub.ddp.error ?? nosub.ddp;
	});
	for (const r of refused) r.catch(() => {});
	return Promise.race([done, ...refused]);
}

say = control({
	async connect() {
		await driver.connect({ timeout: 10000 });
		return { session: driver.ddp.session };
	},
	login: ({ token, user, password }) => driver.login(token !== undefined ? { resume: token } : { username: user, password }, {}),
	logout: () => driver.ddp.call('logout'),
	async messages() {
		driver.onMessage((message) => say({ message }));
		driver.ddp.on('stream-room-messages', ({ fields }) => say({ meta: fields.args[1] ?? null }));
		const { id } = await subscribing(() => driver.subscribe('stream-room-messages', '__my_messages__', true));
		return { id };
	},
	async subscribe({ name, key, args = [] }) {
		return { id: (await subscribing(() => driver.subscribe(name, key, ...args))).id };
	},
	async raw({ name, params }) {
		return { id: (await subscribing(() => driver.ddp.subscribe(name, params))).id };
	},
	notifyAll: async () => ids(await subscribing(() => driver.subscribeNotifyAll())),
	loggedNotify: async () => ids(await subscribing(() => driver.subscribeLoggedNotify())),
	notifyUser: async () => ids(await subscribing(() => driver.subscribeNotifyUser())),
	room: async ({ rid }) => ids(await subscribing(() => driver.subscribeRoom(rid))),
	async unsubscribe({ subId }) {
		const after = journal.count;
		driver.ddp.unsubscribe(subId).catch(() => {});
		await journal.await({ match: { way: 'in', ddp: { msg: 'nosub', id: subId } }, after });
	},
	call: ({ method, params = [] }) => driver.methodCall(method, ...params),
	...listening(journal),
	async quit() {
		await driver.disconnect();
		setImmediate(() => process.exit(0));
	},
});
say({ ready: true });
