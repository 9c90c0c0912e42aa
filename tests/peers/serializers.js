'use strict';
// What Moleculer's serializers put on the wire.
//
//   node tests/peers/serializers.js > src/mesh/serializer/tests/packets.ndjson
//
// Two brokers of one process talk, once with each serializer; every packet is a line {serializer, kind, hex, ejson}: the
// bytes, and the packet as EJSON, which is what Rocket.Chat's services make of what they received.

const EJSON = require('ejson');
const { ServiceBroker, Serializers } = require('moleculer');
const { MeteorError, Regenerator } = require('./core/errors');

const NAMES = ['JSON', 'MsgPack', 'Notepack', 'CBOR', 'ProtoBuf'];
const HOST = 'core-1';

function serializer(name) {
	const found = Serializers.resolve(name);
	found.init({ fatal: (message, err) => { throw err ?? new Error(message); } });
	return found;
}

const plain = (value) => {
	if (value?.constructor?.name === 'Long') return value.toNumber();
	// protobufjs: defaults stand in the prototype, what was sent in the object.
	return typeof value?.toJSON === 'function' && !(value instanceof Date) && !Buffer.isBuffer(value) ? { ...value } : value;
};

/** A packet as Rocket.Chat sees it. */
function ejson(codec, kind, bytes) {
	const packet = codec.deserialize(bytes, kind);
	return EJSON.stringify(Object.fromEntries(Object.entries({ ...packet }).map(([key, value]) => [key, plain(value)])));
}

const keys = (n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, i]));

function values(name) {
	return {
		texts: ['', 'a', 'käse 😀', 'x'.repeat(31), 'x'.repeat(32), 'y'.repeat(255), 'z'.repeat(256), '"\\\n\u0001\u2028'],
		whole: [0, 1, 23, 24, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 1795337222079, 9007199254740991],
		negative: [-1, -24, -25, -32, -33, -128, -129, -256, -257, -32768, -32769, -65536, -214748365, -2147483648, -2147483649, -9007199254740991],
		broken: [0.5, 0.1, -1.5, 1e21, 1e300, 5e-324, -0],
		notNumbers: [NaN, Infinity, -Infinity],
		dates: [0, 1, 1e12, 1700000000123, -1, -1000, -3155673600001, 4294967295000, 4294967296000, 17179869183999, 17179869184000, 253402300799999].map((ms) => new Date(ms)),
		binaries: [Buffer.from('hi'), Buffer.alloc(0), Buffer.alloc(256, 7), new Uint8Array([1, 2, 255])],
		switches: [true, false, null],
		nothing: undefined,
		...(name === 'MsgPack' ? {} : { nothings: [undefined, 1] }),
		empty: [{}, []],
		wide: [keys(15), keys(16), keys(24), Array(15).fill(0), Array(16).fill(0), Array(24).fill(0)],
		many: Array(300).fill(1),
		escaped: [{ $date: 5 }, { $date: 5, a: 1 }, { $escape: { $date: new Date(5) } }, { $binary: 'aGk=' }, { $regexp: 'a', $flags: 'i' }, { $type: 'oid', $value: 'x' }, { $InfNaN: 1 }, { $set: 1 }],
		pattern: /a+/gi,
		deep: { a: [{ b: [{ c: { d: new Date(7) } }] }] },
	};
}

function meteorError() {
	const error = new MeteorError(403, 'Your session has expired', { at: new Date(1700000000000) });
	error.stack = 'Error: Your session has expired [403]\n    at login';
	return error;
}

/** Every packet that two nodes exchange, in order. */
async function packets(name) {
	const codec = serializer(name);
	const lines = [];
	const tap = {
		transporterSend: (next) => (topic, bytes, meta) => {
			const kind = topic.split('.')[1];
			lines.push(JSON.stringify({ serializer: name, kind, hex: bytes.toString('hex'), ejson: ejson(codec, kind, bytes) }));
			return next(topic, bytes, meta);
		},
	};
	const broker = (nodeID) =>
		new ServiceBroker({ nodeID, transporter: 'Fake', serializer: name, errorRegenerator: new Regenerator(), middlewares: [tap], logger: false, heartbeatInterval: 1, tracing: false });
	const core = broker(HOST);
	const streamer = broker('streamer.example-1');
	core.createService({
		name: 'echo',
		metadata: { made: true },
		actions: {
			back: (ctx) => ctx.params[0],
			nothing: () => undefined,
			none: () => null,
			binary: () => Buffer.from([0, 1, 2, 253, 254, 255]),
			fails: () => { throw meteorError(); },
		},
		events: { 'watch.messages'() {} },
	});
	await Promise.all([core.start(), streamer.start()]);
	await streamer.waitForServices('echo');
	const meta = { optl: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } };
	await streamer.call('echo.back', [values(name)], { meta, timeout: 5000 });
	for (const action of ['nothing', 'none', 'binary']) await streamer.call(`echo.${action}`, []);
	await streamer.call('echo.fails', []).catch(() => {});
	await streamer.broadcast('watch.messages', [{ clientAction: 'inserted', message: values(name) }], { meta });
	await streamer.emit('watch.messages', [1], { groups: ['echo'] });
	await streamer.ping(HOST);
	while (!lines.some((line) => JSON.parse(line).kind === 'HEARTBEAT')) await new Promise((done) => setTimeout(done, 50));
	await streamer.stop();
	await core.stop();
	return lines;
}

async function print() {
	for (const name of NAMES) for (const line of await packets(name)) process.stdout.write(`${line}\n`);
	process.exit(0);
}

print().catch((err) => {
	console.error(err);
	process.exit(1);
});
