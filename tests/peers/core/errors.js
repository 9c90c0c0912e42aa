'use strict';
// Errors as a Rocket.Chat core puts them on the wire. An error meant for the
// client carries `isClientSafe`, `errorType`, `reason` and `details`, and its
// code only as the bracketed end of `message`.

const { Errors } = require('./moleculer');

class MeteorError extends Error {
	constructor(error, reason, details, message) {
		super(message ?? (reason === undefined ? `[${error}]` : `${reason} [${error}]`));
		// On the plain NATS broker's wire only: core.js leaves it out.
		this.error = error;
		this.isClientSafe = true;
		this.errorType = 'Meteor.Error';
		this.reason = reason;
		this.details = details;
	}
}

class Regenerator extends Errors.Regenerator {
	extractPlainError(err, payload) {
		const { isClientSafe, errorType, reason, details } = err;
		return { ...super.extractPlainError(err, payload), isClientSafe, errorType, reason, details };
	}

	restoreCustomError({ name, message, stack, isClientSafe, errorType, reason, details }) {
		if (errorType !== 'Meteor.Error') return undefined;
		return Object.assign(new Error(message), { name, stack, isClientSafe, errorType, reason, details });
	}
}

/** An error from the words of a test: meteor, moleculer or plain. */
function fromCommand({ meteor, moleculer, plain }) {
	if (meteor) return new MeteorError(meteor.error, meteor.reason, meteor.details, meteor.message);
	if (moleculer) {
		const { message, code, type, data, retryable } = moleculer;
		const Kind = retryable ? Errors.MoleculerRetryableError : Errors.MoleculerError;
		return new Kind(message, code, type, data);
	}
	return new Error(plain);
}

module.exports = { MeteorError, Regenerator, fromCommand };
