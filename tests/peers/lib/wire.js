'use strict';
// A client without a library: it sends what a table tells it to send, over
// `ws`, in either framing. The scripts web.js, mobile.js, livechat.js and
// oldbot.js are such tables.
//
//   node tests/peers/clients/<script>.js --url ws://127.0.0.1:3000 [--quiet]
//
// says {"ready":true}, then {"saw":<DDP message>} for everything that comes in and
// {"closed":{code,reason}} (unless --quiet), and takes these commands:
//
//   connect   path?, headers?, handshake? (true)   ok: {session}
//   login     token | user + password             ok: {result} or {error}, as it came; remembers the uid
//   run       rid?, part?                         the script's traffic: ok: {subs: [{name, params, id, ready, error?, before}], methods: […]}
//                                                 `before`: the `added` messages since the last answer
//   sub       name, params?, subId?               ok: {id, ready, error?, before}
//   unsub     subId                               ok
//   method    method, params?                     ok: {id, result?, error?}, after `updated`
//   send      ddp: {…}                            any message; ok at once
//   raw       text                                any frame
//   frames    match?, clear?                      ok: the journal (lib/tap.js)
//   await     match, count?, after?, timeout?     ok: journal entries
//   close     code?, reason?                      ok: {code, reason} as seen here
//   quit                                          closes, exit 0
//
// Pings are answered by itself.

const WebSocket = require('ws');
const { control, options } = require('./control');
const { tap, listening } = require('./tap');

const SECONDS = 1000;
const ANSWER_TIMEOUT = 20 * SECONDS;

class Wire {
	constructor(journal, { sockjs }) {
		Object.assign(this, { journal, sockjs, ids: 0, uid: undefined });
	}

	get path() {
		const session = Math.random().toString(36).slice(2, 10);
		return this.sockjs ? `/sockjs/001/${session}/websocket` : '/websocket';
	}

	open(url, headers) {
		this.socket = new WebSocket(url, { headers, perMessageDeflate: false });
		this.socket.on('message', (data) => {
			if (/(^|\\?")msg\\?":\\?"ping\\?"/.test(data.toString().slice(0, 40))) this.send({ msg: 'pong' });
		});
		return new Promise((resolve, reject) => {
			this.socket.once('open', resolve);
			this.socket.once('unexpected-response', (_, res) => {
				reject(Object.assign(new Error(`HTTP ${res.statusCode}`), { code: res.statusCode, data: res.headers }));
			});
			this.socket.once('error', reject);
		});
	}

	raw(text) {
		this.socket.send(text);
	}

	send(ddp) {
		const text = JSON.stringify(ddp);
		this.raw(this.sockjs ? JSON.stringify([text]) : text);
	}

	/** Sends, and waits for the first message that fits one of the patterns. */
	async ask(ddp, patterns) {
		const after = this.journal.count;
		this.send(ddp);
		const answers = patterns.map((p) => this.journal.await({ match: { way: 'in', ddp: p }, after, timeout: ANSWER_TIMEOUT }));
		const closed = this.journal.await({ match: { way: 'closed' }, after, timeout: ANSWER_TIMEOUT }).then(([c]) => {
			throw Object.assign(new Error(`closed ${c.code}`), { code: c.code, reason: c.reason });
		});
		for (const a of [...answers, closed]) a.catch(() => {});
		const [first] = await Promise.race([...answers, closed]);
		const before = this.journal.entries.filter((e) => e.n > after && e.n < first.n && e.ddp?.msg === 'added').map((e) => e.ddp);
		return { ddp: first.ddp, before };
	}

	async handshake() {
		const connect = { msg: 'connect', version: '1', support: ['1', 'pre2', 'pre1'] };
		const { ddp } = await this.ask(connect, [{ msg: 'connected' }, { msg: 'failed' }]);
		if (ddp.msg === 'failed') throw Object.assign(new Error('failed'), { data: ddp });
		this.session = ddp.session;
		return { session: ddp.session };
	}

	async method(method, params = []) {
		const id = String((this.ids += 1));
		const updated = this.journal.await({ match: { way: 'in', ddp: { msg: 'updated', methods: [id] } }, after: this.journal.count, timeout: ANSWER_TIMEOUT });
		updated.catch(() => {});
		const { ddp } = await this.ask({ msg: 'method', method, params, id }, [{ msg: 'result', id }]);
		await updated;
		const { msg, ...answer } = ddp;
		return answer;
	}

	async sub(name, params, subId) {
		const id = subId ?? `sub-${(this.ids += 1)}`;
		const { ddp, before } = await this.ask({ msg: 'sub', id, name, ...(params === undefined ? {} : { params }) }, [
			{ msg: 'ready', subs: [id] },
			{ msg: 'nosub', id },
		]);
		return { name, params, id, ready: ddp.msg === 'ready', error: ddp.error, before };
	}

	async login(credentials) {
		const answer = await this.method('login', [credentials]);
		if (answer.result?.id) this.uid = answer.result.id;
		return answer;
	}

	close(code, reason) {
		const after = this.journal.count;
		const closed = this.journal.await({ match: { way: 'closed' }, after, timeout: ANSWER_TIMEOUT });
		this.socket.close(code, reason);
		return closed.then(([{ code: seen, reason: why }]) => ({ code: seen, reason: why }));
	}
}

/**
 * @param script  {sockjs, credentials(message), traffic({uid, rid, part, …message})}
 *   traffic gives a list of steps, taken one after another:
 *   ["sub", name, params] or ["method", name, params]
 */
function drive(script) {
	const opts = options({ url: 'ws://127.0.0.1:3000', quiet: false });
	let say = () => {};
	const journal = tap((news) => opts.quiet || say(news));
	const wire = new Wire(journal, script);
	const sha256 = (text) => require('crypto').createHash('sha256').update(text).digest('hex');
	const usual = ({ token, user, password }) =>
		token !== undefined ? { resume: token } : { user: { username: user }, password: { digest: sha256(password), algorithm: 'sha-256' } };

	say = control({
		async connect({ path = wire.path, headers = {}, handshake = true }) {
			await wire.open(new URL(path, opts.url).href, headers);
			return handshake ? wire.handshake() : { session: null };
		},
		login: (message) => wire.login((script.credentials ?? usual)(message, sha256)),
		async run({ id, cmd, ...message }) {
			const subs = [];
			const methods = [];
			for (const [kind, name, params] of script.traffic({ rid: 'GENERAL', uid: wire.uid, ...message })) {
				if (kind === 'sub') subs.push(await wire.sub(name, params));
				else methods.push({ method: name, params, ...(await wire.method(name, params)) });
			}
			return { subs, methods };
		},
		sub: ({ name, params, subId }) => wire.sub(name, params, subId),
		unsub: ({ subId }) => wire.send({ msg: 'unsub', id: subId }),
		method: ({ method, params }) => wire.method(method, params),
		send: ({ ddp }) => wire.send(ddp),
		raw: ({ text }) => wire.raw(text),
		...listening(journal),
		close: ({ code, reason }) => wire.close(code, reason),
		async quit() {
			if (wire.socket?.readyState === WebSocket.OPEN) await wire.close(1000);
			setImmediate(() => process.exit(0));
		},
	});
	say({ ready: true });
}

module.exports = { drive };
