#!/usr/bin/env bash
# notepack.io writes other numbers than it was given, where msgpack5 keeps them.
#
# MessagePack has no integers beyond 64 bits, but doubles. notepack.io 3.0.1 (Moleculer's `Notepack`) takes every whole number for an
# integer and keeps its lowest 64 bits: 1e20 becomes 7766279631452241920, 2^64 and 1e300 become 0, and -1e19 turns positive. What
# lies in a typed array is cut to bytes, an element each: 300 becomes 44 and 1.5 becomes 1, though its memory is 2 or 8
# bytes. msgpack5 6.1.0 writes the first as doubles, and keeps the elements. What notepack.io wrote, msgpack5 reads as wrong; what
# msgpack5 wrote, notepack.io reads right: so in a mesh it shows for one sender only.
#
# Seen with Node.js 20:
#   9007199254740992: notepack.io to itself 9007199254740992, to msgpack5 9007199254740992; msgpack5 to notepack.io 9007199254740992
#   18446744073709552000: notepack.io to itself 0, to msgpack5 0; msgpack5 to notepack.io 18446744073709551616
#   100000000000000000000: notepack.io to itself 7766279631452241920, to msgpack5 7766279631452241920; msgpack5 to notepack.io 100000000000000000000
#   -10000000000000000000: notepack.io to itself 8446744073709551616, to msgpack5 8446744073709551616; msgpack5 to notepack.io -10000000000000000000
#   1e+300: notepack.io to itself 0, to msgpack5 0; msgpack5 to notepack.io 1e+300
#   Uint16Array 300: notepack.io to itself [44], to msgpack5 [44]; msgpack5 to notepack.io {"0":300}
#   Float64Array 1.5: notepack.io to itself [1], to msgpack5 [1]; msgpack5 to notepack.io {"0":1.5}
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts notepack.io@3.0.1 msgpack5@6.1.0 >&2
cat >try.js <<'JS'
const notepack = require('notepack.io');
const msgpack5 = require('msgpack5')();
const by5 = (value) => msgpack5.encode(value).slice();
for (const value of [2 ** 53, 2 ** 64, 1e20, -1e19, 1e300, new Uint16Array([300]), new Float64Array([1.5])]) {
	const shown = (read) => (typeof read === 'number' ? BigInt(read) <= 2n ** 70n ? BigInt(read) : read : JSON.stringify(Buffer.isBuffer(read) ? [...read] : read));
	const told = typeof value === 'number' ? value : `${value.constructor.name} ${value}`;
	console.log(`${told}: notepack.io to itself ${shown(notepack.decode(notepack.encode(value)))}, to msgpack5 ${shown(msgpack5.decode(notepack.encode(value)))}; msgpack5 to notepack.io ${shown(notepack.decode(by5(value)))}`);
}
JS
node --version
node try.js | tee seen
diff seen - <<'SEEN'
9007199254740992: notepack.io to itself 9007199254740992, to msgpack5 9007199254740992; msgpack5 to notepack.io 9007199254740992
18446744073709552000: notepack.io to itself 0, to msgpack5 0; msgpack5 to notepack.io 18446744073709551616
100000000000000000000: notepack.io to itself 7766279631452241920, to msgpack5 7766279631452241920; msgpack5 to notepack.io 100000000000000000000
-10000000000000000000: notepack.io to itself 8446744073709551616, to msgpack5 8446744073709551616; msgpack5 to notepack.io -10000000000000000000
1e+300: notepack.io to itself 0, to msgpack5 0; msgpack5 to notepack.io 1e+300
Uint16Array 300: notepack.io to itself [44], to msgpack5 [44]; msgpack5 to notepack.io {"0":300}
Float64Array 1.5: notepack.io to itself [1], to msgpack5 [1]; msgpack5 to notepack.io {"0":1.5}
SEEN
