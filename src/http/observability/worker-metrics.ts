/**
 * Aggregates the metrics of several workers. Not by prom-client's cluster module, which drops the counts of
 * workers that have ended.
 */
import cluster, { type Worker } from 'node:cluster';
import { setTimeout } from 'node:timers/promises';
import {
  AggregatorRegistry,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';
import type { MetricsSource } from './metrics.js';

/** How long a scrape waits for the report of a worker; after it the previous report counts. */
const REPORT_MS = 1000;

const REQUEST = 'spaces:metrics:request';
const REPORT = 'spaces:metrics:report';

type Metrics = MetricObjectWithValues<MetricValue<string>>[];

interface Report {
  type: typeof REPORT;
  metrics: Metrics;
}

/** In a worker: reports its metrics to the primary process on request. */
export function answerPrimary(registry: Registry): void {
  process.on('message', (message: unknown) => {
    if (message === REQUEST) void reportToPrimary(registry);
  });
}

/** In a worker: reports its metrics to the primary process, also a last time before it ends. */
export async function reportToPrimary(registry: Registry): Promise<void> {
  const metrics = await registry.getMetricsAsJSON();
  if (process.connected) process.send?.({ type: REPORT, metrics });
}

/** In the primary process: the sum of the metrics of all workers, including those that have ended. */
export function metricsOfWorkers(): MetricsSource {
  const latest = new Map<number, Metrics>();
  const waiting = new Map<number, () => void>();
  const ended: Metrics = [];

  cluster.on('message', ({ id }: Worker, message: unknown) => {
    if (!isReport(message)) return;
    latest.set(id, message.metrics);
    waiting.get(id)?.();
  });
  cluster.on('exit', ({ id }: Worker) => {
    const last = latest.get(id);
    latest.delete(id);
    waiting.get(id)?.();
    if (last) addUp(ended, last.filter(isCumulative));
  });

  return {
    contentType: Registry.PROMETHEUS_CONTENT_TYPE,
    async metrics() {
      const workers = Object.values(cluster.workers ?? {}).filter((each) => each?.isConnected());
      const reports = workers.map(
        (worker) =>
          new Promise<void>((resolve) => {
            if (!worker) return;
            waiting.set(worker.id, resolve);
            worker.send(REQUEST);
          }),
      );
      await Promise.race([Promise.all(reports), setTimeout(REPORT_MS)]);
      return AggregatorRegistry.aggregate([ended, ...latest.values()]).metrics();
    },
  };
}

/** Adds the values of metrics to a total, series by series. */
function addUp(total: Metrics, metrics: Metrics): void {
  for (const { values, ...metric } of metrics) {
    let sum = total.find(({ name }) => name === metric.name);
    if (!sum) total.push((sum = { ...metric, values: [] }));
    const series = new Map(sum.values.map((value) => [seriesOf(value), value]));
    for (const value of values) {
      const known = series.get(seriesOf(value));
      if (known) known.value += value.value;
      else sum.values.push({ ...value });
    }
  }
}

function seriesOf(value: MetricValue<string>): string {
  return JSON.stringify([Reflect.get(value, 'metricName'), value.labels]);
}

/** @returns whether a metric keeps its value after the worker has ended */
function isCumulative({ type }: MetricObjectWithValues<MetricValue<string>>): boolean {
  // At runtime the type is its name in the text format, not the declared enum.
  return ['counter', 'histogram'].includes(String(type));
}

function isReport(message: unknown): message is Report {
  return (
    typeof message === 'object' && message !== null && 'type' in message && message.type === REPORT
  );
}
