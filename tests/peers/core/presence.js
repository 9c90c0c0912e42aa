'use strict';
// The presence service: counts a user's connections and broadcasts
// `presence.status` whenever what others see of that user changes.

class Presence {
	/** @param broadcast function(event, args); release: function() */
	constructor(world, broadcast, release) {
		Object.assign(this, { world, broadcast, release });
		this.connections = new Map();
		this.users = new Map();
	}

	seen(uid) {
		if (!this.users.has(uid)) {
			const { statusDefault = 'online', statusText = '' } = this.world.user(uid) ?? {};
			this.users.set(uid, { status: 'offline', statusDefault, statusText });
		}
		return this.users.get(uid);
	}

	of(uid) {
		if (!this.connections.has(uid)) this.connections.set(uid, new Map());
		return this.connections.get(uid);
	}

	/** Works the status out again; broadcasts when it, or the text, is not what it was. */
	update(uid, { text } = {}) {
		const user = this.world.user(uid);
		const seen = this.seen(uid);
		const states = [...this.of(uid).values()].map((c) => c.status);
		const connection = states.includes('online') ? 'online' : states[0] ?? 'offline';
		const status = connection === 'offline' || seen.statusDefault === 'online' ? connection : seen.statusDefault;
		const changed = status !== seen.status || (text !== undefined && text !== seen.statusText);
		const previousStatus = seen.status;
		Object.assign(seen, { status, statusText: text ?? seen.statusText });
		if (changed && user) this.broadcast('presence.status', [{ user: this.shown(uid), previousStatus }]);
		return changed;
	}

	/** A user as `presence.status` tells of one: 7.x adds the name, 8.6 where the status comes from. */
	shown(uid) {
		const user = this.world.user(uid);
		if (!user) return undefined;
		const { _id, username, name, roles } = user;
		const { status, statusText, statusSource = 'internal' } = this.seen(uid);
		return {
			_id,
			username,
			...(this.release() >= 7 ? { name } : {}),
			status,
			statusText,
			...(this.release() >= 8.6 ? { statusSource } : {}),
			roles,
		};
	}

	newConnection(uid, session, nodeId) {
		this.of(uid).set(session, { nodeId, status: 'online' });
		this.update(uid);
		return { uid, connectionId: session };
	}

	updateConnection(uid, connectionId) {
		return this.of(uid).has(connectionId) ? { uid, connectionId } : undefined;
	}

	removeConnection(uid, session) {
		this.of(uid).delete(session);
		this.update(uid);
		return { uid, session };
	}

	removeLostConnections(nodeId) {
		const lost = [];
		for (const [uid, list] of this.connections) {
			const gone = [...list].filter(([, c]) => c.nodeId === nodeId);
			for (const [session] of gone) list.delete(session);
			if (gone.length) lost.push(uid);
		}
		for (const uid of lost) this.update(uid);
		return lost;
	}

	setStatus(uid, statusDefault, statusText) {
		Object.assign(this.seen(uid), { statusDefault, statusSource: 'manual' });
		return this.update(uid, { text: statusText });
	}

	setConnectionStatus(uid, status, session) {
		const connection = this.of(uid).get(session);
		if (!connection) return false;
		connection.status = status;
		return this.update(uid);
	}

	getConnectionCount() {
		return { current: [...this.connections.values()].reduce((n, list) => n + list.size, 0), max: 200 };
	}

	/** What the command `get` shows. */
	summary() {
		return Object.fromEntries([...this.connections].map(([uid, list]) => [uid, { ...this.seen(uid), connections: Object.fromEntries(list) }]));
	}
}

module.exports = { Presence };
