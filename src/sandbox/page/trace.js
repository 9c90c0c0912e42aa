// What the sandbox tells of the core and the mesh, joined with the frames that arrived here.
//
// An event of the core and the frame that it becomes carry no common id on the wire, and none is added for this page.
// They are matched by what they are about: a message's id and its last change, say.

import { millis } from './person.js';

const CODES = { offline: 0, online: 1, away: 2, busy: 3, disabled: 0 };

/** What a broadcast is about; undefined when frames of it cannot be told apart. */
function ofEvent(event, args) {
	const [a, b] = args;
	switch (event) {
		case 'watch.messages': return `message ${a.message._id} ${millis(a.message._updatedAt)}`;
		case 'watch.subscriptions': return `subscription ${a.clientAction} ${a.subscription._id} ${millis(a.subscription._updatedAt)}`;
		case 'watch.rooms': return `room ${a.clientAction} ${a.room._id} ${millis(a.room._updatedAt)}`;
		case 'presence.status': return `presence ${a.user._id} ${CODES[a.user.status] ?? 0}`;
		case 'notify.deleteMessage': return `deleted ${b._id}`;
		case 'notify.messagesRead': return `read ${a.rid} ${millis(a.until)}`;
		case 'user.forceLogout': return `out ${a}`;
		case 'notify.desktop': return `notification ${a} ${b.payload?._id}`;
		case 'notify.ephemeralMessage': return `ephemeral ${a} ${args[2].msg}`;
		case 'watch.users': return `user ${a.id} ${JSON.stringify(a.diff)}`;
		case 'watch.settings': return `setting ${a.setting._id}`;
		default: return undefined;
	}
}

/** The same of a frame. */
function ofFrame({ msg, collection, fields }) {
	if (msg !== 'changed' || !fields?.eventName) return undefined;
	const { eventName, args = [] } = fields;
	const [first, second] = args;
	const cut = eventName.indexOf('/');
	const key = eventName.slice(0, cut);
	const what = eventName.slice(cut + 1);
	switch (collection) {
		case 'stream-room-messages': return `message ${first._id} ${millis(first._updatedAt)}`;
		case 'stream-user-presence': return `presence ${eventName} ${first[1]}`;
		case 'stream-notify-room':
			if (what === 'deleteMessage') return `deleted ${first._id}`;
			if (what === 'messagesRead') return `read ${key} ${millis(first.until)}`;
			return undefined;
		case 'stream-notify-user':
			if (what === 'subscriptions-changed') return `subscription ${first} ${second._id} ${millis(second._updatedAt)}`;
			if (what === 'rooms-changed') return `room ${first} ${second._id} ${millis(second._updatedAt)}`;
			if (what === 'userData') return `user ${key} ${JSON.stringify(first.diff)}`;
			if (what === 'force_logout') return `out ${key}`;
			if (what === 'notification') return `notification ${key} ${first.payload?._id}`;
			if (what === 'message') return `ephemeral ${key} ${first.msg}`;
			return undefined;
		case 'stream-notify-all':
		case 'stream-notify-logged':
			if (eventName.endsWith('-settings-changed')) return `setting ${second?._id}`;
			return undefined;
		default: return undefined;
	}
}

const KEPT = 200;
const COMPARE_EVERY = 60_000;
const ROUNDS = 9;

export class Trace extends EventTarget {
	/** Page clock (performance.now) plus this is the sandbox's clock, ms. */
	#offset = performance.timeOrigin;
	/** Half of the best round trip, ms: the comparison is no better than this. */
	error = Infinity;
	#ways = new Map();
	#early = new Map();
	#run;

	start() {
		const source = new EventSource('trace');
		source.addEventListener('hello', ({ data }) => this.#hello(JSON.parse(data)));
		source.addEventListener('broadcast', ({ data }) => this.#broadcast(JSON.parse(data)));
		source.onerror = () => this.#tell('lost');
		this.#compare();
		setInterval(() => this.#compare(), COMPARE_EVERY);
	}

	#tell(type, detail) {
		this.dispatchEvent(new CustomEvent(type, { detail }));
	}

	#hello({ run }) {
		const again = this.#run !== undefined && this.#run !== run;
		this.#run = run;
		this.#tell(again ? 'restarted' : 'found');
	}

	/** Compares the clocks: the shortest of a few round trips is believed. */
	async #compare() {
		let best = Infinity;
		for (let round = 0; round < ROUNDS; round += 1) {
			const began = performance.now();
			const answer = await fetch('time', { cache: 'no-store' }).catch(() => null);
			const ended = performance.now();
			if (!answer?.ok) return;
			const { now } = await answer.json();
			if (ended - began < best) {
				best = ended - began;
				this.#offset = now / 1000 - (began + ended) / 2;
			}
		}
		this.error = best / 2;
		this.#tell('compared');
	}

	/** {seq, event, args, called?, trace?, sent, heard?}: microseconds of the sandbox's clock. An arrival takes from `sent`, a way's `mesh` too. */
	#broadcast({ seq, event, args, called, trace, sent, heard }) {
		const way = { seq, event, args, trace, sent: sent / 1000, core: called && (sent - called) / 1000, mesh: heard && Math.max(0, (heard - sent) / 1000), arrivals: [] };
		way.followed = ofEvent(event, args) !== undefined;
		const about = ofEvent(event, args);
		if (about) this.#ways.set(about, way);
		for (const arrival of this.#early.get(about) ?? []) this.#arrive(way, arrival);
		this.#early.delete(about);
		for (const map of [this.#ways, this.#early]) if (map.size > KEPT) map.delete(map.keys().next().value);
		this.#tell('way', way);
	}

	/** A frame came to one of the panes. Its event may be told of only later. */
	frame(person, { message, at }) {
		const about = ofFrame(message);
		if (!about) return;
		const arrival = { person, at };
		const way = this.#ways.get(about);
		if (way) {
			this.#arrive(way, arrival);
			this.#tell('arrived', { way, arrival });
		} else {
			this.#early.set(about, [...(this.#early.get(about) ?? []), arrival]);
		}
	}

	#arrive(way, { person, at }) {
		if (way.arrivals.some((known) => known.person === person)) return;
		way.arrivals.push({ person, took: Math.max(0, at + this.#offset - way.sent) });
	}
}
