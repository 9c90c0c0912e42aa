#!/usr/bin/env bash
# `once` for one event ends a lasting subscription to another, and lasts itself.
#
# @rocket.chat/emitter 0.33.0 (under Rocket.Chat's DDP client) notes `once` with the handler alone, not with the event. When one
# function listens to `changed` for good and to `ready` once, the first `changed` is taken for the one that was waited for: the
# function hears no further `changed`, and every `ready` from then on. Node.js' own EventEmitter keeps the two apart.
#
# Seen with Node.js 20:
#   Node.js': changed 1, changed 2, ready 1
#   @rocket.chat/emitter: changed 1, ready 1, ready 2
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts @rocket.chat/emitter@0.33.0 >&2
cat >try.js <<'JS'
const { EventEmitter } = require('events');
const { Emitter } = require('@rocket.chat/emitter');
for (const [whose, emitter] of [["Node.js'", new EventEmitter()], ['@rocket.chat/emitter', new Emitter()]]) {
	const heard = [];
	const refresh = (what) => heard.push(what);
	emitter.on('changed', refresh);
	emitter.once('ready', refresh);
	for (const what of ['changed 1', 'changed 2', 'ready 1', 'ready 2']) emitter.emit(what.split(' ')[0], what);
	console.log(`${whose}: ${heard.join(', ')}`);
}
JS
node --version
node try.js | tee seen
diff seen - <<'SEEN'
Node.js': changed 1, changed 2, ready 1
@rocket.chat/emitter: changed 1, ready 1, ready 2
SEEN
