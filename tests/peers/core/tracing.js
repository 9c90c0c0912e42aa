'use strict';
// Traces of the core, made by OpenTelemetry's own SDK: a span for each call that it answers, a span for each event that
// it broadcasts, and the contexts of both in `meta.optl`, where Rocket.Chat's services put them.

const { ROOT_CONTEXT, SpanKind, SpanStatusCode, context, propagation, trace } = require('@opentelemetry/api');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');

/** The options of a call or an event, with where the caller stands. */
function carrying(opts = {}) {
	const optl = {};
	propagation.inject(context.active(), optl);
	return { ...opts, meta: { ...opts.meta, optl } };
}

/** A middleware for Moleculer; spans go to `url`, OTLP over HTTP, each as it ends. */
function tracing(url, service) {
	const provider = new NodeTracerProvider({
		resource: resourceFromAttributes({ 'service.name': service }),
		spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url }))],
	});
	provider.register();
	const tracer = trace.getTracer(service);

	/** Does `work` as a span below `parent`. */
	function within(name, kind, parent, work) {
		return tracer.startActiveSpan(name, { kind }, parent, async (span) => {
			try {
				return await work();
			} catch (err) {
				span.setStatus({ code: SpanStatusCode.ERROR });
				throw err;
			} finally {
				span.end();
			}
		});
	}

	return {
		localAction: (next, { name }) => (ctx) => within(name, SpanKind.SERVER, propagation.extract(ROOT_CONTEXT, ctx.meta?.optl ?? {}), () => next(ctx)),
		broadcast: (next) => (event, data, opts) => within(`broadcast ${event}`, SpanKind.PRODUCER, context.active(), () => next(event, data, carrying(opts))),
		call: (next) => (action, params, opts) => next(action, params, trace.getActiveSpan() ? carrying(opts) : opts),
	};
}

module.exports = { tracing };
