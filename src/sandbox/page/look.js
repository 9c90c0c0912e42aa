// Small helpers of the views. Text reaches the page as textContent only.

export const $ = (name, root = document) => root.querySelector(name);

/** An element: make('li', {class: 'x', onclick}, 'text', child…). */
export function make(tag, props = {}, ...children) {
	const element = document.createElement(tag);
	for (const [key, value] of Object.entries(props)) {
		if (value === undefined || value === null || value === false) continue;
		if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
		else if (key === 'class') element.className = value;
		else element.setAttribute(key, value === true ? '' : value);
	}
	element.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
	return element;
}

const SVG = 'http://www.w3.org/2000/svg';

export function svg(tag, props = {}, ...children) {
	const element = document.createElementNS(SVG, tag);
	for (const [key, value] of Object.entries(props)) element.setAttribute(key, value);
	element.append(...children);
	return element;
}

export const icon = (name) => svg('svg', { 'aria-hidden': 'true' }, svg('use', { href: `#i-${name}` }));

/** The parts of a template that are marked with data-…, by name. */
export function parts(template) {
	const root = $(template).content.firstElementChild.cloneNode(true);
	const found = { root };
	for (const element of [root, ...root.querySelectorAll('*')]) {
		for (const key of Object.keys(element.dataset)) found[key] = element;
	}
	return found;
}

/** A colour of one's own, the same everywhere and every time. */
const HUES = { alice: 262, bob: 160, carol: 20, admin: 305, agent: 215, bot: 95 };

export function hue(username) {
	if (username in HUES) return HUES[username];
	let sum = 0;
	for (const char of username) sum = (sum * 31 + char.codePointAt(0)) % 360;
	return sum;
}

export function avatar(element, username, name) {
	element.style.setProperty('--hue', hue(username));
	element.textContent = [...(name || username)][0]?.toUpperCase() ?? '?';
	element.setAttribute('aria-hidden', 'true');
	return element;
}

export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

/** A word that goes away by itself: in a pane, or for the whole page. */
export function toast(text, bad = false, box = $('#toasts')) {
	const item = make('p', { class: bad ? 'toast bad' : 'toast' }, text);
	box.append(item);
	while (box.children.length > 4) box.firstElementChild.remove();
	setTimeout(() => item.remove(), 7000);
}

/** Microseconds or milliseconds in words. */
export function took(ms) {
	if (ms < 0.001) return '< 1 µs';
	if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
	return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
