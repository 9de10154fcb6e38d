// SPDX-License-Identifier: Apache-2.0
// What the optional arguments and policy keys are called, of which type they are and what they do.

const overflow = ['drop-head', 'reject-publish', 'reject-publish-dlx'];
const ms = 'Milliseconds';

export const QUEUE_ARGUMENTS = [
  {
    key: 'x-message-ttl',
    label: 'Message TTL',
    type: 'number',
    hint: `${ms} after which a message that nobody took is dropped or dead-lettered.`,
  },
  {
    key: 'x-expires',
    label: 'Queue expires',
    type: 'number',
    hint: `${ms} without use after which the queue is deleted.`,
  },
  {
    key: 'x-max-length',
    label: 'Max length',
    type: 'number',
    hint: 'Ready messages the queue holds at most.',
  },
  {
    key: 'x-max-length-bytes',
    label: 'Max bytes',
    type: 'number',
    hint: 'Bytes of ready messages the queue holds at most.',
  },
  {
    key: 'x-overflow',
    label: 'Overflow',
    options: overflow,
    hint: 'What happens when the queue is full: the oldest is dropped, or the publisher refused.',
  },
  {
    key: 'x-dead-letter-exchange',
    label: 'Dead-letter exchange',
    hint: 'Where messages go that were rejected, have expired or did not fit.',
  },
  {
    key: 'x-dead-letter-routing-key',
    label: 'Dead-letter routing key',
    hint: 'Instead of the message’s own.',
  },
  {
    key: 'x-single-active-consumer',
    label: 'Single active consumer',
    type: 'boolean',
    value: 'true',
    hint: 'One consumer gets all messages; another takes over when it goes.',
  },
  {
    key: 'x-max-priority',
    label: 'Max priority',
    type: 'number',
    value: '10',
    hint: 'Priorities 0 to this, at most 255; up to 10 is wise.',
    when: (values) => values.type !== 'quorum' && values.type !== 'stream',
  },
  {
    key: 'x-delivery-limit',
    label: 'Delivery limit',
    type: 'number',
    hint: 'Deliveries after which a message is dropped or dead-lettered.',
  },
  {
    key: 'x-consumer-timeout',
    label: 'Consumer timeout',
    type: 'number',
    hint: `${ms} a consumer may take to acknowledge.`,
  },
  {
    key: 'x-queue-mode',
    label: 'Queue mode',
    options: ['default', 'lazy'],
    hint: 'Lazy: messages live on disk.',
    when: (values) => values.type === 'classic',
  },
];

export const EXCHANGE_ARGUMENTS = [
  {
    key: 'x-delayed-type',
    label: 'Delayed type',
    hint: 'Of x-delayed-message: the type by which messages are routed when their delay is over.',
  },
  {
    key: 'alternate-exchange',
    label: 'Alternate exchange',
    hint: 'Where messages go that no binding matches.',
  },
];

export const BINDING_ARGUMENTS = [
  {
    key: 'x-match',
    label: 'Match',
    options: ['all', 'any', 'all-with-x', 'any-with-x'],
    hint: 'Of a headers exchange: whether all or any of the headers must match.',
  },
];

const both = ['all', 'queues'];
export const POLICY_KEYS = [
  {
    key: 'message-ttl',
    label: 'Message TTL',
    type: 'number',
    to: both,
    operator: true,
    hint: `${ms} after which a message that nobody took is dropped or dead-lettered.`,
  },
  {
    key: 'expires',
    label: 'Queue expires',
    type: 'number',
    to: both,
    operator: true,
    hint: `${ms} without use after which a queue is deleted.`,
  },
  {
    key: 'max-length',
    label: 'Max length',
    type: 'number',
    to: both,
    operator: true,
    hint: 'Ready messages a queue holds at most.',
  },
  {
    key: 'max-length-bytes',
    label: 'Max bytes',
    type: 'number',
    to: both,
    operator: true,
    hint: 'Bytes of ready messages a queue holds at most.',
  },
  {
    key: 'overflow',
    label: 'Overflow',
    options: overflow,
    to: both,
    hint: 'What happens when a queue is full: the oldest is dropped, or the publisher refused.',
  },
  {
    key: 'dead-letter-exchange',
    label: 'Dead-letter exchange',
    to: both,
    hint: 'Where messages go that were rejected, have expired or did not fit.',
  },
  {
    key: 'dead-letter-routing-key',
    label: 'Dead-letter routing key',
    to: both,
    hint: 'Instead of the message’s own.',
  },
  {
    key: 'delivery-limit',
    label: 'Delivery limit',
    type: 'number',
    to: both,
    operator: true,
    hint: 'Deliveries after which a message is dropped or dead-lettered.',
  },
  {
    key: 'consumer-timeout',
    label: 'Consumer timeout',
    type: 'number',
    to: both,
    hint: `${ms} a consumer may take to acknowledge.`,
  },
  {
    key: 'queue-mode',
    label: 'Queue mode',
    options: ['default', 'lazy'],
    to: both,
    hint: 'Lazy: messages live on disk.',
  },
  {
    key: 'alternate-exchange',
    label: 'Alternate exchange',
    to: ['all', 'exchanges'],
    hint: 'Where messages go that no binding matches.',
  },
  {
    key: 'delayed-message',
    label: 'Delayed messages',
    type: 'boolean',
    to: ['all', 'exchanges'],
    hint: 'Messages with x-delay wait in the exchange for so many milliseconds.',
  },
  {
    key: 'ha-mode',
    label: 'HA mode',
    options: ['all', 'exactly', 'nodes'],
    to: both,
    hint: 'On how many nodes a queue is mirrored.',
  },
  {
    key: 'ha-params',
    label: 'HA params',
    type: 'number',
    to: both,
    operator: true,
    hint: 'With exactly: how many nodes.',
  },
  {
    key: 'ha-sync-mode',
    label: 'HA sync mode',
    options: ['automatic', 'manual'],
    to: both,
    hint: 'Whether a new mirror catches up by itself.',
  },
];

// Those of KEYS that fit a policy that is applied TO queues, exchanges or all.
export function policyKeys(operator) {
  return POLICY_KEYS.filter((it) => !operator || it.operator).map((it) => ({
    ...it,
    when: (values) =>
      it.to.includes(values['apply-to']) ||
      (/queues$/.test(values['apply-to']) && it.to.includes('queues')),
  }));
}

export const USER_TAGS = [
  {
    id: 'administrator',
    label: 'Administrator',
    hint: 'Everything: users, virtual hosts, permissions, definitions.',
  },
  {
    id: 'monitoring',
    label: 'Monitoring',
    hint: 'All connections and channels, nodes and their figures.',
  },
  {
    id: 'policymaker',
    label: 'Policymaker',
    hint: 'Policies and parameters of the virtual hosts it may use.',
  },
  {
    id: 'management',
    label: 'Management',
    hint: 'This dashboard, for the virtual hosts it may use.',
  },
  { id: 'impersonator', label: 'Impersonator', hint: 'May publish with another’s user-id.' },
];

export const VHOST_LIMITS = [
  { id: 'max-connections', label: 'Connections at most' },
  { id: 'max-queues', label: 'Queues at most' },
];
export const USER_LIMITS = [
  { id: 'max-connections', label: 'Connections at most' },
  { id: 'max-channels', label: 'Channels at most' },
];
