// The raw frames of all panes: bounded, filtered, paused.

import { $, hue, icon, make } from './look.js';

const KEPT = 600;
const SHOWN = 300;
const CUT = 4000;
const BEATS = new Set(['ping', 'pong']);

export class Wire {
	#kept = [];
	#who = null;
	#paused = false;
	#missed = 0;
	#began = performance.now();
	#list = $('#frames');
	#foot = $('#wire-foot');
	#filter = $('#wire-filter');
	#beats = $('#wire-beats');
	#waiting = 0;
	#people = [];

	constructor() {
		this.#filter.oninput = this.#beats.onchange = () => this.#all();
		$('#wire-clear').onclick = () => {
			this.#kept = [];
			this.#missed = 0;
			this.#all();
		};
		const pause = $('#wire-pause');
		pause.onclick = () => {
			this.#paused = !this.#paused;
			pause.setAttribute('aria-pressed', String(this.#paused));
			pause.setAttribute('aria-label', this.#paused ? 'Go on' : 'Pause');
			pause.replaceChildren(icon(this.#paused ? 'play' : 'pause'));
			if (!this.#paused) this.#missed = 0;
			this.#tell();
		};
	}

	people(people) {
		this.#people = people;
		if (!people.some(({ person }) => person === this.#who)) this.#who = null;
		const tab = (person, name) => make('button', { type: 'button', 'aria-pressed': String(person === this.#who), onclick: () => this.#pick(person) }, name);
		$('#wire-who').replaceChildren(tab(null, 'All'), ...people.map(({ person }) => tab(person, person.user?.name ?? '·')));
	}

	#pick(person) {
		this.#who = person;
		this.people(this.#people);
		this.#all();
	}

	add(person, frame) {
		if (this.#paused) {
			this.#missed += 1;
			return this.#later();
		}
		// The workers tell in no order among themselves; the moments of arrival do.
		let place = this.#kept.length;
		while (place > 0 && this.#kept[place - 1].at > frame.at) place -= 1;
		this.#kept.splice(place, 0, { person, name: person.user?.name ?? '·', username: person.user?.username ?? '?', ...frame });
		if (this.#kept.length > KEPT) this.#kept.shift();
		this.#later();
	}

	/** However many frames come, the list is drawn once a picture. */
	#later() {
		this.#waiting ||= requestAnimationFrame(() => {
			this.#waiting = 0;
			if (this.#paused) this.#tell();
			else this.#all();
		});
	}

	#meant() {
		const text = this.#filter.value.trim().toLowerCase();
		return this.#kept.filter((one) => (!this.#who || one.person === this.#who) && (this.#beats.checked || !BEATS.has(one.message.msg)) && (!text || one.text.toLowerCase().includes(text)));
	}

	#all() {
		const list = this.#list;
		const down = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
		const shown = this.#meant().slice(-SHOWN);
		const wanted = new Set(shown);
		for (const item of [...list.children]) if (!wanted.has(item.frame)) item.remove();
		// What is drawn already stays where it is: mostly a few are new at the end.
		let place = list.firstChild;
		for (const frame of shown) {
			const item = (frame.item ??= this.#item(frame));
			if (item === place) place = place.nextSibling;
			else list.insertBefore(item, place);
		}
		if (down) list.scrollTop = list.scrollHeight;
		this.#tell(shown.length);
	}

	#item(frame) {
		const { way, text, message, at, name, username } = frame;
		const title = message.method ?? message.name ?? message.fields?.eventName ?? message.collection ?? message.id ?? '';
		const stream = message.collection?.replace('stream-', '') ?? '';
		const body = make('pre');
		const item = make('li', {}, make('details', { class: 'frame', 'data-way': way, ontoggle: ({ target }) => target.open && !body.textContent && (body.textContent = this.#pretty(text, message)) },
			make('summary', {}, make('span', { class: 'arrow', role: 'img', 'aria-label': way === 'in' ? 'received by' : 'sent by' }, way === 'in' ? '↓' : '↑'), make('span', { class: 'frame-who' }, name), make('b', {}, message.msg ?? (message.server_id ? 'server_id' : '?')), make('span', { class: 'frame-what' }, stream ? `${stream} ` : '', String(title)), make('time', {}, `${((at - this.#began) / 1000).toFixed(3)}`)),
			body));
		item.style.setProperty('--hue', hue(username));
		item.frame = frame;
		return item;
	}

	#pretty(text, message) {
		const whole = JSON.stringify(message, null, 2);
		return whole.length > CUT ? `${whole.slice(0, CUT)}\n… ${text.length} characters in all` : whole;
	}

	#tell(shown) {
		if (this.#paused) this.#foot.textContent = `Paused. ${this.#missed} frames passed by.`;
		else this.#foot.textContent = `${shown ?? this.#list.children.length} shown, ${this.#kept.length} of the last ${KEPT} kept`;
	}
}
