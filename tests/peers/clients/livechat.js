'use strict';
// The livechat widget: anonymous, raw framing, rule argument
// [{token, visitorToken}] (reference/clients.md). Commands: lib/wire.js.
//
//   run   rid? (live-id), token? (guest-token), activity?: ["user-typing"]
//         the subscription to livechat-room without args is refused, the others are not

const { drive } = require('../lib/wire');

function traffic({ rid, token = 'guest-token', name = 'guest-1', activity = ['user-typing'] }) {
	const room = rid === 'GENERAL' ? 'live-id' : rid;
	const visitor = { useCollection: false, args: [{ token, visitorToken: token }] };
	return [
		['method', 'livechat:setUpConnection', [{ token }]],
		['sub', 'stream-livechat-room', [room]],
		['sub', 'stream-livechat-room', [room, visitor]],
		['sub', 'stream-room-messages', [room, visitor]],
		['sub', 'stream-notify-room', [`${room}/user-activity`, visitor]],
		['sub', 'stream-notify-room', [`${room}/deleteMessage`, visitor]],
		['method', 'stream-notify-room', [`${room}/user-activity`, name, activity, { token }]],
	];
}

drive({ sockjs: false, traffic });
