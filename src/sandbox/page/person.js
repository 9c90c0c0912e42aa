// One person in one pane: a session of its own, and what it knows of rooms, messages and people.
// Everything here came over the wire of this session; the panes share nothing.

import { Ddp } from './ddp.js';

const TYPING_EVERY = 3000;
const TYPING_FOR = 6000;
const HISTORY = 50;
const CODES = ['offline', 'online', 'away', 'busy'];

export const millis = (date) => (date && typeof date === 'object' ? date.$date : date) ?? 0;

const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(17)), (b) => 'abcdefghijkmnopqrstuvwxyz23456789'[b % 33]).join('');

export class Person extends EventTarget {
	user = null;
	rooms = new Map();
	subscriptions = new Map();
	messages = new Map();
	typing = new Map();
	presence = new Map();
	read = new Map();
	/** Rooms that were left or lost in this pane. */
	lost = new Set();
	open = null;
	state = 'connecting';
	why = '';
	#stops = new Map();
	#token = null;
	#typed = 0;
	#typedIn = null;

	/** @param {{url: string, people: object[], tokenFor: (username: string) => Promise<string>}} world */
	constructor(world) {
		super();
		this.world = world;
		this.ddp = new Ddp(world.url);
		this.ddp.addEventListener('open', () => this.#opened());
		this.ddp.addEventListener('close', ({ detail }) => this.#closed(detail));
		this.ddp.addEventListener('added', ({ detail }) => this.#added(detail));
		this.ddp.open();
	}

	#changed(what) {
		this.dispatchEvent(new CustomEvent('change', { detail: what }));
	}

	/** Something to tell: {text, bad}. */
	#say(text, bad = false) {
		this.dispatchEvent(new CustomEvent('notice', { detail: { text, bad } }));
	}

	#to(state, why = '') {
		this.state = state;
		this.why = why;
		this.#changed('state');
	}

	// The session

	async #opened() {
		if (!this.#token) return this.#to('anonymous', this.why);
		try {
			await this.#enter(this.#token);
		} catch (error) {
			this.#forget();
			this.#to('anonymous', error.message);
		}
	}

	#closed({ code, opened }) {
		this.#stops.clear();
		this.typing.clear();
		if (this.state === 'thrown') return this.#changed('state');
		if (this.state === 'leaving') return this.#to('connecting', this.why);
		if (opened && code === 1005 && this.user) {
			return this.#threw('The service closed this session without a code.');
		}
		this.#to('connecting', opened ? `The connection was closed (${code}). Trying again.` : 'The service does not answer. Trying again.');
	}

	/** Not to come back before somebody says so. */
	#threw(text) {
		this.ddp.pause();
		this.#forget();
		this.#to('thrown', text);
	}

	#forget() {
		this.#token = null;
		this.user = null;
		for (const map of [this.rooms, this.subscriptions, this.messages, this.typing, this.presence, this.read]) map.clear();
		this.open = null;
	}

	async login(username) {
		if (this.state === 'thrown') {
			this.state = 'connecting';
			this.why = '';
			const opened = new Promise((done) => this.ddp.addEventListener('open', done, { once: true }));
			this.ddp.open();
			await opened;
		}
		try {
			this.#token = await this.world.tokenFor(username);
			if (this.ddp.connected) await this.#enter(this.#token);
		} catch (error) {
			this.#forget();
			this.#to('anonymous', error.message);
		}
	}

	async logout() {
		this.state = 'leaving';
		const name = this.user?.username;
		await this.ddp.call('logout').catch(() => {});
		this.#forget();
		if (this.ddp.connected) this.#to('leaving', name && `${name} has logged out.`);
	}

	stop() {
		this.ddp.stop();
	}

	async #enter(token) {
		this.#to('entering');
		const { id } = await this.ddp.call('login', { resume: token });
		const known = this.world.people.find((p) => p.id === id) ?? { id, username: id, name: id };
		this.user = { ...known, status: 'online' };
		const on = (stream, event, changed) => this.ddp.sub(`stream-${stream}`, [event, { useCollection: false, args: [] }], changed).catch((e) => this.#say(`${stream} ${event}: ${e.message}`, true));
		await Promise.all([
			on('notify-user', `${id}/subscriptions-changed`, (_, [action, sub]) => this.#subscription(action, sub)),
			on('notify-user', `${id}/rooms-changed`, (_, [action, room]) => this.#room(action, room)),
			on('notify-user', `${id}/notification`, () => {}),
			on('notify-user', `${id}/message`, (_, [message]) => this.#message(message)),
			on('notify-user', `${id}/force_logout`, () => this.#threw('user.forceLogout: the workspace has thrown this person out.')),
			on('notify-user', `${id}/userData`, (_, [{ diff }]) => this.#own(diff)),
			this.ddp.sub('stream-user-presence', ['', { added: this.world.people.map((p) => p.id) }], (uid, [[, code, text] = []]) => this.#status(uid, code, text)).catch(() => {}),
		]);
		for (const { id: uid, status, statusText } of await this.world.statuses()) this.presence.set(uid, { status, text: statusText });
		const [rooms, subscriptions] = await Promise.all([this.ddp.call('rooms/get'), this.ddp.call('subscriptions/get')]);
		for (const room of rooms.update ?? rooms) this.rooms.set(room._id, room);
		for (const sub of subscriptions.update ?? subscriptions) this.subscriptions.set(sub.rid, sub);
		this.#to('in');
		const first = this.open ?? (this.subscriptions.has('GENERAL') ? 'GENERAL' : this.subscriptions.keys().next().value);
		if (first) await this.enterRoom(first);
	}

	#added({ collection, id, fields }) {
		if (collection === 'users' && this.user?.id === id) this.#own(fields);
	}

	#own(fields) {
		if (!fields || !this.user) return;
		for (const key of ['name', 'username', 'status', 'statusText', 'statusDefault', 'roles']) if (fields[key] !== undefined) this.user[key] = fields[key];
		this.#changed('state');
	}

	// What comes by itself

	#status(uid, code, text) {
		this.presence.set(uid, { status: CODES[code] ?? 'offline', text: text ?? '' });
		this.#changed('presence');
	}

	#subscription(action, sub) {
		if (action !== 'removed') {
			this.lost.delete(sub.rid);
			const fresh = !this.subscriptions.has(sub.rid);
			this.subscriptions.set(sub.rid, { ...this.subscriptions.get(sub.rid), ...sub });
			if (fresh && action === 'inserted') this.#say(`${this.user.name} is now in ${this.titleOf(sub.rid)}.`);
			if (this.open === sub.rid && sub.unread && document.visibilityState === 'visible') this.markRead(sub.rid);
			if (fresh && this.open === sub.rid) this.enterRoom(sub.rid);
			return this.#changed('rooms');
		}
		const rid = sub.rid ?? [...this.subscriptions.values()].find((s) => s._id === sub._id)?.rid;
		const title = this.titleOf(rid);
		this.subscriptions.delete(rid);
		if (this.open === rid) {
			this.#leaveStreams();
			this.messages.delete(rid);
		}
		this.lost.add(rid);
		this.#say(`${this.user.name} is no longer in ${title}.`);
		this.#changed('rooms');
		this.#changed('room');
	}

	#room(action, room) {
		if (action === 'removed') {
			this.rooms.delete(room._id);
			if (this.open === room._id) this.open = null;
		} else {
			this.rooms.set(room._id, { ...this.rooms.get(room._id), ...room });
		}
		this.#changed('rooms');
	}

	#message(message) {
		const list = this.messages.get(message.rid);
		if (!list) return;
		list.set(message._id, message);
		this.#typing(message.rid, message.u.username, false);
		this.#changed('messages');
	}

	#typing(rid, name, on) {
		if (name === this.user?.username) return;
		const names = this.typing.get(rid) ?? new Map();
		clearTimeout(names.get(name));
		names.delete(name);
		if (on) names.set(name, setTimeout(() => this.#typing(rid, name, false), TYPING_FOR));
		this.typing.set(rid, names);
		this.#changed('typing');
	}

	// Rooms

	titleOf(rid) {
		const room = this.rooms.get(rid);
		const sub = this.subscriptions.get(rid);
		const name = sub?.fname || sub?.name || room?.fname || room?.name || 'a room';
		return room?.t === 'd' || sub?.t === 'd' ? name : `#${name}`;
	}

	#leaveStreams() {
		for (const stop of this.#stops.values()) stop();
		this.#stops.clear();
	}

	async enterRoom(rid) {
		this.#leaveStreams();
		this.open = rid;
		this.#changed('room');
		const listen = async (stream, event, changed) => {
			const stop = await this.ddp.sub(`stream-${stream}`, [event, { useCollection: false, args: [] }], changed);
			if (this.open === rid) this.#stops.set(event, stop);
			else stop();
		};
		try {
			await Promise.all([
				listen('room-messages', rid, (_, [message]) => this.#message(message)),
				listen('notify-room', `${rid}/user-activity`, (_, [name, what]) => this.#typing(rid, name, (what ?? []).includes('user-typing'))),
				listen('notify-room', `${rid}/deleteMessage`, (_, [{ _id }]) => this.#deleted(rid, _id)),
				listen('notify-room', `${rid}/messagesRead`, (_, [{ until }]) => this.#seen(rid, until)),
			]);
			const history = await this.ddp.call('loadHistory', rid, null, HISTORY, null);
			if (this.open !== rid) return;
			this.messages.set(rid, new Map((history?.messages ?? []).reverse().map((m) => [m._id, m])));
			this.#changed('messages');
			if (this.subscriptions.has(rid)) await this.markRead(rid);
		} catch (error) {
			if (error.code !== 'closed') this.#say(`${this.titleOf(rid)}: ${error.message}`, true);
		}
	}

	#deleted(rid, id) {
		this.messages.get(rid)?.delete(id);
		this.#changed('messages');
	}

	#seen(rid, until) {
		this.read.set(rid, millis(until));
		this.#changed('messages');
	}

	// What this person does. Each resolves to the result, or says why not and resolves to undefined.

	async #do(method, ...params) {
		try {
			return await this.ddp.call(method, ...params);
		} catch (error) {
			this.#say(`${method}: ${error.message}${error.code === undefined ? '' : ` [${error.code}]`}`, true);
			return undefined;
		}
	}

	send(msg) {
		this.typed(false);
		return this.#do('sendMessage', { _id: newId(), rid: this.open, msg });
	}

	edit(id, msg) {
		return this.#do('updateMessage', { _id: id, rid: this.open, msg });
	}

	remove(id) {
		return this.#do('deleteMessage', { _id: id });
	}

	react(id, emoji) {
		return this.#do('setReaction', emoji, id);
	}

	markRead(rid) {
		return this.#do('readMessages', rid);
	}

	setStatus(status) {
		return this.#do('setUserStatus', status, this.user?.statusText ?? '');
	}

	async create(name, isPrivate, members) {
		const made = await this.#do(isPrivate ? 'createPrivateGroup' : 'createChannel', name, members);
		if (made) await this.enterRoom(made.rid);
		return made;
	}

	async direct(username) {
		const made = await this.#do('createDirectMessage', username);
		if (made) await this.enterRoom(made.rid);
	}

	async join(rid) {
		const joined = await this.#do('joinRoom', rid);
		if (joined) await this.enterRoom(rid);
	}

	leave(rid) {
		return this.#do('leaveRoom', rid);
	}

	add(rid, username) {
		return this.#do('addUserToRoom', { rid, username });
	}

	throwFromRoom(rid, username) {
		return this.#do('removeUserFromRoom', { rid, username });
	}

	async members(rid) {
		return (await this.#do('getUsersOfRoom', rid, true, { limit: 100, skip: 0 }))?.records ?? [];
	}

	async channels() {
		const found = await this.#do('browseChannels', { type: 'channels', workspace: 'local', page: 0, offset: 0, limit: 100, sortBy: 'name', sortDirection: 'asc', text: '' });
		return found?.results ?? [];
	}

	/** Tells the room that this person types, or no longer does. */
	typed(on) {
		const now = Date.now();
		const moved = this.#typedIn && this.#typedIn !== this.open;
		if (!on && !this.#typedIn) return;
		if (on && !moved && this.#typedIn && now - this.#typed < TYPING_EVERY) return;
		const tell = (rid, what) => this.ddp.call('stream-notify-room', `${rid}/user-activity`, this.user.username, what, {}).catch(() => {});
		if (moved || !on) tell(this.#typedIn, []);
		if (on) tell(this.open, ['user-typing']);
		this.#typed = now;
		this.#typedIn = on ? this.open : null;
	}
}
