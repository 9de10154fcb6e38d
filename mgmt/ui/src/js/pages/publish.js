// SPDX-License-Identifier: Apache-2.0
// Publishes a message by hand.
import { path, post } from '../api.js';
import { h } from '../dom.js';
import { Form, fromArguments } from '../form.js';
import { button, card, notice } from '../parts.js';

const PROPERTIES = [
  'content_type',
  'content_encoding',
  'priority',
  'correlation_id',
  'reply_to',
  'expiration',
  'message_id',
  'timestamp',
  'type',
  'user_id',
  'app_id',
];
const NUMBERS = new Set(['priority', 'timestamp', 'delivery_mode']);
const words = (name) => name.replaceAll('_', ' ').replace(/^./, (letter) => letter.toUpperCase());
const HINTS = PROPERTIES.map((key) => ({
  key,
  label: words(key),
  type: NUMBERS.has(key) ? 'number' : 'string',
}));

export class Publisher {
  // To an exchange with any routing key, or to a queue by its name.
  constructor(app, { vhost, exchange, queue }) {
    this.app = app;
    this.target = path`exchanges/${vhost}/${exchange}/publish`;
    this.queue = queue;
    this.result = null;
    this.form = new Form({
      fields: [
        queue === undefined ? { name: 'routing_key', label: 'Routing key' } : null,
        {
          name: 'delivery_mode',
          label: 'Delivery mode',
          type: 'select',
          options: [
            { id: '2', label: 'Persistent' },
            { id: '1', label: 'Transient' },
          ],
          value: '2',
        },
        {
          name: 'payload_encoding',
          label: 'The payload is',
          type: 'select',
          options: [
            { id: 'string', label: 'Text' },
            { id: 'base64', label: 'Base64' },
          ],
          value: 'string',
        },
        { name: 'payload', label: 'Payload', type: 'textarea', rows: 7 },
        {
          name: 'headers',
          label: 'Headers',
          type: 'arguments',
          hints: [],
          value: fromArguments({}),
        },
        { name: 'properties', label: 'Properties', type: 'arguments', hints: HINTS },
      ].filter(Boolean),
      redraw: () => app.redraw(),
      action: (values) => this.#publish(values),
    });
  }

  async #publish(values) {
    this.result = null;
    const properties = { ...values.properties, delivery_mode: Number(values.delivery_mode) };
    if (Object.keys(values.headers).length > 0) properties.headers = values.headers;
    const answer = await post(this.target, {
      properties,
      routing_key: this.queue ?? values.routing_key,
      payload: values.payload,
      payload_encoding: values.payload_encoding,
    });
    this.count = (this.count ?? 0) + 1;
    this.result = answer.routed
      ? notice('good', `Message ${this.count} published and routed.`)
      : notice('warn', 'Published, but no queue got it: no binding matches.');
    this.app.refresh();
  }

  view() {
    return card(
      'Publish a message',
      { key: 'publish' },
      h(
        'form',
        { class: 'form', novalidate: true, onsubmit: (event) => this.form.submit(event) },
        this.form.view(),
        h(
          'div',
          { class: 'form-foot' },
          h('div', { class: 'publish-result', 'aria-live': 'polite' }, this.result),
          button('Publish message', undefined, {
            kind: 'primary',
            type: 'submit',
            picture: 'send',
            disabled: this.form.busy,
          }),
        ),
      ),
    );
  }
}
