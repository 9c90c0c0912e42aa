#!/usr/bin/env bash
# One message is parsed to different times on different machines, and a time of the day to 1970.
#
# @rocket.chat/message-parser 0.32.0 turns <t:…> into seconds since 1970 while it parses, on whichever machine parses first: a time
# without an offset is taken in that process's own zone, so a server in Tokyo and one in New York store `md` 13 hours apart for the same
# text. A time of the day without an offset is accepted and becomes 0. UTC's own `Z` is not an offset to it: such a message stays text.
#
# Seen with Node.js 20:
#   America/New_York <t:2025-07-01T12:00:00:f>: 2025-07-01T16:00:00.000Z
#   America/New_York <t:2025-07-01T12:00:00+00:00:f>: 2025-07-01T12:00:00.000Z
#   America/New_York <t:2025-07-01T12:00:00Z:f>: plain text
#   America/New_York <t:10:30:00:f>: 1970-01-01T00:00:00.000Z
#   UTC <t:2025-07-01T12:00:00:f>: 2025-07-01T12:00:00.000Z
#   UTC <t:2025-07-01T12:00:00+00:00:f>: 2025-07-01T12:00:00.000Z
#   UTC <t:2025-07-01T12:00:00Z:f>: plain text
#   UTC <t:10:30:00:f>: 1970-01-01T00:00:00.000Z
#   Asia/Tokyo <t:2025-07-01T12:00:00:f>: 2025-07-01T03:00:00.000Z
#   Asia/Tokyo <t:2025-07-01T12:00:00+00:00:f>: 2025-07-01T12:00:00.000Z
#   Asia/Tokyo <t:2025-07-01T12:00:00Z:f>: plain text
#   Asia/Tokyo <t:10:30:00:f>: 1970-01-01T00:00:00.000Z
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts @rocket.chat/message-parser@0.32.0 >&2
cat >try.js <<'JS'
const { parse } = require('@rocket.chat/message-parser');
for (const time of ['2025-07-01T12:00:00', '2025-07-01T12:00:00+00:00', '2025-07-01T12:00:00Z', '10:30:00']) {
	const [{ type, value }] = parse(`<t:${time}:f>`, {})[0].value;
	const at = type === 'TIMESTAMP' ? new Date(Number(value.timestamp) * 1000).toISOString() : 'plain text';
	console.log(`${process.env.TZ} <t:${time}:f>: ${at}`);
}
JS
node --version
for TZ in America/New_York UTC Asia/Tokyo; do TZ=$TZ node try.js; done | tee seen
diff seen - <<'SEEN'
America/New_York <t:2025-07-01T12:00:00:f>: 2025-07-01T16:00:00.000Z
America/New_York <t:2025-07-01T12:00:00+00:00:f>: 2025-07-01T12:00:00.000Z
America/New_York <t:2025-07-01T12:00:00Z:f>: plain text
America/New_York <t:10:30:00:f>: 1970-01-01T00:00:00.000Z
UTC <t:2025-07-01T12:00:00:f>: 2025-07-01T12:00:00.000Z
UTC <t:2025-07-01T12:00:00+00:00:f>: 2025-07-01T12:00:00.000Z
UTC <t:2025-07-01T12:00:00Z:f>: plain text
UTC <t:10:30:00:f>: 1970-01-01T00:00:00.000Z
Asia/Tokyo <t:2025-07-01T12:00:00:f>: 2025-07-01T03:00:00.000Z
Asia/Tokyo <t:2025-07-01T12:00:00+00:00:f>: 2025-07-01T12:00:00.000Z
Asia/Tokyo <t:2025-07-01T12:00:00Z:f>: plain text
Asia/Tokyo <t:10:30:00:f>: 1970-01-01T00:00:00.000Z
SEEN
