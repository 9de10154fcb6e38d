// SPDX-License-Identifier: Apache-2.0
// Names that need care: the default exchange has an empty one, which neither an address nor a
// person can read.
export const DEFAULT_EXCHANGE = 'amq.default';

export const exchangeLabel = (name) => (name === '' ? '(default)' : name);
export const exchangePart = (name) => (name === '' ? DEFAULT_EXCHANGE : name);
export const isDefault = (name) => name === '' || name === DEFAULT_EXCHANGE;
