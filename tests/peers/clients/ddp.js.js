'use strict';
// npm `ddp.js`, over `ws` as a user of it would.
//
//   node tests/peers/clients/ddp.js.js --url ws://127.0.0.1:3000
//
// Its commands are those of lib/anyone.js.

const DDP = require('ddp.js').default;
const WebSocket = require('ws');
const { anyone } = require('../lib/anyone');

anyone(({ url }) => {
	const client = new DDP({ endpoint: `${url}/websocket`, SocketConstructor: WebSocket, autoConnect: false, autoReconnect: false });
	// The answer to a request, which the library only emits.
	const answer = (events, id) =>
		new Promise((resolve, reject) => {
			for (const event of events) {
				client.on(event, (message) => {
					if (message.id !== id && !message.subs?.includes(id)) return;
					if (message.error || event === 'nosub') reject(message.error ?? message);
					else resolve(message.result);
				});
			}
		});
	return {
		connect(heard) {
			client.on('changed', heard);
			client.on('disconnected', () => heard({ error: 'disconnected' }));
			client.connect();
			return new Promise((resolve) => client.on('connected', resolve));
		},
		call: (method, params) => answer(['result'], client.method(method, params)),
		subscribe: (name, params) => answer(['ready', 'nosub'], client.sub(name, params)),
		close: () => client.disconnect(),
	};
});
