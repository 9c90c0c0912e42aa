// The pane of one person: who it is, its rooms, the open room.

import { avatar, clock, icon, make, parts, toast, hue } from './look.js';
import { millis } from './person.js';
import { askForRoom, showMembers } from './dialogs.js';

const EMOJI = { ':+1:': '👍', ':heart:': '❤️', ':joy:': '😂', ':tada:': '🎉', ':eyes:': '👀' };
const SYSTEM = {
	uj: (m) => `${m.u.username} joined`,
	ul: (m) => `${m.u.username} left`,
	au: (m) => `${m.u.username} added ${m.msg}`,
	ru: (m) => `${m.u.username} removed ${m.msg}`,
	'room-changed-topic': (m) => `${m.u.username} changed the topic: ${m.msg}`,
};
/** Messages of one author closer than this stand together. */
const TOGETHER = 5 * 60 * 1000;
const WORDS = { connecting: 'Connecting', entering: 'Logging in', anonymous: 'Not logged in', thrown: 'Thrown out', leaving: 'Logging out', in: 'Logged in' };

export class Pane {
	#person;
	#world;
	#view;
	#chat = null;
	#editing = null;
	#drawn = new Map();

	constructor(person, world, { onClose }) {
		this.#person = person;
		this.#world = world;
		const view = (this.#view = parts('#t-pane'));
		view.status.onchange = () => person.setStatus(view.status.value);
		view.logout.onclick = () => person.logout();
		view.throw.onclick = () => world.throwOut(person.user);
		view.close.onclick = onClose;
		person.addEventListener('change', ({ detail }) => this.#draw(detail));
		person.addEventListener('notice', ({ detail }) => toast(detail.text, detail.bad, view.notices));
		this.#draw('state');
	}

	get root() {
		return this.#view.root;
	}

	focus() {
		(this.#chat?.text ?? this.#view.body.querySelector('button'))?.focus();
	}

	#draw(what) {
		const { user, state } = this.#person;
		if (what === 'state') this.#head();
		if (state !== 'in' || !user) return;
		if (!this.#chat) this.#enter();
		if (what === 'presence') this.#head();
		if (what !== 'messages' && what !== 'typing') {
			this.#rooms();
			this.#title();
		}
		if (what === 'room' || what === 'messages') this.#messages();
		if (what === 'room' || what === 'typing') this.#typing();
	}

	#head() {
		const { user, state, why, presence } = this.#person;
		const view = this.#view;
		const name = user?.name ?? 'Nobody yet';
		view.root.style.setProperty('--hue', user ? hue(user.username) : 262);
		view.root.dataset.person = user?.username ?? '';
		view.root.dataset.state = state;
		view.root.setAttribute('aria-label', user ? `${name}'s pane` : 'A free pane');
		avatar(view.avatar, user?.username ?? '?', user?.name ?? '?');
		const status = (user && presence.get(user.id)?.status) || (user ? 'online' : 'offline');
		view.avatar.dataset.status = status;
		view.name.textContent = name;
		view.state.textContent = user ? `@${user.username} · ${user.statusText || user.about || ''}`.replace(/ · $/, '') : WORDS[state] ?? '';
		view.status.value = user?.statusDefault && user.statusDefault !== 'online' ? user.statusDefault : 'online';
		for (const control of [view.status, view.throw, view.logout]) control.hidden = !user;
		view.status.parentElement.hidden = !user;
		if (['anonymous', 'thrown'].includes(state)) this.#choose();
		else if (state !== 'in' && !this.#chat) view.body.replaceChildren(make('p', { class: 'waiting' }, why || `${WORDS[state]}…`));
		view.body.dataset.away = String(state !== 'in' && !!this.#chat);
	}

	#choose() {
		const { state, why } = this.#person;
		this.#chat = null;
		this.#drawn.clear();
		const login = parts('#t-login');
		login.root.dataset.thrown = String(state === 'thrown');
		login.title.textContent = state === 'thrown' ? 'Thrown out' : 'Who is this?';
		login.why.textContent = why || 'Log in as anybody; the same person may have several panes.';
		for (const one of this.#world.people) {
			const face = avatar(make('span', { class: 'avatar' }), one.username, one.name);
			const text = make('span', {}, make('b', {}, one.name), make('small', {}, one.about ?? `@${one.username}`));
			login.people.append(make('li', {}, make('button', { type: 'button', 'data-login': one.username, onclick: () => this.#person.login(one.username) }, face, text)));
		}
		this.#view.body.replaceChildren(login.root);
	}

	#enter() {
		const chat = (this.#chat = parts('#t-chat'));
		const person = this.#person;
		chat.rooms.parentElement.setAttribute('aria-label', `Rooms of ${person.user.name}`);
		chat.new.onclick = () => askForRoom(person, this.#world);
		chat.members.onclick = () => showMembers(person, this.#world);
		chat.leave.onclick = () => person.leave(person.open);
		chat.join.onclick = () => person.join(person.open);
		chat.composer.onsubmit = (event) => {
			event.preventDefault();
			this.#submit();
		};
		chat.text.onkeydown = (event) => this.#key(event);
		chat.text.oninput = () => {
			this.#grow();
			if (!this.#editing) person.typed(chat.text.value !== '');
		};
		chat.text.onblur = () => person.typed(false);
		this.#view.body.replaceChildren(chat.root);
		this.#drawn.clear();
		this.#rooms();
		this.#title();
		this.#messages();
		this.#typing();
	}

	#grow() {
		const { text } = this.#chat;
		text.style.height = 'auto';
		text.style.height = `${Math.min(text.scrollHeight, 140)}px`;
	}

	#key(event) {
		const { text } = this.#chat;
		if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
			event.preventDefault();
			this.#submit();
		} else if (event.key === 'Escape' && this.#editing) {
			this.#edit(null);
		} else if (event.key === 'ArrowUp' && text.value === '') {
			const own = [...(this.#person.messages.get(this.#person.open)?.values() ?? [])].filter((m) => m.u._id === this.#person.user.id && !m.t);
			if (own.length) {
				event.preventDefault();
				this.#edit(own.at(-1));
			}
		}
	}

	#submit() {
		const text = this.#chat.text.value.trim();
		if (this.#editing) {
			const { _id, msg } = this.#editing;
			this.#edit(null);
			if (text && text !== msg) this.#person.edit(_id, text);
		} else if (text) {
			this.#chat.text.value = '';
			this.#grow();
			this.#person.send(text);
		}
	}

	#edit(message) {
		this.#editing = message;
		const { text, editing, composer } = this.#chat;
		text.value = message?.msg ?? '';
		editing.hidden = !message;
		composer.dataset.editing = String(!!message);
		this.#grow();
		text.focus();
	}

	// Parts of the chat

	#rooms() {
		const { subscriptions, rooms, open } = this.#person;
		const rank = { c: 0, p: 0, d: 1 };
		const list = [...subscriptions.values()].sort((a, b) => (rank[a.t] ?? 2) - (rank[b.t] ?? 2) || this.#person.titleOf(a.rid).localeCompare(this.#person.titleOf(b.rid)));
		const items = list.map((sub) => this.#roomItem(sub, rooms.get(sub.rid), open));
		const { rooms: box } = this.#chat;
		const focused = box.contains(document.activeElement) ? document.activeElement.dataset.rid : undefined;
		box.replaceChildren(...items);
		if (focused) box.querySelector(`[data-rid="${CSS.escape(focused)}"]`)?.focus();
	}

	#roomItem(sub, room, open) {
		const title = this.#person.titleOf(sub.rid).replace(/^#/, '');
		const other = sub.t === 'd' && (room?.uids ?? []).find((uid) => uid !== this.#person.user.id);
		const status = other && (this.#person.presence.get(other)?.status ?? 'offline');
		const sign = other ? make('span', { class: 'dot', 'data-status': status, role: 'img', 'aria-label': status }) : icon({ c: 'hash', p: 'lock' }[sub.t] ?? 'at');
		const count = sub.unread ? make('span', { class: 'badge' }, String(sub.unread), make('span', { class: 'sr' }, ' unread')) : null;
		return make('li', {}, make('button', { type: 'button', 'data-rid': sub.rid, 'aria-current': sub.rid === open ? 'true' : undefined, 'data-unread': sub.unread ? 'true' : undefined, onclick: () => this.#person.enterRoom(sub.rid) }, sign, make('span', { class: 'room-name' }, title), count));
	}

	#title() {
		const { open, rooms, subscriptions, user } = this.#person;
		const chat = this.#chat;
		const room = rooms.get(open);
		const inside = subscriptions.has(open);
		chat.room.dataset.open = String(!!open);
		chat.title.textContent = open ? this.#person.titleOf(open) : 'No room';
		const other = room?.t === 'd' && (room.uids ?? []).find((uid) => uid !== user.id);
		const presence = other && this.#person.presence.get(other);
		chat.topic.textContent = presence ? [presence.status, presence.text].filter(Boolean).join(' · ') : room?.topic ?? '';
		chat.members.hidden = !open || !inside;
		chat.leave.hidden = !inside || room?.t === 'd';
		chat.composer.hidden = !inside;
		chat.gate.hidden = inside || !open;
		chat.gateText.textContent = this.#gate(room, user);
		chat.gate.dataset.empty = String(!this.#person.messages.get(open)?.size);
		chat.join.hidden = room?.t !== 'c';
		chat.scroll.setAttribute('aria-label', `Messages in ${chat.title.textContent}`);
		chat.text.placeholder = `Message ${chat.title.textContent}`;
		chat.text.setAttribute('aria-label', `${user.name}'s message to ${chat.title.textContent}`);
	}

	#gate(room, user) {
		if (this.#person.lost.has(this.#person.open)) return `${user.name} is no longer a member. The publication has ended; nothing more is heard from this room.`;
		return room?.t === 'c' ? `${user.name} looks in without being a member.` : `${user.name} is not a member of this room.`;
	}

	#typing() {
		const names = [...(this.#person.typing.get(this.#person.open)?.keys() ?? [])];
		const box = this.#chat.typing;
		box.replaceChildren();
		if (names.length) box.append(make('span', { class: 'dots', 'aria-hidden': 'true' }, make('i'), make('i'), make('i')), `${names.join(' and ')} ${names.length > 1 ? 'are' : 'is'} typing`);
	}

	#messages() {
		const { open, messages, read } = this.#person;
		const { messages: box, scroll } = this.#chat;
		const list = [...(messages.get(open)?.values() ?? [])].sort((a, b) => millis(a.ts) - millis(b.ts));
		const down = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60 || this.#chat.root.dataset.rid !== open;
		this.#chat.root.dataset.rid = open ?? '';
		const until = read.get(open) ?? 0;
		const kept = new Map();
		let before = null;
		let last = null;
		for (const message of list) {
			const together = !!before && !before.t && !message.t && before.u._id === message.u._id && millis(message.ts) - millis(before.ts) < TOGETHER;
			const key = JSON.stringify([message, together, until >= millis(message.ts)]);
			const drawn = this.#drawn.get(message._id);
			const item = drawn?.key === key ? drawn.item : this.#message(message, together, until);
			if (drawn && drawn.item !== item) drawn.item.remove();
			kept.set(message._id, { key, item });
			if (last ? last.nextSibling !== item : box.firstChild !== item) last ? last.after(item) : box.prepend(item);
			last = item;
			before = message;
		}
		while (last ? last.nextSibling : box.firstChild) (last ? last.nextSibling : box.firstChild).remove();
		if (!list.length) box.append(make('li', { class: 'empty' }, messages.has(open) ? 'Nothing here yet.' : ''));
		this.#drawn = kept;
		if (down) scroll.scrollTop = scroll.scrollHeight;
	}

	#message(message, together, until) {
		if (message.t && SYSTEM[message.t]) return make('li', { class: 'system', 'data-id': message._id }, SYSTEM[message.t](message));
		const own = message.u._id === this.#person.user.id;
		const face = avatar(make('span', { class: 'avatar' }), message.u.username, message.u.name);
		const head = make('p', { class: 'by' }, make('b', {}, message.u.name ?? message.u.username), make('time', {}, clock(millis(message.ts))));
		const text = make('p', { class: 'text' }, message.msg ?? '');
		if (message.editedAt) text.append(make('small', {}, ' (edited)'));
		if (own && until >= millis(message.ts)) text.append(make('small', { class: 'seen', title: 'Read by everybody in the room' }, ' ✓', make('span', { class: 'sr' }, ' read by everybody')));
		const item = make('li', { class: together ? 'message together' : 'message', 'data-id': message._id }, face, make('div', { class: 'said' }, together ? make('span', { class: 'sr' }, `${message.u.name ?? message.u.username}: `) : head, text, this.#reactions(message)), this.#tools(message, own));
		item.style.setProperty('--hue', hue(message.u.username));
		return item;
	}

	#reactions(message) {
		const given = Object.entries(message.reactions ?? {});
		if (!given.length) return null;
		const mine = this.#person.user.username;
		return make('p', { class: 'reactions' }, ...given.map(([code, { usernames }]) => make('button', { type: 'button', 'aria-pressed': String(usernames.includes(mine)), title: usernames.join(', '), 'aria-label': `${code.replaceAll(':', '')}: ${usernames.join(', ')}`, onclick: () => this.#person.react(message._id, code) }, EMOJI[code] ?? code, ` ${usernames.length}`)));
	}

	#tools(message, own) {
		const act = (name, label, onclick) => make('button', { type: 'button', class: 'icon', 'aria-label': label, title: label, onclick }, icon(name));
		const quick = Object.entries(EMOJI).slice(0, 4).map(([code, sign]) => make('button', { type: 'button', class: 'icon', 'aria-label': `React with ${code.replaceAll(':', '')}`, onclick: () => this.#person.react(message._id, code) }, sign));
		return make('div', { class: 'acts' }, ...quick, own && act('edit', 'Edit', () => this.#edit(message)), act('delete', 'Delete', () => this.#person.remove(message._id)));
	}
}
