// SPDX-License-Identifier: Apache-2.0
import { h } from '../dom.js';
import { empty, href } from '../parts.js';

export function missingPage() {
  return {
    title: () => 'Not found',
    view: () => [
      h('h1', { class: 'unseen' }, 'Not found'),
      empty(
        'search',
        'There is no such page',
        'The address may have been cut off.',
        h('a', { class: 'button', href: href('overview') }, 'To the overview'),
      ),
    ],
  };
}
