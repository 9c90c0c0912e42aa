// The drawing of core, mesh, hub and sessions, and the list of the last ways with what each step took.

import { $, hue, make, svg, took } from './look.js';

const LISTED = 8;
const STATIONS = [
	{ key: 'core', x: 60, title: 'Core', note: 'the sandbox' },
	{ key: 'mesh', x: 215, title: 'Mesh', note: '' },
	{ key: 'hub', x: 370, title: 'Hub', note: 'ddp-streamer' },
];
const SESSIONS_X = 560;
const WIDTH = 680;
const HEIGHT = 150;
const RUN = 420;

const still = matchMedia('(prefers-reduced-motion: reduce)');

/** What a way was about, in few words. */
function about({ event, args }) {
	const [a, b] = args;
	switch (event) {
		case 'watch.messages': return a.message.msg || a.message.t || '';
		case 'watch.subscriptions': return `${a.subscription.name ?? a.subscription.rid} of ${a.subscription.u?.username ?? ''}`;
		case 'watch.rooms': return a.room.name ?? a.room._id;
		case 'presence.status': return `${a.user.username} ${a.user.status}`;
		case 'user.forceLogout': return String(a);
		default: return typeof a === 'string' ? a : b?._id ?? a?._id ?? '';
	}
}

export class EventMap {
	#drawing = $('#drawing');
	#list = $('#ways');
	#people = [];
	#rows = new Map();
	#unheard = 0;
	#figures = {};
	#pulses;

	constructor(transport) {
		STATIONS[1].note = transport;
		this.#drawing.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
		this.people([]);
	}

	/** The panes, as dots on the right. */
	people(people) {
		this.#people = people;
		const middle = HEIGHT / 2;
		const lines = [];
		const nodes = [];
		for (const [i, station] of STATIONS.entries()) {
			const next = STATIONS[i + 1];
			if (next) lines.push(this.#line(station.key, station.x, middle, next.x, middle));
			nodes.push(svg('g', { class: 'station', 'data-key': station.key }, svg('rect', { x: station.x - 46, y: middle - 24, width: 92, height: 48, rx: 10 }), this.#text(station.x, middle - 3, station.title, 'title'), this.#text(station.x, middle + 13, station.note, 'note')));
		}
		const step = Math.min(44, (HEIGHT - 30) / Math.max(1, people.length - 1));
		for (const [i, { pane, person }] of people.entries()) {
			const y = middle + (i - (people.length - 1) / 2) * step;
			const path = `M${STATIONS[2].x + 46},${middle} C${STATIONS[2].x + 110},${middle} ${SESSIONS_X - 70},${y} ${SESSIONS_X - 13},${y}`;
			lines.push(svg('path', { class: 'link', d: path, 'data-to': pane }));
			const node = svg('g', { class: 'session', 'data-pane': pane, 'data-in': String(!!person.user) }, svg('circle', { cx: SESSIONS_X, cy: y, r: 13 }), this.#text(SESSIONS_X, y + 4, [...(person.user?.name ?? '·')][0], 'letter'), this.#text(SESSIONS_X + 22, y + 1, person.user?.name ?? 'nobody', 'name'), this.#text(SESSIONS_X + 22, y + 14, '', 'late'));
			node.style.setProperty('--hue', hue(person.user?.username ?? '?'));
			nodes.push(node);
		}
		this.#figures = {};
		const figures = STATIONS.slice(0, 2).map(({ key, x }, i) => {
			const place = key === 'core' ? x : (STATIONS[1].x + STATIONS[2].x) / 2;
			return (this.#figures[key] = this.#text(i === 0 ? STATIONS[0].x : place, i === 0 ? middle + 42 : middle - 10, '', 'figure'));
		});
		this.#figures.mesh.setAttribute('x', (STATIONS[0].x + STATIONS[1].x) / 2);
		this.#pulses = svg('g', { class: 'pulses' });
		this.#drawing.replaceChildren(...lines, this.#pulses, ...nodes, ...figures);
	}

	#text(x, y, text, kind) {
		const element = svg('text', { x, y, class: kind });
		element.textContent = text;
		return element;
	}

	#line(key, x1, y1, x2, y2) {
		return svg('path', { class: 'link', 'data-from': key, d: `M${x1 + 46},${y1} L${x2 - 46},${y2}` });
	}

	#light(selector) {
		const element = this.#drawing.querySelector(selector);
		if (!element) return;
		element.classList.add('lit');
		clearTimeout(element.unlight);
		element.unlight = setTimeout(() => element.classList.remove('lit'), 700);
	}

	/** A dot along a link; the drawing is slower than the event by a factor of hundreds. */
	#pulse(selector, kind, delay, back = false) {
		const link = this.#drawing.querySelector(selector);
		if (!link || still.matches) return;
		const length = link.getTotalLength();
		const dot = svg('circle', { r: 4, class: `pulse ${kind}` });
		const frames = Array.from({ length: 13 }, (_, i) => {
			const at = link.getPointAtLength((length * (back ? 12 - i : i)) / 12);
			return { transform: `translate(${at.x}px, ${at.y}px)` };
		});
		this.#pulses.append(dot);
		const run = dot.animate(frames, { duration: RUN, delay, easing: 'ease-in-out', fill: 'backwards' });
		run.onfinish = run.oncancel = () => dot.remove();
	}

	/** A method leaves a pane for the core. */
	called(pane) {
		this.#pulse(`[data-to="${pane}"]`, 'call', 0, true);
		this.#pulse('[data-from="mesh"]', 'call', RUN * 0.8, true);
		this.#pulse('[data-from="core"]', 'call', RUN * 1.6, true);
		setTimeout(() => this.#light('[data-key="core"]'), still.matches ? 0 : RUN * 2.4);
	}

	/** An event left the core. */
	way(way) {
		if (way.followed && !way.arrivals.length) this.#count(1);
		else this.#show(way);
		this.#light('[data-key="core"]');
		this.#pulse('[data-from="core"]', 'event', 0);
		this.#pulse('[data-from="mesh"]', 'event', RUN * 0.8);
		setTimeout(() => this.#light('[data-key="mesh"]'), still.matches ? 0 : RUN * 0.8);
		setTimeout(() => this.#light('[data-key="hub"]'), still.matches ? 0 : RUN * 1.6);
		this.#figures.core.textContent = way.core === undefined ? '' : took(way.core);
		this.#figures.mesh.textContent = way.mesh === undefined ? '' : took(way.mesh);
		for (const arrival of way.arrivals) this.arrived(way, arrival);
	}

	/** It came to a pane. */
	arrived(way, { person }) {
		const pane = this.#people.find((one) => one.person === person)?.pane;
		if (pane === undefined) return;
		this.#pulse(`[data-to="${pane}"]`, 'event', RUN * 1.6);
		setTimeout(() => this.#light(`[data-pane="${pane}"]`), still.matches ? 0 : RUN * 2.4);
		this.#drawing.querySelector(`[data-pane="${pane}"] .late`).textContent = took(way.arrivals.find((one) => one.person === person).took);
		const row = this.#rows.get(way);
		if (row) this.#fill(way, row);
		else if (way.arrivals.length === 1) {
			this.#count(-1);
			this.#show(way);
		}
	}

	/** Events that reached none of the panes are counted only. */
	#count(more) {
		this.#unheard = Math.max(0, this.#unheard + more);
		$('#unheard').textContent = this.#unheard ? ` · ${this.#unheard} more reached nobody here` : '';
	}

	#show(way) {
		const row = this.#row(way);
		this.#list.querySelector('.empty')?.remove();
		this.#list.prepend(row.item);
		this.#rows.set(way, row);
		while (this.#list.children.length > LISTED) this.#list.lastElementChild.remove();
		for (const known of this.#rows.keys()) if (this.#rows.size > LISTED) this.#rows.delete(known);
	}

	#row(way) {
		const bar = make('div', { class: 'way-bar', 'aria-hidden': 'true' });
		const steps = make('p', { class: 'way-steps' });
		const item = make('li', { class: 'way' }, make('p', { class: 'way-what' }, make('b', {}, way.event), ' ', make('span', {}, about(way)), ...(way.trace ? [' ', make('code', { class: 'way-trace', title: 'Its trace, in the collector of --otlp' }, way.trace)] : [])), bar, steps);
		const row = { item, bar, steps };
		this.#fill(way, row);
		return row;
	}

	#fill(way, { bar, steps }) {
		const last = way.arrivals.reduce((most, { took: ms }) => Math.max(most, ms), 0);
		// The streamer may hear an event before the node that listens for the trace: then all of the way counts as the mesh's.
		const arrived = way.arrivals.length > 0;
		const mesh = arrived && way.mesh !== undefined ? Math.min(way.mesh, last) : way.mesh;
		const parts = [['core', way.core], ['mesh', mesh], ['hub', arrived ? last - (mesh ?? 0) : undefined]].filter(([, ms]) => ms !== undefined);
		const all = parts.reduce((sum, [, ms]) => sum + ms, 0);
		bar.replaceChildren(...parts.map(([key, ms]) => {
			const part = make('i', { class: `c-${key}` });
			part.style.flexGrow = String(Math.max(ms, all / 60));
			return part;
		}));
		const words = [['core', way.core], ['mesh', way.mesh]].filter(([, ms]) => ms !== undefined).map(([key, ms]) => make('span', { class: `c-${key}` }, `${key} ${took(ms)}`));
		const several = way.arrivals.length > 2 && [make('span', { class: 'c-hub' }, `${way.arrivals.length} panes ≤ ${took(last)}`)];
		const who = several || way.arrivals.map(({ person, took: ms }) => make('span', { class: 'c-hub' }, `${person.user?.name ?? person.lastName ?? 'gone'} ${took(ms)}`));
		steps.replaceChildren(...words, ...(who.length ? who : [make('span', { class: 'c-none' }, 'not followed to the panes')]));
	}
}
