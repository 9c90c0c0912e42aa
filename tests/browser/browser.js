'use strict';
// A real Chromium with the sandbox's page, driven line by line (tests/peers/lib/control.js).
//
//   open {url, width?, height?, dark?}   a new page, in place of an earlier one
//   pane {who}                           waits until that person is logged in and in a room
//   again {who, without}                 waits until that person is in again, in a history without that text
//   login {who}                          in the pane where nobody is
//   add                                  another pane
//   enter {who, room}                    a room by its name in the list
//   say {who, text} / type {who, text}   written and sent / only typed
//   sees {who, text}                     waits for a message with that text; answers its texts
//   typing {who}                         waits for the line that tells who types
//   remove {who, whom}                   who removes whom from the open room
//   click {selector} / text {selector}   anything else
//   gone {who}                           waits until that person's pane says it was thrown out
//   frames {text}                        filters the list of frames; answers what is shown
//   ways                                 waits for a way that reached a pane; answers the list
//   traces {event}                       waits for a way of such an event that has a trace; answers the ids, the newest first
//   complaints                           errors and warnings of the console so far
//   screenshot {path}

const path = require('path');
const { control, options } = require('../peers/lib/control');

const from = [__dirname, path.join(__dirname, '..', 'peers')];
const { chromium } = require(require.resolve('playwright-core', { paths: from }));

const given = options({ executable: '/usr/bin/chromium' });
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const WAIT = 20_000;

let browser;
let page;
const complaints = [];

const pane = (who) => page.locator(`.pane[data-person="${who}"][data-state="in"]`);
const message = (who, text) => pane(who).locator('.message, .system').filter({ hasText: text }).first();

const commands = {
	async open({ url, width = 1440, height = 900, dark = false }) {
		browser ??= await chromium.launch({ executablePath: given.executable, args: FLAGS });
		await page?.context().close();
		const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light' });
		page = await context.newPage();
		page.setDefaultTimeout(WAIT);
		page.on('console', (said) => ['error', 'warning'].includes(said.type()) && complaints.push(said.text()));
		page.on('pageerror', (error) => complaints.push(error.message));
		await page.goto(url);
	},

	async pane({ who }) {
		await pane(who).locator('.messages .message').first().waitFor();
	},

	async again({ who, without }) {
		await page.waitForFunction(
			([name, text]) => {
				const messages = document.querySelector(`.pane[data-person="${name}"][data-state="in"] .messages`);
				return messages?.querySelector('.message') && !messages.textContent.includes(text);
			},
			[who, without],
		);
		await commands.pane({ who: 'bob' });
	},

	async login({ who }) {
		await page.locator(`.pane [data-login="${who}"]`).first().click();
		await commands.pane({ who });
	},

	async add() {
		await page.locator('#add-person').click();
	},

	async enter({ who, room }) {
		await pane(who).locator('.rooms button').filter({ hasText: room }).click();
		await pane(who).locator('.room-head h3').filter({ hasText: room }).waitFor();
	},

	async say({ who, text }) {
		await commands.type({ who, text });
		await pane(who).locator('textarea').press('Enter');
	},

	async type({ who, text }) {
		await pane(who).locator('textarea').pressSequentially(text);
	},

	async sees({ who, text }) {
		await message(who, text).waitFor();
		return pane(who).locator('.message .text, .system').allTextContents();
	},

	async typing({ who }) {
		const line = pane(who).locator('.typing', { hasText: 'typing' });
		await line.waitFor();
		return line.textContent();
	},

	async remove({ who, whom }) {
		await pane(who).getByTitle('Members').click();
		await page.locator('#d-members [data-list] li', { hasText: whom }).getByRole('button').click();
		await page.locator('#d-members [data-others] li', { hasText: whom }).waitFor();
		await page.keyboard.press('Escape');
	},

	async click({ selector }) {
		await page.locator(selector).first().click();
	},

	async text({ selector }) {
		await page.locator(selector).first().waitFor();
		return page.locator(selector).first().textContent();
	},

	async gone() {
		await page.locator('.pane[data-state="thrown"] .login').waitFor();
	},

	async frames({ text }) {
		await page.locator('#wire-filter').fill(text);
		await page.locator('#frames li').first().waitFor();
		return page.locator('#frames summary').allTextContents();
	},

	async ways() {
		await page.locator('.way .c-hub').first().waitFor();
		return page.locator('.way').allTextContents();
	},

	async traces({ event }) {
		const ways = page.locator('.way', { has: page.locator('.way-what b', { hasText: event }) }).locator('.way-trace');
		await ways.first().waitFor({ state: 'attached' });
		return ways.allTextContents();
	},

	complaints: () => complaints,

	async screenshot({ path: file }) {
		// What moves has come to rest; nothing waits for a guess of time.
		await page.waitForFunction(() => document.getAnimations().every((one) => one.effect?.getTiming().iterations === Infinity));
		await page.screenshot({ path: file });
	},
};

const say = control(commands, {
	onEnd: async () => {
		await browser?.close();
		process.exit(0);
	},
});
say({ ready: true });
