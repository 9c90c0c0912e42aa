'use strict';
// The services a core hosts and what their INFO lists: the actions with what
// they answer, and the event names, which tell a streamer which release the
// core is (reference/mesh.md). The lists of release 6 are those of recorded
// nodes; later releases are written as differences.

const { run } = require('./methods');

const words = (text) => text.trim().split(/\s+/);

/** Listed by the core's `meteor` service and by every streamer. */
const STREAM_EVENTS = words(`
	license.sync license.actions emoji.deleteCustom emoji.updateCustom user.forceLogout notify.ephemeralMessage
	permission.changed room.avatarUpdate user.avatarUpdate user.deleted user.deleteCustomStatus user.nameChanged
	user.roleUpdate user.video-conference room.video-conference presence.status user.updateCustomStatus
	watch.messages notify.messagesRead watch.subscriptions watch.roles watch.inquiries watch.settings watch.rooms
	watch.users watch.integrationHistory watch.livechatDepartmentAgents banner.user banner.new banner.disabled
	banner.enabled voip.events call.callerhangup notify.desktop notify.uiInteraction notify.updateInvites
	notify.webdav notify.e2e.keyRequest notify.deleteMessage notify.deleteMessageBulk notify.deleteCustomSound
	notify.updateCustomSound notify.calendar notify.importedMessages connector.statuschanged omnichannel.room
	watch.priorities apps.added apps.removed apps.updated apps.statusUpdate apps.settingUpdated command.added
	command.disabled command.updated command.removed actions.changed otrMessage otrAckUpdate`);

const RELEASE_8 = {
	added: words(`user.media-signal user.activity video-conference.updated presence.invalidateVisibility abac.config.changed`),
	removed: words(`otrMessage otrAckUpdate voip.events call.callerhangup connector.statuschanged`),
};

function streamEvents(release) {
	if (release < 8) return STREAM_EVENTS;
	return STREAM_EVENTS.filter((e) => !RELEASE_8.removed.includes(e)).concat(RELEASE_8.added);
}

/** Whose status a viewer may not see: a plain array, later an object; "untold" is a set that did not survive the wire. */
function hiddenFrom({ world, release }, uid) {
	const hidden = world.state.visibility.hiddenFrom[uid] ?? [];
	if (release() < 9) return Array.isArray(hidden) ? hidden : [];
	if (hidden === 'everybody') return { hideAll: true };
	return { hideAll: false, hidden: hidden === 'untold' ? {} : hidden };
}

/**
 * name → {since?, optional?, events(release), actions, later?}
 * `since` is the release that brought the service, which is hosted by default from then on.
 * `actions` and `later` (from release 8 on, or when a test asks): name → function(core, ...params).
 */
const SERVICES = {
	'license': {
		events: () => ['license.actions', 'license.sync'],
		actions: {
			hasModule: ({ world }, module) => world.state.license.modules.includes(module),
			hasValidLicense: ({ world }) => world.state.license.valid,
			getModules: ({ world }) => world.state.license.modules,
			getGuestPermissions: () => [],
		},
	},
	'meteor': {
		events: (release) => [...streamEvents(release), 'watch.integrations', 'watch.emailInbox', ...(release >= 9 ? ['stream'] : [])],
		actions: {
			getAutoUpdateClientVersions: ({ world }) => world.state.clientVersions,
			getLoginServiceConfiguration: ({ world }) => world.state.loginServices,
			async callMethodWithToken(core, uid, hashedToken, method, params) {
				const caller = core.world.caller(uid, hashedToken);
				return { result: await run({ ...core, uid: caller?._id }, method, params) };
			},
			notifyGuestStatusChanged: () => undefined,
			getURL: (_, path) => `http://localhost:3000/${path ?? ''}`,
		},
	},
	'sau-monitor': {
		events: () => ['accounts.login', 'accounts.logout', 'socket.disconnected', 'socket.connected'],
		actions: {},
	},
	'device-management': { events: () => ['accounts.login'], actions: {} },
	'video-conference': {
		events: () => [],
		actions: { validateAction: ({ world }) => world.state.videoConference.valid },
	},
	'apps-engine': {
		events: () => words('presence.status apps.added apps.removed apps.updated apps.statusUpdate apps.settingUpdated'),
		actions: { isInitialized: () => true },
	},
	'authorization': {
		events: () => ['watch.roles', 'permission.changed', 'authorization.guestPermissions'],
		actions: {
			hasAllPermission: ({ world }, uid, list) => list.every((p) => world.hasPermission(uid, p)),
			hasPermission: ({ world }, uid, permission) => world.hasPermission(uid, permission),
			hasAtLeastOnePermission: ({ world }, uid, list) => list.some((p) => world.hasPermission(uid, p)),
			canAccessRoom: ({ world }, room, user, extra) => world.canAccessRoom(room, user, extra),
			canAccessRoomId: ({ world }, rid, uid, extra) => world.canAccessRoom({ _id: rid }, world.user(uid), extra),
			getRoles: ({ world }, uid) => world.user(uid)?.roles ?? [],
		},
		later: {
			canReadRoom: ({ world }, room, user, extra) => world.canReadRoom(room, user, extra),
			canAccessConference: ({ world }) => world.state.conferenceAccess,
		},
	},
	'presence': {
		events: () => ['watch.instanceStatus', 'license.module', '$node.disconnected'],
		actions: {
			getConnectionCount: ({ presence }) => presence.getConnectionCount(),
			newConnection: ({ presence }, ...params) => presence.newConnection(...params),
			removeConnection: ({ presence }, ...params) => presence.removeConnection(...params),
			removeLostConnections: ({ presence }, nodeId) => presence.removeLostConnections(nodeId),
			setStatus: ({ presence }, ...params) => presence.setStatus(...params),
			setConnectionStatus: ({ presence }, ...params) => presence.setConnectionStatus(...params),
		},
		later: { updateConnection: ({ presence }, ...params) => presence.updateConnection(...params) },
		heard: { '$node.disconnected': ({ presence }, { node }) => presence.removeLostConnections(node.id) },
	},
	'accounts': {
		events: () => ['watch.settings'],
		actions: {
			login: ({ world }, credentials) => world.login(credentials ?? {}),
			logout: ({ world }, { userId, token }) => world.logout(userId, token),
		},
	},

	// Hosted only when a test asks for them by name, or by later releases.
	'ee-settings': {
		optional: true,
		events: () => [],
		actions: { changeSettingValue: ({ world }, setting) => world.state.settingValues[setting._id] ?? setting.value },
	},
	'status-visibility': {
		since: 8.8,
		events: () => [],
		actions: {
			getHiddenFrom: hiddenFrom,
			getRestrictedUsers: ({ world }) => world.state.visibility.restricted,
			refresh: ({ world, presence }, targets) => (targets ?? world.uids()).map((uid) => presence.shown(uid)).filter(Boolean),
		},
	},
	'settings': {
		optional: true,
		events: () => [],
		actions: { get: ({ world }, id) => world.setting(id) },
	},
	'media-call': {
		optional: true,
		events: () => [],
		actions: { processSerializedSignal: () => undefined },
	},
	// A second streamer, to hear what streamers tell one another.
	'streamer': {
		optional: true,
		events: (release) => [...streamEvents(release), 'stream', 'watch.loginServiceConfiguration', 'meteor.clientVersionUpdated'],
		actions: {},
	},
};

/** What a core of a release hosts by default. */
function usual(release) {
	return Object.keys(SERVICES).filter((name) => !SERVICES[name].optional && release >= (SERVICES[name].since ?? 0));
}

/**
 * What a Moleculer node registers for a service. `changes` are the test's
 * additions and removals: {events: {add, remove}, actions: {add, remove}}.
 */
function describe(name, release, changes = {}) {
	const { events, actions, later = {}, heard = {} } = SERVICES[name];
	const edit = (list, { add = [], remove = [] } = {}) => [...new Set([...list, ...add])].filter((item) => !remove.includes(item));
	return {
		events: edit(events(release), changes.events),
		actions: edit([...Object.keys(actions), ...(release >= 8 ? Object.keys(later) : [])], changes.actions),
		does: { ...actions, ...later },
		heard,
	};
}

module.exports = { SERVICES, usual, describe };
