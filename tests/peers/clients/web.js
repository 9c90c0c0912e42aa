'use strict';
// The web client, 6.x and later: SockJS framing, 37 publications of a user
// with one room open (reference/clients.md). Commands: lib/wire.js.
//
//   run   rid? (GENERAL), part? "anonymous" (what it sends before login), "all" (default),
//         presence?: [uids], userStatus?: true (adds notify-logged user-status)

const { drive } = require('../lib/wire');

const usual = { useCollection: false, args: [] };
const stream = (name, keys) => keys.map((key) => ['sub', `stream-${name}`, [key, usual]]);

function traffic({ uid, rid, part = 'all', presence = [], userStatus = false }) {
	const anonymous = [
		['sub', 'meteor.loginServiceConfiguration', []],
		['sub', 'meteor_autoupdate_clientVersions', []],
		...stream('notify-all', ['public-settings-changed', 'updateCustomSound', 'deleteCustomSound', 'license']),
	];
	if (part === 'anonymous') return anonymous;
	return [
		...anonymous,
		...stream('notify-logged', [
			'Users:Deleted', 'Users:NameChanged', 'updateAvatar', 'updateEmojiCustom', 'deleteEmojiCustom', 'roles-change',
			'permissions-changed', 'updateCustomUserStatus', 'deleteCustomUserStatus', 'banner-changed', 'voip.statuschanged',
			...(userStatus ? ['user-status'] : []),
		]),
		...stream('notify-user', [
			'userData', 'subscriptions-changed', 'rooms-changed', 'message', 'notification', 'force_logout', 'uiInteraction',
			'video-conference', 'webdav', 'calendar', 'banners',
		].map((what) => `${uid}/${what}`)),
		...stream('roles', ['roles']),
		...stream('apps', ['apps']),
		...stream('room-messages', [rid]),
		...stream('notify-room', ['user-activity', 'deleteMessage', 'deleteMessageBulk', 'messagesImported', 'messagesRead'].map((what) => `${rid}/${what}`)),
		['sub', 'stream-user-presence', ['', { added: presence }]],
	];
}

drive({ sockjs: true, traffic });
