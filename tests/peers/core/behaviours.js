'use strict';
// What a test makes an action do instead of its usual answer. See core.js,
// command `behave`.

const { matches } = require('../lib/journal');
const { fromCommand } = require('./errors');

class Behaviours {
	constructor() {
		this.list = [];
		this.held = [];
	}

	add({ action, params, times = Infinity, ...what }) {
		this.list.unshift({ action, params, times, ...what });
	}

	reset(action) {
		this.list = this.list.filter((b) => action && b.action !== action);
	}

	/** Lets held answers go; how many there were. */
	release(action) {
		const go = this.held.filter((h) => !action || h.action === action);
		this.held = this.held.filter((h) => !go.includes(h));
		for (const { resolve } of go) resolve();
		return go.length;
	}

	/** Answers a call: as told by the newest behaviour that fits, else as usual. */
	async answer(action, params, usual) {
		const told = this.list.find(
			(b) => b.times > 0 && b.action === action && (b.params === undefined || matches(b.params, params)),
		);
		if (!told) return usual();
		told.times -= 1;
		if (told.never) return new Promise(() => {});
		if (told.delay) await new Promise((resolve) => setTimeout(resolve, told.delay));
		if (told.hold) await new Promise((resolve) => this.held.push({ action, resolve }));
		if (told.error) throw fromCommand(told.error);
		if (told.undefined) return undefined;
		return Object.hasOwn(told, 'answer') ? told.answer : usual();
	}
}

module.exports = { Behaviours };
