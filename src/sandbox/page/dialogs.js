// Rooms, members, broadcasts: what is asked for in a dialog.

import { $, avatar, icon, make, toast } from './look.js';

function fill(list, items, none) {
	list.replaceChildren(...(items.length ? items : [make('li', { class: 'empty' }, none)]));
}

function entry(sign, title, note, ...actions) {
	return make('li', {}, sign, make('span', {}, make('b', {}, title), note && make('small', {}, note)), ...actions);
}

const face = (user) => avatar(make('span', { class: 'avatar' }), user.username, user.name);
const action = (text, onclick) => make('button', { type: 'button', onclick }, text);

export async function askForRoom(person, world) {
	const dialog = $('#d-room');
	const form = $('form', dialog);
	const others = world.people.filter((p) => p.id !== person.user.id);
	const then = (work) => async () => {
		dialog.close();
		await work();
	};
	form.reset();
	$('[data-members]', dialog).replaceChildren(...others.map((p) => make('label', { class: 'check' }, make('input', { type: 'checkbox', name: 'member', value: p.username }), ` ${p.name}`)));
	fill($('[data-direct]', dialog), others.map((p) => entry(face(p), p.name, p.about, action('Write', then(() => person.direct(p.username))))), 'Nobody else is here.');
	fill($('[data-channels]', dialog), [], 'Looking…');
	dialog.onclose = () => {
		if (dialog.returnValue !== 'create') return;
		const data = new FormData(form);
		person.create(String(data.get('name')).trim(), data.has('private'), data.getAll('member'));
	};
	dialog.returnValue = '';
	dialog.showModal();
	const channels = (await person.channels()).filter((room) => !person.subscriptions.has(room._id));
	for (const room of channels) if (!person.rooms.has(room._id)) person.rooms.set(room._id, room);
	fill($('[data-channels]', dialog), channels.map((room) => entry(icon('hash'), room.name, room.topic, action('Look', then(() => person.enterRoom(room._id))), action('Join', then(() => person.join(room._id))))), 'All of them are joined.');
}

export async function showMembers(person, world) {
	const dialog = $('#d-members');
	const rid = person.open;
	const draw = async () => {
		const members = await person.members(rid);
		const inside = new Set(members.map((m) => m._id));
		const status = (id) => person.presence.get(id)?.status ?? 'offline';
		const dot = (id) => make('span', { class: 'dot', 'data-status': status(id), role: 'img', 'aria-label': status(id) });
		const again = (work) => async () => {
			await work();
			if (dialog.open) await draw();
		};
		fill($('[data-list]', dialog), members.map((m) => entry(face(m), m._id === person.user.id ? `${m.name} (this pane)` : m.name, status(m._id), dot(m._id), m._id !== person.user.id && action('Remove', again(() => person.throwFromRoom(rid, m.username))))), 'Nobody.');
		fill($('[data-others]', dialog), world.people.filter((p) => !inside.has(p.id)).map((p) => entry(face(p), p.name, p.about, action('Add', again(() => person.add(rid, p.username))))), 'Everybody is here.');
	};
	$('h2', dialog).textContent = `Members of ${person.titleOf(rid)}`;
	dialog.onclose = null;
	dialog.showModal();
	await draw();
}

/** Events to begin with, for the list of the dialog. */
const EXAMPLES = {
	'notify.desktop': (p) => [p.id, { title: 'Good news', text: 'The kettle is on', duration: 0, payload: { _id: 'x', rid: 'GENERAL', sender: { _id: p.id, username: p.username }, type: 'c', name: 'general' } }],
	'user.forceLogout': (p) => [p.id],
	'notify.ephemeralMessage': (p) => [p.id, 'GENERAL', { msg: 'only *you* see this' }],
	'user.nameChanged': (p) => [{ _id: p.id, name: p.name, username: p.username }],
	'banner.user': (p) => [p.id, { _id: 'banner-1', priority: 1, title: 'A banner', text: 'for one person' }],
	'emoji.updateCustom': () => [{ _id: 'e1', name: 'parrot', aliases: [], extension: 'gif' }],
	'watch.settings': () => [{ clientAction: 'updated', setting: { _id: 'Site_Name', value: 'Sandbox', type: 'string', public: true, hidden: false } }],
	'permission.changed': () => [{ clientAction: 'updated', data: { _id: 'view-logs', roles: ['admin'] } }],
};

export function askForBroadcast(world) {
	const dialog = $('#d-inject');
	const form = $('form', dialog);
	const { event, args } = form.elements;
	const wrong = $('[data-wrong]', dialog);
	const person = world.people[0];
	$('#events').replaceChildren(...world.events.map((name) => make('option', { value: name })));
	event.oninput = () => {
		const example = EXAMPLES[event.value]?.(person);
		if (example) args.value = JSON.stringify(example, null, 2);
	};
	form.onsubmit = (submit) => {
		wrong.textContent = '';
		if (submit.submitter?.value !== 'send') return;
		submit.preventDefault();
		let list;
		try {
			list = JSON.parse(args.value);
			if (!Array.isArray(list)) throw new Error('The arguments must be an array');
		} catch (error) {
			wrong.textContent = error.message;
			return;
		}
		world.inject(event.value.trim(), list).then(
			() => {
				dialog.close();
				toast(`${event.value} was broadcast.`);
			},
			(error) => {
				wrong.textContent = error.message;
			},
		);
	};
	dialog.onclose = null;
	wrong.textContent = '';
	dialog.showModal();
}
