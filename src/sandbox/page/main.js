// Joins the parts: the panes, the frames, the map, and what the sandbox itself offers over HTTP.

import { $, toast } from './look.js';
import { Person } from './person.js';
import { Pane } from './pane.js';
import { Wire } from './wire.js';
import { EventMap } from './map.js';
import { Trace } from './trace.js';
import { askForBroadcast } from './dialogs.js';

/** More panes than this do not fit, and browsers open no endless number of sockets to one host. */
const MOST_PANES = 6;
const QUIET = new Set(['login', 'readMessages']);

async function ask(path, body) {
	const answer = await fetch(path, body === undefined ? { cache: 'no-store' } : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
	const data = await answer.json().catch(() => ({}));
	if (!answer.ok) throw new Error(data.error ?? `The sandbox answered ${answer.status}`);
	return data;
}

const config = await ask('config.json').catch(() => null);
if (!config) {
	$('#banner').hidden = false;
	$('#banner').textContent = 'The sandbox does not answer. Is it still running? Reload when it is.';
	throw new Error('no config.json');
}

/** Under the page's own host name when the service is on this machine: the page may have been opened over another. */
function serviceUrl(service) {
	const url = new URL(service);
	if (/^(localhost|127\..*|\[::1?\])$/.test(url.hostname)) url.hostname = location.hostname;
	return url.href;
}

const world = {
	url: serviceUrl(config.service),
	people: config.people,
	events: config.events,
	tokenFor: async (username) => (await ask('token', { username })).token,
	statuses: async () => (await ask('people.json')).people,
	inject: (event, args) => ask('inject', { event, args }),
	throwOut: (user) => world.inject('user.forceLogout', [user.id]).catch((error) => toast(error.message, true)),
};

const wire = new Wire();
const map = new EventMap(config.transport);
const trace = new Trace();
const panes = [];
let next = 1;

/** Who is where, for a reload: also for the one that follows another start of the sandbox, whose tokens are others. */
function remember() {
	const names = panes.map(({ name }) => name ?? '');
	history.replaceState(null, '', `#${names.join(',')}`);
}

function refresh() {
	map.people(panes);
	wire.people(panes);
	const sessions = panes.filter(({ person }) => person.ddp.connected).length;
	$('#where').textContent = `${world.url} · as Rocket.Chat ${config.release}.x · ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`;
	$('#add-person').disabled = panes.length >= MOST_PANES;
	$('#panes').dataset.count = String(panes.length);
}

function addPane(username) {
	const person = new Person(world);
	const entry = { pane: next++, person, name: username };
	entry.view = new Pane(person, world, { onClose: () => closePane(entry) });
	panes.push(entry);
	person.ddp.addEventListener('frame', ({ detail }) => {
		wire.add(person, detail);
		if (detail.way === 'in') trace.frame(person, detail);
		else if (detail.message.msg === 'method' && !QUIET.has(detail.message.method)) map.called(entry.pane);
	});
	person.addEventListener('change', ({ detail }) => {
		if (detail !== 'state') return;
		if (person.user) person.lastName = person.user.name;
		refresh();
		if (person.state === 'in') entry.name = person.user.username;
		else if (person.state === 'leaving' || person.state === 'thrown') entry.name = undefined;
		remember();
	});
	$('#panes').append(entry.view.root);
	if (username) person.ddp.addEventListener('open', () => person.login(username), { once: true });
	refresh();
	return entry;
}

function closePane(entry) {
	entry.person.stop();
	entry.view.root.remove();
	panes.splice(panes.indexOf(entry), 1);
	refresh();
	remember();
	$('#add-person').focus();
}

$('#add-person').onclick = () => {
	const entry = addPane();
	entry.view.root.scrollIntoView({ block: 'nearest', inline: 'nearest' });
	entry.person.addEventListener('change', () => entry.view.focus(), { once: true });
};
$('#inject').onclick = () => askForBroadcast(world);

for (const [button, panel] of [['#show-map', '#map'], ['#show-wire', '#wire']]) {
	const narrow = panel === '#wire' && matchMedia('(max-width: 1100px)').matches;
	const show = (on) => {
		$(panel).hidden = !on;
		$(button).setAttribute('aria-pressed', String(on));
	};
	show(!narrow);
	$(button).onclick = () => show($(panel).hidden);
}

const THEMES = ['system', 'light', 'dark'];
function theme(name) {
	document.documentElement.dataset.theme = name;
	$('#theme').setAttribute('aria-label', `Colours: ${name === 'system' ? 'as the system' : name}`);
	$('#theme').title = $('#theme').getAttribute('aria-label');
	localStorage.setItem('theme', name);
}
theme(THEMES.includes(localStorage.getItem('theme')) ? localStorage.getItem('theme') : 'system');
$('#theme').onclick = () => theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);

const banner = (text) => {
	$('#banner').hidden = !text;
	$('#banner').textContent = text;
};
trace.addEventListener('way', ({ detail }) => map.way(detail));
trace.addEventListener('arrived', ({ detail }) => map.arrived(detail.way, detail.arrival));
trace.addEventListener('compared', () => ($('#clock').textContent = `good to ± ${trace.error.toFixed(2)} ms`));
trace.addEventListener('lost', () => banner('The sandbox does not answer. This page goes on when it is back.'));
trace.addEventListener('found', () => banner(''));
// Another run of the sandbox: other ports, other tokens, an empty history. Begin anew with the same people.
trace.addEventListener('restarted', () => location.reload());
trace.start();

const asked = decodeURIComponent(location.hash.slice(1)).split(',').filter((name) => world.people.some((p) => p.username === name));
for (const name of (asked.length ? asked : config.first).slice(0, MOST_PANES)) addPane(name);
