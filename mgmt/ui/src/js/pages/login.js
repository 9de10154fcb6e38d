// SPDX-License-Identifier: Apache-2.0
import * as api from '../api.js';
import { h } from '../dom.js';
import { errorNotice, iconButton } from '../parts.js';

let busy = false;
let error = null;
let shown = false;

async function submit(event, app) {
  event.preventDefault();
  const given = new FormData(event.target);
  if (busy) return;
  busy = true;
  error = null;
  app.redraw();
  try {
    await api.login(given.get('username'), given.get('password'));
    const user = await api.whoami();
    await app.enter(user);
  } catch (failure) {
    error = failure.status === 401 ? new Error(refusal(failure.message)) : failure;
  }
  busy = false;
  app.redraw();
  if (error) document.querySelector('.login-card input[type=password]')?.select();
}

function refusal(reason) {
  return /not authorised|login failed|unauthori/i.test(reason)
    ? 'User name or password is wrong, or this user may not use the dashboard.'
    : reason;
}

export function loginPage(app) {
  return h(
    'main',
    { class: 'login', key: 'login' },
    h(
      'div',
      { class: 'login-card' },
      h('img', { src: 'img/logo.svg', alt: '' }),
      h('h1', {}, 'StoatMQ'),
      h('p', { class: 'sub' }, 'Log in to the broker’s dashboard.'),
      h(
        'form',
        { onsubmit: (event) => submit(event, app) },
        h(
          'div',
          { class: 'field' },
          h('label', { for: 'username' }, 'User name'),
          h('input', {
            id: 'username',
            name: 'username',
            class: 'control',
            autocomplete: 'username',
            autocapitalize: 'off',
            spellcheck: 'false',
            required: true,
            autofocus: true,
          }),
        ),
        h(
          'div',
          { class: 'field' },
          h('label', { for: 'password' }, 'Password'),
          h(
            'div',
            { class: 'secret' },
            h('input', {
              id: 'password',
              name: 'password',
              class: 'control',
              type: shown ? 'text' : 'password',
              autocomplete: 'current-password',
              required: true,
            }),
            iconButton(
              shown ? 'eye-off' : 'eye',
              shown ? 'Hide password' : 'Show password',
              () => {
                shown = !shown;
                app.redraw();
              },
              { kind: 'small', size: 16 },
            ),
          ),
        ),
        error ? errorNotice(error) : null,
        h(
          'button',
          { class: 'button primary', type: 'submit', disabled: busy },
          busy ? 'Logging in…' : 'Log in',
        ),
      ),
    ),
  );
}
