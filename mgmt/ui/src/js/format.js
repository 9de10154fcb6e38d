// SPDX-License-Identifier: Apache-2.0
// Figures, times and names as people read them. What is not known is a dash.
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const NONE = '–';

const known = (value) => typeof value === 'number' && Number.isFinite(value);

export function number(value) {
  return known(value) ? whole.format(value) : NONE;
}

// 1,234 stays; 12,345,678 becomes 12.3M.
export function compact(value) {
  if (!known(value)) return NONE;
  const size = Math.abs(value);
  if (size < 100000)
    return Number.isInteger(value) || size >= 100 ? whole.format(value) : trim(value, 1);
  if (size < 1e6) return `${trim(value / 1e3, 0)}k`;
  if (size < 1e9) return `${trim(value / 1e6, size < 1e7 ? 2 : 1)}M`;
  return `${trim(value / 1e9, 2)}G`;
}

function trim(value, digits) {
  return value.toFixed(digits).replace(/\.0+$/, '');
}

export function rateNumber(value) {
  if (!known(value)) return NONE;
  if (value === 0) return '0';
  if (value < 0.05) return '<0.1';
  return value < 10 ? trim(value, 1) : compact(Math.round(value));
}

export function rate(value) {
  return known(value) ? `${rateNumber(value)}/s` : NONE;
}

export function bytes(value) {
  if (!known(value)) return NONE;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let size = value;
  let unit = 0;
  while (Math.abs(size) >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 ? whole.format(size) : trim(size, size < 10 ? 1 : 0)} ${units[unit]}`;
}

export function byteRate(value) {
  return known(value) ? `${bytes(Math.round(value))}/s` : NONE;
}

// VALUE in milliseconds.
export function milliseconds(value) {
  if (!known(value)) return NONE;
  if (value === 0) return '0 ms';
  if (value < 1) return `${whole.format(value * 1000)} µs`;
  if (value < 1000) return `${trim(value, value < 10 ? 2 : 1)} ms`;
  return `${trim(value / 1000, 2)} s`;
}

export function duration(milli) {
  if (!known(milli)) return NONE;
  const seconds = Math.max(0, Math.floor(milli / 1000));
  const parts = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'm'],
    [1, 's'],
  ];
  let rest = seconds;
  const words = [];
  for (const [size, unit] of parts) {
    const count = Math.floor(rest / size);
    rest %= size;
    if (count > 0 || (unit === 's' && words.length === 0)) words.push(`${count}${unit}`);
  }
  return words.slice(0, 2).join(' ');
}

export function ago(time) {
  return known(time) ? `${duration(Date.now() - time)} ago` : NONE;
}

export function clock(seconds, withSeconds = true) {
  return new Date(seconds * 1000).toLocaleTimeString(
    'en-GB',
    withSeconds ? {} : { hour: '2-digit', minute: '2-digit' },
  );
}

export function dateTime(milli) {
  return known(milli) ? new Date(milli).toLocaleString('en-GB') : NONE;
}

export function plural(count, word) {
  return `${number(count)} ${word}${count === 1 ? '' : 's'}`;
}

// A value of an argument or a property in one line.
export function value(it) {
  if (it === null || it === undefined) return NONE;
  return typeof it === 'object' ? JSON.stringify(it) : String(it);
}
