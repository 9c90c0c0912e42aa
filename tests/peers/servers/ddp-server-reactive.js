'use strict';
// ddp-server-reactive 0.4.0: methods, and collections that tell their subscribers of every change.
//
//   node tests/peers/servers/ddp-server-reactive.js --port 4000
//
// says {"ready":true}. Methods: echo(x), put(id, doc), remove(id). Publishes the collection `things`.

const { control, options } = require('../lib/control');
const DDPServer = require('ddp-server-reactive');

const opts = options({ port: '4000' });
const server = new DDPServer({ port: Number(opts.port) });
const things = server.publish('things');
things.first = { name: 'first' };
server.methods({
	echo: (value) => value,
	put(id, doc) {
		things[id] = doc;
	},
	remove(id) {
		delete things[id];
	},
});
control({})({ ready: true });
