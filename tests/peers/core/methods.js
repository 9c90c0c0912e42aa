'use strict';
// The Meteor methods of the core. A test adds its own with the command `set`
// (state.methods): name → {result} or {error: …} as in `behave`, or {hang: true}.

const crypto = require('crypto');
const { MeteorError, fromCommand } = require('./errors');

const notAllowed = (method) => new MeteorError('error-not-allowed', 'Not allowed', { method });

/** What the test's own answers and the built-in ones share: (context, …params). */
const methods = {
	'echo': (_, ...params) => params,
	'whoami': ({ uid }) => ({ uid: uid ?? null }),
	'peer.true': () => true,
	'peer.false': () => false,
	'peer.null': () => null,
	'peer.zero': () => 0,
	'peer.empty': () => '',
	'peer.undefined': () => undefined,
	'peer.date': () => new Date(0),
	'peer.binary': () => new Uint8Array([1, 2, 3]),
	'peer.big': (_, bytes) => 'x'.repeat(bytes),
	'peer.never': () => new Promise(() => {}),
	'peer.meteorError': () => {
		throw notAllowed('peer.meteorError');
	},
	'peer.error': () => {
		throw new Error('plain boom');
	},

	'sendMessage'({ world, uid, broadcast }, { _id, rid, msg, ...rest }) {
		const user = world.user(uid);
		if (!user || !world.canAccessRoom({ _id: rid }, user)) throw notAllowed('sendMessage');
		const now = new Date();
		const message = {
			_id: _id ?? crypto.randomBytes(9).toString('base64url'),
			rid,
			msg,
			...rest,
			ts: now,
			u: { _id: user._id, username: user.username, name: user.name },
			_updatedAt: now,
			urls: [],
			mentions: [],
			channels: [],
			md: [{ type: 'PARAGRAPH', value: [{ type: 'PLAIN_TEXT', value: msg }] }],
		};
		if (!world.messages.has(rid)) world.messages.set(rid, []);
		world.messages.get(rid).push(message);
		broadcast('watch.messages', [{ message }]);
		return message;
	},

	'loadHistory'({ world, uid }, rid) {
		if (!world.canAccessRoom({ _id: rid }, world.user(uid))) return false;
		return { messages: [...(world.messages.get(rid) ?? [])].reverse(), firstUnread: null, unreadNotLoaded: 0 };
	},

	'getRoomIdByNameOrId'({ world, uid }, nameOrId) {
		const rooms = [...world.collection('rocketchat_room').values()];
		const room = rooms.find((r) => r._id === nameOrId || r.name === nameOrId);
		if (!room || !world.canAccessRoom(room, world.user(uid))) throw notAllowed('getRoomIdByNameOrId');
		return room._id;
	},

	'getRoomNameById'({ world, uid }, rid) {
		const room = world.collection('rocketchat_room').get(rid);
		if (!room || !world.canAccessRoom(room, world.user(uid))) throw notAllowed('getRoomNameById');
		return room.name;
	},

	'joinRoom'({ world, uid, broadcast }, rid) {
		const room = world.collection('rocketchat_room').get(rid);
		const user = world.user(uid);
		if (!room || !user || room.t !== 'c') throw notAllowed('joinRoom');
		if (world.subscription(rid, uid)) return true;
		const { _id, username, name } = user;
		const subscription = { _id: `${rid}:${username}`, rid, t: room.t, name: room.name, u: { _id, username, name }, open: true, unread: 0, ts: new Date(), _updatedAt: new Date() };
		world.put('rocketchat_subscription', [subscription]);
		broadcast('watch.subscriptions', [{ clientAction: 'inserted', subscription }]);
		return true;
	},

	'leaveRoom'({ world, uid, broadcast }, rid) {
		const subscription = world.subscription(rid, uid);
		if (!subscription) throw new MeteorError('error-user-not-in-room', 'You are not in this room', { method: 'leaveRoom' });
		world.remove('rocketchat_subscription', [subscription._id]);
		broadcast('watch.subscriptions', [{ clientAction: 'removed', subscription: { _id: subscription._id, rid, u: subscription.u } }]);
		return undefined;
	},

	'createDirectMessage'({ world, uid }, username) {
		const rooms = [...world.collection('rocketchat_room').values()];
		const room = rooms.find((r) => r.t === 'd' && r.uids.includes(uid) && r.usernames.includes(username));
		if (!room) throw notAllowed('createDirectMessage');
		return { rid: room._id, t: 'd', usernames: room.usernames };
	},

	'rooms/get'({ world, uid }) {
		const update = [...world.collection('rocketchat_room').values()].filter((r) => world.subscription(r._id, uid));
		return { update, remove: [] };
	},

	'subscriptions/get'({ world, uid }) {
		const update = [...world.collection('rocketchat_subscription').values()].filter((s) => s.u._id === uid);
		return { update, remove: [] };
	},
};

async function run(context, method, params) {
	const added = context.world.state.methods;
	const own = Object.hasOwn(added, method) ? added[method] : undefined;
	if (own?.hang) return new Promise(() => {});
	if (own?.error) throw fromCommand(own.error);
	if (own) return own.result;
	if (!Object.hasOwn(methods, method)) throw new MeteorError(404, `Method '${method}' not found`);
	return methods[method](context, ...(params ?? []));
}

module.exports = { run };
