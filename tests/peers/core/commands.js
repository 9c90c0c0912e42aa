'use strict';
// The commands of a core that do not depend on how it talks to others. What
// they do stands in core.js.

/** A copy of `value` in which "$n" inside every text is the number. */
function numbered(value, n) {
	if (typeof value === 'string') return value === '$n' ? n : value.replaceAll('$n', n);
	if (Array.isArray(value)) return value.map((v) => numbered(v, n));
	if (value && Object.getPrototypeOf(value) === Object.prototype) {
		return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, numbered(v, n)]));
	}
	return value;
}

function usual({ journal, world, behaviours, presence }) {
	return {
		calls: ({ match, clear = true }) => journal.read({ match, clear }),
		await: (message) => journal.await(message),

		put: ({ collection, docs }) => world.put(collection, docs),
		remove: ({ collection, ids }) => world.remove(collection, ids),
		set: ({ state }) => world.set(state),
		get({ path }) {
			const [first, ...rest] = path.split('.');
			if (first === 'presence') return presence.summary();
			if (first === 'state') return rest.reduce((value, key) => value?.[key], world.state);
			const all = world.collection(first);
			return rest.length ? all.get(rest.join('.')) : [...all.values()];
		},

		behave({ reset, action, id, cmd, ...what }) {
			if (reset) behaviours.reset(action);
			else behaviours.add({ action, ...what });
		},
		release: ({ action }) => behaviours.release(action),
	};
}

module.exports = { numbered, usual };
