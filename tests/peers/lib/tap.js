'use strict';
// Listens in on every WebSocket that a client library opens, without the
// library noticing, and keeps each DDP message in a journal:
//
//   {n, way:"in"|"out", ddp:{…}}     a message, SockJS framing taken off
//   {n, way:"in"|"out", text:"o"}    a frame that is no DDP message
//   {n, way:"closed", code, reason}  the socket has closed
//
// What comes in is said aloud too, as {"saw":{…}}, {"closed":{…}}.

const WebSocket = require('ws');
const { Journal } = require('./journal');

/** The DDP messages in a frame of either framing; undefined when there are none. */
function messages(text) {
	try {
		if (text.startsWith('a[')) return JSON.parse(text.slice(1)).map((m) => JSON.parse(m));
		const value = JSON.parse(text);
		if (Array.isArray(value)) return value.map((m) => JSON.parse(m));
		return value && typeof value === 'object' ? [value] : undefined;
	} catch {
		return undefined;
	}
}

/** @param say function(news), or nothing for a silent tap */
function tap(say = () => {}) {
	const journal = new Journal();
	const { send, emit } = WebSocket.prototype;

	const keep = (way, data) => {
		const text = data.toString();
		for (const ddp of messages(text) ?? [undefined]) {
			journal.add(ddp === undefined ? { way, text } : { way, ddp });
			if (way === 'in') say({ saw: ddp ?? text });
		}
	};

	WebSocket.prototype.send = function tapped(data, ...rest) {
		keep('out', data);
		return send.call(this, data, ...rest);
	};
	WebSocket.prototype.emit = function tapped(event, ...args) {
		if (event === 'message') keep('in', args[0]);
		if (event === 'close') {
			const closed = { code: args[0], reason: args[1].toString() };
			journal.add({ way: 'closed', ...closed });
			say({ closed });
		}
		return emit.call(this, event, ...args);
	};

	globalThis.WebSocket = WebSocket;
	return journal;
}

/** The commands that every client has. */
function listening(journal) {
	return {
		frames: ({ match, clear = false }) => journal.read({ match, clear }),
		await: (message) => journal.await(message),
	};
}

module.exports = { tap, listening };
