// SPDX-License-Identifier: Apache-2.0
// Looks at a queue's messages. Where the broker can show them without touching them, they stay as
// they are; RabbitMQ has them taken and put back, which marks them as redelivered, and the page
// says so.
import { ApiError, get, post } from '../api.js';
import { confirm } from '../dialog.js';
import { h } from '../dom.js';
import { Form } from '../form.js';
import { bytes, number, plural } from '../format.js';
import { exchangeLabel } from '../names.js';
import {
  badge,
  button,
  card,
  copy,
  empty,
  errorNotice,
  iconButton,
  notice,
  pairs,
  segments,
} from '../parts.js';

const TRUNCATE = 50000;
const PEEK = 160; // characters of the payload in the closed line

export class Browser {
  constructor(app, page) {
    this.app = app;
    this.page = page;
    this.messages = null;
    this.first = 0; // the place in the queue of the first that is shown
    this.error = null;
    this.marks = false; // whether looking marks them as redelivered
    this.looks = new Map(); // by the message's place: how its payload is shown
    this.form = new Form({
      fields: [
        {
          name: 'count',
          label: 'How many',
          type: 'number',
          value: '20',
          check: (value) =>
            Number(value) >= 1 && Number(value) <= 1000 ? '' : '1 to 1,000, please.',
        },
        {
          name: 'offset',
          label: 'Skip',
          type: 'number',
          value: '0',
          when: ({ mode }) => mode === 'look' && !this.marks,
          check: (value) =>
            Number(value) >= 0 && Number(value) <= 100000 ? '' : '0 to 100,000, please.',
        },
        {
          name: 'mode',
          label: 'What to do',
          type: 'select',
          value: 'look',
          options: [
            { id: 'look', label: 'Look, and leave them there' },
            { id: 'take', label: 'Take them out of the queue' },
          ],
        },
      ],
      redraw: () => app.redraw(),
      action: (values) => this.#get(values),
    });
  }

  async #get({ count, offset, mode }) {
    if (mode === 'look') return this.#look(count, offset ?? 0);
    confirm({
      title: `Take ${plural(count, 'message')}?`,
      text: 'They are shown here once and are then gone from the queue.',
      names: [this.page.name],
      verb: 'Take messages',
      action: async () => this.#show(await this.#ask(count, 'ack_requeue_false')),
    });
  }

  async #look(count, offset) {
    if (!this.marks) {
      try {
        const query = { count, offset, encoding: 'auto', truncate: TRUNCATE };
        return this.#show(await get(`${this.page.target}/messages`, query), offset);
      } catch (error) {
        if (!(error instanceof ApiError) || ![404, 405].includes(error.status)) throw error;
        this.marks = true;
      }
    }
    return this.#show(await this.#ask(count, 'ack_requeue_true'));
  }

  #ask(count, ackmode) {
    return post(`${this.page.target}/get`, {
      count,
      ackmode,
      encoding: 'auto',
      truncate: TRUNCATE,
    });
  }

  #show(messages, first = 0) {
    this.messages = messages;
    this.first = first;
    this.looks.clear();
    this.app.refresh();
  }

  // Goes on behind what is shown, where the broker can.
  #more() {
    const left = this.messages.at(-1).message_count;
    if (this.marks || this.form.values.mode !== 'look' || !left) return null;
    return button(
      `Next of ${plural(left, 'more message')}`,
      () => {
        this.form.set('offset', String(this.first + this.messages.length));
        this.form.submit();
      },
      { disabled: this.form.busy },
    );
  }

  view() {
    return card(
      'Messages',
      { flush: true, key: 'browse' },
      h(
        'form',
        { class: 'browse-form', novalidate: true, onsubmit: (event) => this.form.submit(event) },
        this.form.view(),
        button(this.form.busy ? 'Asking…' : 'Get messages', undefined, {
          kind: 'primary',
          type: 'submit',
          picture: 'eye',
          disabled: this.form.busy,
        }),
      ),
      this.marks
        ? h(
            'div',
            { class: 'browse-note' },
            notice(
              'info',
              'This broker takes the messages and puts them back, which marks them as redelivered.',
            ),
          )
        : null,
      this.error ? errorNotice(this.error) : null,
      this.messages === null
        ? empty(
            'inbox',
            'Look inside',
            'Shows the oldest messages of the queue. Consumers are not disturbed.',
            null,
            'slim',
          )
        : this.messages.length === 0
          ? empty('inbox', this.first > 0 ? 'No more messages' : 'The queue is empty', this.first > 0 ? 'No message is ready behind these.' : 'No message is ready.', null, 'slim')
          : h(
              'div',
              { class: 'messages' },
              this.messages.map((message, at) => this.#message(message, at)),
              this.#more(),
            ),
    );
  }

  #message(message, at) {
    const { headers, ...properties } = message.properties ?? {};
    return h(
      'details',
      { class: 'message', key: at },
      h(
        'summary',
        {},
        h('span', { class: 'message-index' }, `#${this.first + at + 1}`),
        message.routing_key ? badge(message.routing_key, 'info', 'Routing key') : null,
        message.redelivered ? badge('redelivered', 'warn') : null,
        h('span', { class: 'message-peek' }, peek(message)),
        h('span', { class: 'muted small' }, bytes(message.payload_bytes)),
      ),
      h(
        'div',
        { class: 'message-inside' },
        h(
          'div',
          { class: 'stack' },
          part(
            'Came by',
            pairs({
              exchange: exchangeLabel(message.exchange ?? ''),
              'routing key': message.routing_key,
            }),
          ),
          part('Properties', pairs(readable(properties))),
          part('Headers', pairs(headers)),
        ),
        h('div', { class: 'payload' }, this.#payload(message, at)),
      ),
    );
  }

  #payload(message, at) {
    const forms = formsOf(message);
    const chosen = forms.find((form) => form.id === this.looks.get(at)) ?? forms[0];
    const cut =
      message.payload_bytes > TRUNCATE
        ? h(
            'span',
            { class: 'muted small' },
            `the first ${bytes(TRUNCATE)} of ${bytes(message.payload_bytes)}`,
          )
        : null;
    return [
      h(
        'div',
        { class: 'payload-head' },
        h('h3', {}, 'Payload'),
        cut,
        h('span', { class: 'spread' }),
        forms.length > 1
          ? segments('Show as', forms, chosen.id, (id) => {
              this.looks.set(at, id);
              this.app.redraw();
            })
          : null,
        iconButton('copy', 'Copy payload', () => copy(message.payload, 'Payload copied.'), {
          kind: 'small',
          size: 16,
        }),
      ),
      h('pre', { tabindex: 0, 'aria-label': `Payload of message ${this.first + at + 1}` }, chosen.text()),
    ];
  }
}

function part(title, inside) {
  return inside ? h('div', {}, h('h3', {}, title), inside) : null;
}

function readable(properties) {
  const names = { delivery_mode: { 1: 'transient', 2: 'persistent' } };
  return Object.fromEntries(
    Object.entries(properties).map(([key, value]) => [
      key.replaceAll('_', ' '),
      names[key]?.[value] ?? value,
    ]),
  );
}

function peek(message) {
  return message.payload_encoding === 'base64'
    ? `${number(message.payload_bytes)} bytes that are no text`
    : message.payload.slice(0, PEEK).replace(/\s+/g, ' ');
}

// How a payload can be shown: JSON in order, the text as it is, or octets.
function formsOf(message) {
  if (message.payload_encoding === 'base64') {
    return [
      { id: 'hex', label: 'Hex', text: () => hex(message.payload) },
      { id: 'base64', label: 'Base64', text: () => message.payload },
    ];
  }
  const raw = { id: 'raw', label: 'Raw', text: () => message.payload };
  if (!/^\s*[[{]/.test(message.payload)) return [raw];
  try {
    const tree = JSON.parse(message.payload);
    return [{ id: 'json', label: 'JSON', text: () => JSON.stringify(tree, null, 2) }, raw];
  } catch {
    return [raw];
  }
}

const HEX_LINES = 512;
function hex(base64) {
  const octets = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const lines = [];
  for (let at = 0; at < octets.length && lines.length < HEX_LINES; at += 16) {
    const part = octets.slice(at, at + 16);
    const digits = [...part].map((octet) => octet.toString(16).padStart(2, '0')).join(' ');
    const letters = [...part]
      .map((octet) => (octet >= 32 && octet < 127 ? String.fromCharCode(octet) : '.'))
      .join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${digits.padEnd(47)}  ${letters}`);
  }
  return lines.join('\n');
}
