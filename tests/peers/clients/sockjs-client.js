'use strict';
// npm `sockjs-client`, which Meteor's web clients carry: it asks for /sockjs/info, and opens what that offers. DDP is
// spoken on top by hand.
//
//   node tests/peers/clients/sockjs-client.js --url ws://127.0.0.1:3000
//
// Its commands are those of lib/anyone.js.

const SockJS = require('sockjs-client');
const { anyone } = require('../lib/anyone');

anyone(({ url }) => {
	const waiting = new Map();
	let socket;
	let ids = 0;
	const ask = (message) => {
		const id = String((ids += 1));
		socket.send(JSON.stringify({ ...message, id }));
		return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
	};
	const settle = (id, { error, result, msg }) => {
		const { resolve, reject } = waiting.get(id) ?? {};
		waiting.delete(id);
		if (error || msg === 'nosub') reject?.(error ?? { msg });
		else resolve?.(result);
	};
	return {
		connect: (heard) =>
			new Promise((resolve, reject) => {
				socket = new SockJS(`${url.replace(/^ws/, 'http')}/sockjs`);
				socket.onopen = () => socket.send(JSON.stringify({ msg: 'connect', version: '1', support: ['1', 'pre2', 'pre1'] }));
				socket.onclose = ({ code, reason }) => reject(Object.assign(new Error(reason), { code }));
				socket.onmessage = ({ data }) => {
					const message = JSON.parse(data);
					if (message.msg === 'ping') socket.send('{"msg":"pong"}');
					if (message.msg === 'connected') resolve({ transport: socket.transport });
					if (['result', 'nosub'].includes(message.msg)) settle(message.id, message);
					if (message.msg === 'ready') message.subs.forEach((id) => settle(id, message));
					heard(message);
				};
			}),
		call: (method, params) => ask({ msg: 'method', method, params }),
		subscribe: (name, params) => ask({ msg: 'sub', name, params }),
		close: () => socket.close(),
	};
});
