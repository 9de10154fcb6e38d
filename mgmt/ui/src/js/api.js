// SPDX-License-Identifier: Apache-2.0
// The broker's HTTP API, and nothing else: every request goes to where the page came from.

export class ApiError extends Error {
  constructor(status, reason, problems = []) {
    super(reason);
    this.status = status; // 0: no answer
    this.problems = problems; // of an import: each thing that is wrong
  }
}

// path`queues/${vhost}/${name}`: each value is one segment, whatever is in it.
export function path(strings, ...values) {
  return strings.reduce((out, part, at) => out + encodeURIComponent(values[at - 1]) + part);
}

let onSignedOut = () => {};
export function whenSignedOut(listener) {
  onSignedOut = listener;
}

// The dashboard is served at / and at /ui/, perhaps below a proxy's folder; the API is beside it.
const BASE = new URL('.', document.baseURI).pathname.replace(/ui\/$/, '');

export function url(target, query) {
  const wanted = Object.entries(query ?? {}).filter(
    ([, value]) => value !== undefined && value !== null && value !== '',
  );
  const text = new URLSearchParams(wanted).toString();
  return `${BASE}api/${target}${text ? `?${text}` : ''}`;
}

async function ask(method, target, { query, body, signal, headers } = {}) {
  const options = {
    method,
    signal,
    credentials: 'same-origin',
    cache: 'no-store',
    headers: { ...headers },
  };
  options.headers.Accept = 'application/json';
  options.headers['X-Requested-With'] = 'StoatMQ'; // no other site can say so; and no pop-up
  if (body !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = typeof body === 'string' ? body : JSON.stringify(body);
  }
  try {
    return await fetch(url(target, query), options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The broker does not answer.');
  }
}

async function parse(response) {
  const text = await response.text();
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return { reason: text.slice(0, 500) };
  }
}

function reasonOf(answer, status) {
  const reason = answer?.reason ?? answer?.error ?? '';
  const text = typeof reason === 'string' ? reason : JSON.stringify(reason);
  return text.trim() || `The broker answered with status ${status}.`;
}

// RabbitMQ's API says 401 as well when somebody who is logged in may not do a thing.
async function stillSignedIn() {
  const response = await ask('GET', 'whoami');
  return response.ok;
}

export async function request(method, target, options = {}) {
  const response = await ask(method, target, options);
  const answer = await parse(response);
  if (response.ok) return answer;
  if (response.status === 401 && target !== 'login' && !(await stillSignedIn())) onSignedOut();
  const problems = answer?.problems ?? answer?.errors ?? [];
  throw new ApiError(
    response.status,
    reasonOf(answer, response.status),
    Array.isArray(problems) ? problems : [],
  );
}

export const get = (target, query, signal) => request('GET', target, { query, signal });
export const put = (target, body, query) => request('PUT', target, { body, query });
export const post = (target, body, query) => request('POST', target, { body, query });
export const remove = (target, query, headers) => request('DELETE', target, { query, headers });

// The status of TARGET without an error: whether the API has something.
export async function has(method, target) {
  try {
    const response = await ask(method, target);
    return response.status;
  } catch {
    return 0;
  }
}

export const login = (username, password) =>
  request('POST', 'login', { body: { username, password } });
export const logout = () => request('DELETE', 'login');
export const whoami = () => request('GET', 'whoami');
