'use strict';
// A bot on @rocket.chat/sdk 0.2.9, which cannot be installed any more: login
// by password digest, all messages through `__my_messages__`, methods for
// everything else (reference/clients.md). Commands: lib/wire.js.
//
//   login   user, password  (or token: resume)
//   run     room? (general), text?: posts it

const { drive } = require('../lib/wire');

function traffic({ room = 'general', rid, text = 'hello from a bot' }) {
	return [
		['sub', 'stream-room-messages', ['__my_messages__', true]],
		['method', 'getRoomIdByNameOrId', [room]],
		['method', 'joinRoom', [rid]],
		['method', 'sendMessage', [{ rid, msg: text, bot: { i: 'js.SDK' } }]],
	];
}

drive({ sockjs: false, traffic });
