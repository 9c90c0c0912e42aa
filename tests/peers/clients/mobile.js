'use strict';
// React Native: raw framing, rule argument [false] (reference/clients.md;
// the names of the six and six are those of @rocket.chat/sdk, which it
// uses). Commands: lib/wire.js.
//
//   run   rid? (GENERAL), old?: true (an old build: subscribes to and writes <rid>/typing)

const { drive } = require('../lib/wire');

const usual = { useCollection: false, args: [false] };
const stream = (name, keys) => keys.map((key) => ['sub', `stream-${name}`, [key, usual]]);

function traffic({ uid, rid, old = false, username = 'alice' }) {
	return [
		...stream('notify-all', ['roles-change', 'updateEmojiCustom', 'deleteEmojiCustom', 'updateAvatar', 'public-settings-changed', 'permissions-changed']),
		...stream('notify-logged', ['Users:NameChanged', 'Users:Deleted', 'updateAvatar', 'updateEmojiCustom', 'deleteEmojiCustom', 'roles-change']),
		...stream('notify-user', [
			'message', 'otr', 'webrtc', 'notification', 'rooms-changed', 'subscriptions-changed', 'uiInteraction', 'e2ekeyRequest',
			'userData', 'video-conference', 'media-signal', 'media-calls',
		].map((what) => `${uid}/${what}`)),
		...stream('room-messages', [rid]),
		...stream('notify-room', [`${rid}/${old ? 'typing' : 'user-activity'}`, `${rid}/deleteMessage`]),
		old
			? ['method', 'stream-notify-room', [`${rid}/typing`, username, true]]
			: ['method', 'stream-notify-room', [`${rid}/user-activity`, username, ['user-typing'], {}]],
		['method', 'UserPresence:online', []],
	];
}

drive({ sockjs: false, traffic });
