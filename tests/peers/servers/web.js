'use strict';
// A server with a DDP handshake and pages, as a single Rocket.Chat has both on one port.
//
//   node tests/peers/servers/web.js --port 4000
//
// says {"ready":true}. Over HTTP every path answers with what it was asked, as JSON: method, url, headers, and the body's
// length and sum; /slow never answers, /api/info has a version.

const http = require('http');
const { control, options } = require('../lib/control');
const { WebSocketServer } = require('ws');

const opts = options({ port: '4000' });
const server = http.createServer((request, response) => {
	const { method, url, headers } = request;
	if (url === '/slow') return;
	if (url === '/api/info') return response.end('{"version":"7.5","success":true}');
	let length = 0;
	let sum = 0;
	request.on('data', (chunk) => {
		length += chunk.length;
		for (const byte of chunk) sum = (sum + byte) % 65521;
	});
	request.on('end', () => {
		response.setHeader('Connection', 'keep-alive, X-Hop');
		response.setHeader('X-Hop', '1');
		response.setHeader('X-Own', '1');
		response.statusCode = 201;
		response.end(JSON.stringify({ method, url, headers, length, sum, filler: 'x'.repeat(length) }));
	});
});
new WebSocketServer({ server }).on('connection', (socket) => {
	socket.send('{"server_id":"0"}');
	socket.on('message', (data) => {
		if (JSON.parse(data).msg === 'connect') socket.send('{"msg":"connected","session":"web"}');
	});
});
server.listen(Number(opts.port), '127.0.0.1', () => control({})({ ready: true }));
