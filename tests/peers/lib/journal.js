'use strict';
// What a peer saw, in order, and waiting for what it is about to see.
//
// A pattern matches a value when every part of the pattern is found in it:
// an object's keys (others are ignored), an array's elements by position
// (a longer array matches), everything else by equality. The text "*" matches
// whatever is there, `undefined` excepted.

function matches(pattern, value) {
	if (pattern === '*') return value !== undefined;
	if (pattern instanceof Date) return value instanceof Date && pattern.getTime() === value.getTime();
	if (Array.isArray(pattern)) {
		return Array.isArray(value) && pattern.every((part, i) => matches(part, value[i]));
	}
	if (pattern && typeof pattern === 'object') {
		return !!value && typeof value === 'object' && Object.keys(pattern).every((key) => matches(pattern[key], value[key]));
	}
	return pattern === value;
}

class Journal {
	constructor() {
		this.entries = [];
		this.count = 0;
		this.waiting = new Set();
	}

	/** Keeps an entry; `n` numbers them over the peer's whole life, from 1. */
	add(entry) {
		this.count += 1;
		this.entries.push({ n: this.count, ...entry });
		for (const look of [...this.waiting]) look();
	}

	/** All entries that match; `clear` forgets everything afterwards. */
	read({ match = {}, clear = false } = {}) {
		const found = this.entries.filter((entry) => matches(match, entry));
		if (clear) this.entries = [];
		return found;
	}

	/** The first `count` matching entries after number `after`, as soon as they are there. */
	await({ match = {}, count = 1, after = 0, timeout = 25000 } = {}) {
		return new Promise((resolve, reject) => {
			const found = () => this.entries.filter((entry) => entry.n > after && matches(match, entry));
			const look = () => {
				const list = found();
				if (list.length < count) return;
				this.waiting.delete(look);
				clearTimeout(deadline);
				resolve(list.slice(0, count));
			};
			const deadline = setTimeout(() => {
				this.waiting.delete(look);
				const tail = JSON.stringify(this.entries.slice(-10));
				reject(new Error(`${found().length} of ${count} seen in ${timeout} ms of ${JSON.stringify(match)}; last: ${tail}`));
			}, timeout);
			this.waiting.add(look);
			look();
		});
	}
}

module.exports = { Journal, matches };
