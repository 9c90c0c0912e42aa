'use strict';
// ddp-server 0.5.2: methods, nothing else; no pings, no `updated`.
//
//   node tests/peers/servers/ddp-server.js --port 4000
//
// says {"ready":true}. Methods: echo(x), sum(a, b), fail().

const { control, options } = require('../lib/control');
const DDPServer = require('ddp-server');

const opts = options({ port: '4000' });
const server = new DDPServer({
	methods: {
		echo: (value) => value,
		sum: (a, b) => a + b,
		fail() {
			throw new Error('as asked');
		},
	},
});
server.listen(Number(opts.port));
control({})({ ready: true });
