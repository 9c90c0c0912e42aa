'use strict';
// npm `ddp`, the oldest DDP client of Node.js.
//
//   node tests/peers/clients/node-ddp.js --url ws://127.0.0.1:3000 [--sockjs]
//
// With --sockjs it asks for /sockjs/info first, and then speaks the raw framing all the same.
// Its commands are those of lib/anyone.js.

const DDP = require('ddp');
const { anyone } = require('../lib/anyone');

anyone(({ url, sockjs }) => {
	const { hostname, port, protocol, pathname } = new URL(url);
	const client = new DDP({
		...(sockjs ? { host: hostname, port: Number(port), useSockJs: true, ssl: protocol === 'wss:', path: pathname.slice(1) } : { url: `${url}/websocket` }),
		autoReconnect: false,
	});
	const answered = (act) => new Promise((resolve, reject) => act((error, result) => (error ? reject(error) : resolve(result))));
	return {
		connect: (heard) => {
			client.on('message', (text) => heard(JSON.parse(text)));
			client.on('socket-error', ({ message }) => heard({ error: message }));
			return answered((done) => client.connect(done));
		},
		call: (method, params) => answered((done) => client.call(method, params, done)),
		subscribe: (name, params) => answered((done) => client.subscribe(name, params, done)),
		close: () => client.close(),
	};
});
