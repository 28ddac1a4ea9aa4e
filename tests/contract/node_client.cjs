// OpenTelemetry's JavaScript SDK sends one of each kind: `node node_client.cjs proto|json|grpc ENDPOINT`.
const { metrics, trace } = load();
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { MeterProvider, PeriodicExportingMetricReader, AggregationType } = require("@opentelemetry/sdk-metrics");
const { BasicTracerProvider, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");

const resource = resourceFromAttributes({ "service.name": "node-app", "service.instance.id": "one" });

function load() {
  const [kind, endpoint] = process.argv.slice(2);
  const exporter = (signal, suffix) => require(`@opentelemetry/exporter-${signal}-otlp-${suffix}`);
  switch (kind) {
    case "grpc":
      return { metrics: new (exporter("metrics", "grpc").OTLPMetricExporter)({ url: endpoint }), trace: null };
    case "proto":
    case "json": {
      const suffix = kind === "json" ? "http" : "proto";
      return {
        metrics: new (exporter("metrics", suffix).OTLPMetricExporter)({ url: `${endpoint}/v1/metrics` }),
        trace: new (exporter("trace", suffix).OTLPTraceExporter)({ url: `${endpoint}/v1/traces` }),
      };
    }
    default:
      throw new Error(`unknown protocol ${kind}`);
  }
}

async function sendMetrics() {
  const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 60_000 });
  const views = [
    { instrumentName: "size", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
    {
      instrumentName: "duration",
      aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [0.5, 2] } },
    },
  ];
  const provider = new MeterProvider({ resource, readers: [reader], views });
  const meter = provider.getMeter("node");
  meter.createCounter("orders").add(3, { kind: "new" });
  meter.createGauge("depth", { unit: "{message}" }).record(7, { queue: "q" });
  const duration = meter.createHistogram("duration", { unit: "s" });
  for (const seconds of [0.25, 0.75, 3]) duration.record(seconds, { "http.route": "/w" });
  meter.createHistogram("size").record(4);
  await provider.shutdown();
}

async function sendSpan() {
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(trace)] });
  provider.getTracer("node").startSpan("work", { attributes: { "http.route": "/w" } }).end();
  await provider.shutdown();
}

sendMetrics()
  .then(() => trace && sendSpan())
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
