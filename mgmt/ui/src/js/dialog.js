// SPDX-License-Identifier: Apache-2.0
// Dialogs: the platform's own, which keep the focus and close with Escape.
import { clear, h, render } from './dom.js';
import { button, errorNotice, iconButton } from './parts.js';
import { Form } from './form.js';

const open = [];
let serial = 0;

// view(dialog) describes what is inside; dialog.redraw() and dialog.close() are for it to call.
export function openDialog({ title, sub, kind = '', view, foot, closed }) {
  const node = document.createElement('dialog');
  const root = document.createElement('div');
  root.className = 'dialog-root';
  node.className = kind;
  const id = `dialog-${++serial}`;
  node.setAttribute('aria-labelledby', id);
  node.append(root);
  document.body.append(node);
  const before = document.activeElement;
  const dialog = {
    busy: false,
    redraw() {
      render(root, [
        h(
          'div',
          { class: 'dialog-head' },
          h('div', {}, h('h2', { id }, title), sub ? h('p', {}, sub) : null),
          iconButton('close', 'Close', () => dialog.close()),
        ),
        h('div', { class: 'dialog-body' }, view(dialog)),
        foot ? h('div', { class: 'dialog-foot' }, foot(dialog)) : null,
      ]);
    },
    close() {
      node.close();
    },
  };
  node.onclose = () => {
    clear(root);
    node.remove();
    open.splice(open.indexOf(dialog), 1);
    if (before?.isConnected) before.focus();
    closed?.();
  };
  // A press on what is behind closes, unless it began inside (selecting text).
  node.onmousedown = (event) => {
    node.outside = event.target === node;
  };
  node.onclick = (event) => {
    if (event.target === node && node.outside) node.close();
  };
  open.push(dialog);
  dialog.redraw();
  node.showModal();
  (
    root.querySelector('[data-first]') ??
    root.querySelector('.dialog-body input, .dialog-body select, .dialog-body textarea')
  )?.focus();
  return dialog;
}

export const dialogIsOpen = () => open.length > 0;

export function closeDialogs() {
  for (const dialog of [...open]) dialog.close();
}

// A form in a dialog; action(values) may throw, and the reason is shown where it happened.
export function formDialog({
  title,
  sub,
  kind,
  fields,
  values,
  submit = 'Create',
  danger,
  action,
  done,
}) {
  const form = new Form({
    fields,
    values,
    redraw: () => dialog.redraw(),
    action: async (given) => {
      const result = await action(given);
      dialog.close();
      done?.(result);
    },
  });
  const id = `form-${++serial}`;
  const dialog = openDialog({
    title,
    sub,
    kind,
    view: () =>
      h(
        'form',
        { id, class: 'form', novalidate: true, onsubmit: (event) => form.submit(event) },
        form.view(),
      ),
    foot: (it) => [
      button('Cancel', () => it.close()),
      button(form.busy ? 'Working…' : submit, undefined, {
        kind: `primary ${danger ? 'danger' : ''}`,
        type: 'submit',
        form: id,
        disabled: form.busy,
      }),
    ],
  });
  return dialog;
}

// Asks before something is lost, and names what. NAMES are shown as they are; TYPED must be typed
// to go on.
export function confirm({
  title,
  text,
  names = [],
  verb = 'Delete',
  danger = true,
  typed,
  action,
  done,
}) {
  let error = null;
  let busy = false;
  let given = '';
  const run = async (dialog) => {
    busy = true;
    error = null;
    dialog.redraw();
    try {
      await action();
      dialog.close();
      done?.();
    } catch (failure) {
      error = failure;
      busy = false;
      dialog.redraw();
    }
  };
  const ready = () => !busy && (typed === undefined || given === typed);
  openDialog({
    title,
    kind: 'narrow',
    view: (dialog) => [
      text ? h('p', { class: 'soft break' }, text) : null,
      names.length > 0
        ? h(
            'ul',
            { class: 'name-list', tabindex: 0, 'aria-label': 'Affected' },
            names.slice(0, 200).map((name) => h('li', {}, name)),
            names.length > 200
              ? h('li', {}, h('small', {}, `and ${names.length - 200} more`))
              : null,
          )
        : null,
      typed === undefined
        ? null
        : h(
            'div',
            { class: 'field' },
            h('label', { for: 'typed' }, 'Type the name to confirm'),
            h('input', {
              id: 'typed',
              class: 'control',
              autocomplete: 'off',
              spellcheck: 'false',
              value: given,
              'data-first': true,
              placeholder: typed,
              oninput: (event) => {
                given = event.target.value;
                dialog.redraw();
              },
              onkeydown: (event) => {
                if (event.key === 'Enter' && ready()) run(dialog);
              },
            }),
          ),
      error ? errorNotice(error) : null,
    ],
    foot: (dialog) => [
      button('Cancel', () => dialog.close(), typed === undefined ? { 'data-first': true } : {}),
      button(busy ? 'Working…' : verb, () => run(dialog), {
        kind: `primary ${danger ? 'danger' : ''}`,
        disabled: !ready(),
      }),
    ],
  });
}

// Does one thing for each of ITEMS; what fails is told by name, the rest is done.
export function confirmEach({ title, text, items, nameOf, verb, danger = true, each, done }) {
  confirm({
    title,
    text,
    names: items.map(nameOf),
    verb,
    danger,
    action: async () => {
      const failed = [];
      const waiting = [...items];
      const worker = async () => {
        for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
          try {
            await each(item);
          } catch (error) {
            failed.push(`${nameOf(item)}: ${error.message}`);
          }
        }
      };
      await Promise.all([worker(), worker(), worker(), worker()]);
      if (failed.length === 0) return;
      const error = new Error(`${failed.length} of ${items.length} failed.`);
      error.problems = failed;
      throw error;
    },
    done,
  });
}

export function tell(title, ...children) {
  openDialog({
    title,
    view: () => children,
    foot: (dialog) => button('Close', () => dialog.close(), { 'data-first': true }),
  });
}
