'use strict';
// The workspace that the core pretends to have: the documents of seed.json,
// which a test puts into the streamer's database as well, and what else its
// services answer from.
//
// Users, by convention: <name>-id logs in with the token <name>-token or the
// password <name>-password. Besides them any number N exists: `token-<N>` is
// user `uid<N>`, `user<N>`, role user, member of nothing (GENERAL is public).

const fs = require('fs');
const path = require('path');
const crypto = require('crypto');
const EJSON = require('ejson');

const SEED = path.join(__dirname, '..', 'seed.json');
const hashLoginToken = (token) => crypto.createHash('sha256').update(token).digest('base64');

/** RFC 7396: objects merge, null deletes, everything else replaces. */
function merge(target, patch) {
	const plain = (v) => v && typeof v === 'object' && Object.getPrototypeOf(v) === Object.prototype;
	if (!plain(patch)) return patch;
	const out = plain(target) ? { ...target } : {};
	for (const [key, value] of Object.entries(patch)) {
		if (value === null) delete out[key];
		else out[key] = merge(out[key], value);
	}
	return out;
}

class World {
	constructor(seed = SEED) {
		const documents = EJSON.parse(fs.readFileSync(seed, 'utf8'));
		this.collections = new Map(
			Object.entries(documents).map(([name, docs]) => [name, new Map(docs.map((doc) => [doc._id, doc]))]),
		);
		this.messages = new Map();
		this.state = {
			license: { valid: true, modules: ['scalability', 'unlimited-presence'] },
			clientVersions: {
				'web.browser': { _id: 'web.browser', version: 'v1', versionRefreshable: 'v1', versionNonRefreshable: 'v1', versionReplaceable: 'v1', versionHmr: 0 },
				'web.browser.legacy': { _id: 'web.browser.legacy', version: 'v1', versionRefreshable: 'v1', versionNonRefreshable: 'v1', versionReplaceable: 'v1', versionHmr: 0 },
			},
			loginServices: [
				{ _id: 'github-id', service: 'github', clientId: 'github-client', secret: 'never-to-be-sent', buttonLabelText: 'GitHub', loginStyle: 'popup' },
				{ _id: 'saml-id', service: 'saml', buttonLabelText: 'SAML', clientConfig: { provider: 'test' } },
			],
			methods: {},
			visibility: { hiddenFrom: {}, restricted: [] },
			videoConference: { valid: true },
			conferenceAccess: true,
			numberedUsers: true,
			settingValues: {},
		};
	}

	collection(name) {
		if (!this.collections.has(name)) this.collections.set(name, new Map());
		return this.collections.get(name);
	}

	put(name, docs) {
		for (const doc of docs) this.collection(name).set(doc._id, doc);
	}

	remove(name, ids) {
		for (const id of ids) this.collection(name).delete(id);
	}

	set(patch) {
		this.state = merge(this.state, patch);
	}

	// Users and their tokens

	user(uid) {
		const user = this.collection('users').get(uid);
		if (user || !this.state.numberedUsers) return user;
		const number = /^uid(\d+)$/.exec(uid ?? '')?.[1];
		return number && { _id: uid, username: `user${number}`, name: `User ${number}`, roles: ['user'], statusText: '', statusDefault: 'online' };
	}

	/** All users but the numbered ones. */
	uids() {
		return [...this.collection('users').keys()];
	}

	userByToken(hashedToken) {
		for (const user of this.collection('users').values()) {
			if (user.services?.resume?.loginTokens?.some((t) => t.hashedToken === hashedToken)) return user;
		}
		return undefined;
	}

	/** Answers `false` as the account service does when it knows nobody. */
	login({ resume, user: who, password }) {
		const tokenExpires = new Date(Date.now() + 90 * 24 * 3600 * 1000);
		if (typeof resume === 'string') {
			const hashedToken = hashLoginToken(resume);
			const number = /^token-(\d+)$/.exec(resume)?.[1];
			const user = this.userByToken(hashedToken) ?? (number && this.user(`uid${number}`));
			return user ? { uid: user._id, token: resume, hashedToken, type: 'resume', tokenExpires } : false;
		}
		const user = [...this.collection('users').values()].find(
			(u) => u.username === who?.username || (who?.email && u.emails?.some((e) => e.address === who.email)),
		);
		const clear = user?.services?.password?.bcrypt?.replace(/^clear:/, '');
		const digest = clear && crypto.createHash('sha256').update(clear).digest('hex');
		if (!clear || (password !== clear && password?.digest !== digest)) return false;
		const token = crypto.randomBytes(32).toString('base64url');
		const hashedToken = hashLoginToken(token);
		user.services.resume ??= { loginTokens: [] };
		user.services.resume.loginTokens.push({ when: new Date(), hashedToken });
		return { uid: user._id, token, hashedToken, type: 'password', tokenExpires };
	}

	logout(uid, hashedToken) {
		const resume = this.user(uid)?.services?.resume;
		if (resume) resume.loginTokens = resume.loginTokens.filter((t) => t.hashedToken !== hashedToken);
	}

	/** Who a forwarded method runs as: nobody when the token is not that user's. */
	caller(uid, hashedToken) {
		const user = this.user(uid);
		if (!user) return undefined;
		if (!user.services) return hashedToken ? user : undefined;
		return user.services.resume?.loginTokens.some((t) => t.hashedToken === hashedToken) ? user : undefined;
	}

	// Rooms and rights

	setting(id) {
		return this.collection('rocketchat_settings').get(id)?.value;
	}

	hasPermission(uid, permission) {
		const roles = this.user(uid)?.roles ?? [];
		const allowed = this.collection('rocketchat_permissions').get(permission)?.roles ?? [];
		return roles.some((role) => allowed.includes(role));
	}

	subscription(rid, uid) {
		return [...this.collection('rocketchat_subscription').values()].find((s) => s.rid === rid && s.u?._id === uid);
	}

	canAccessRoom(room, user, extra) {
		const known = this.collection('rocketchat_room').get(room?._id) ?? room;
		const uid = user?._id;
		const token = extra?.token ?? extra?.visitorToken;
		switch (known?.t) {
			case 'c':
				return uid ? this.hasPermission(uid, 'view-c-room') || !!this.subscription(known._id, uid) : !!this.setting('Accounts_AllowAnonymousRead');
			case 'l':
				return (!!token && known.v?.token === token) || (!!uid && (known.servedBy?._id === uid || this.hasPermission(uid, 'view-l-room')));
			case 'p':
			case 'd':
				return !!uid && !!this.subscription(known._id, uid);
			default:
				return false;
		}
	}

	canReadRoom(room, user, extra) {
		if (!this.canAccessRoom(room, user, extra)) return false;
		if (room?.t !== 'c' || !user?._id) return true;
		return !!this.subscription(room._id, user._id) || this.hasPermission(user._id, 'preview-c-room');
	}
}

module.exports = { World, hashLoginToken };
