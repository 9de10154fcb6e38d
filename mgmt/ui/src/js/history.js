// SPDX-License-Identifier: Apache-2.0
// What the charts draw: moments in time with values, first from the broker's samples, then from
// each answer.
const FRAMES_MAX = 1500;

// How far back one can look, and how the samples are asked for: seconds.
export const RANGES = [
  { id: '1m', label: '1 min', age: 60, incr: 5 },
  { id: '10m', label: '10 min', age: 600, incr: 5 },
  { id: '1h', label: '1 h', age: 3600, incr: 60 },
  { id: '8h', label: '8 h', age: 28800, incr: 600 },
  { id: '24h', label: '24 h', age: 86400, incr: 1800 },
];
export const rangeOf = (id) => RANGES.find((range) => range.id === id) ?? RANGES[1];

export class History {
  frames = []; // {t: seconds, values}, by time

  // What to add to the query: samples when there are none, or old ones, or only samples reach that
  // far.
  query(range, prefixes = ['msg_rates', 'lengths']) {
    const last = this.frames.at(-1)?.t ?? 0;
    const fresh = Date.now() / 1000 - last < 20 && this.range === range.id;
    if (fresh && range.age <= 600) return {};
    const query = {};
    const age = Math.max(range.age, 600);
    for (const prefix of prefixes) {
      query[`${prefix}_age`] = age;
      query[`${prefix}_incr`] = range.incr;
    }
    return query;
  }

  // sources: {name: {samples, counter}}, counters become rates. Replaces what was there.
  seed(sources, range) {
    const moments = new Map();
    for (const [name, { samples, counter }] of Object.entries(sources)) {
      const sorted = [...(samples ?? [])].sort((a, b) => a.timestamp - b.timestamp);
      for (let at = counter ? 1 : 0; at < sorted.length; at++) {
        const { sample, timestamp } = sorted[at];
        const frame = moments.get(timestamp) ?? {};
        moments.set(timestamp, frame);
        frame[name] = sample;
        if (counter) {
          const before = sorted[at - 1];
          frame[name] = Math.max(
            0,
            (sample - before.sample) / ((timestamp - before.timestamp) / 1000),
          );
        }
      }
    }
    if (moments.size === 0) return false;
    this.range = range.id;
    const frames = [...moments]
      .map(([t, values]) => ({ t: t / 1000, values }))
      .sort((a, b) => a.t - b.t);
    // Before there was anything to count, samples are zero: nothing rather than nought.
    const first = frames.findIndex((frame) =>
      Object.values(frame.values).some((value) => value !== 0),
    );
    this.frames = frames.slice(Math.max(0, first));
    return true;
  }

  push(values, t = Date.now() / 1000) {
    if (this.frames.length > 0 && t <= this.frames.at(-1).t) return;
    this.frames.push({ t, values });
    if (this.frames.length > FRAMES_MAX) this.frames.splice(0, this.frames.length - FRAMES_MAX);
  }

  // Takes an answer in: its samples when it has some, and its present values for short ranges.
  take(sources, range) {
    const seeded = this.seed(sources, range);
    if (!seeded && this.range !== range.id) this.range = range.id;
    if (range.age > 600) return;
    this.push(
      Object.fromEntries(Object.entries(sources).map(([name, it]) => [name, it.now ?? null])),
    );
  }

  // [times, values of the first name, ...] of the last AGE seconds, as the chart wants it.
  columns(names, age) {
    const from = Date.now() / 1000 - age - 5;
    const shown = this.frames.filter((frame) => frame.t >= from);
    return [
      shown.map((frame) => frame.t),
      ...names.map((name) => shown.map((frame) => frame.values[name] ?? null)),
    ];
  }

  values(name, age = 600) {
    return this.columns([name], age)[1];
  }
}

// A counter of message_stats, as a source.
export function counter(stats, key) {
  const details = stats?.[`${key}_details`];
  return { samples: details?.samples, counter: true, now: details?.rate ?? 0 };
}

// A length or size that has *_details, as a source.
export function gauge(object, key) {
  const now = object?.[key];
  return {
    samples: object?.[`${key}_details`]?.samples,
    counter: false,
    now: typeof now === 'number' ? now : null,
  };
}

export const rateOf = (object, key) => object?.[`${key}_details`]?.rate ?? 0;
