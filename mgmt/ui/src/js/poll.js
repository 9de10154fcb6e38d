// SPDX-License-Identifier: Apache-2.0
// Asks again and again: only while the page can be seen, not faster than the broker answers, and
// ever more seldom while it does not.
const SLOWEST = 30000;

export class Poll {
  #timer = 0;
  #abort = null;
  #running = false;
  #failures = 0;

  // task(signal) fetches; done(error or null) is told afterwards. interval() is in milliseconds, 0
  // for paused.
  constructor({ task, done, interval }) {
    this.task = task;
    this.done = done;
    this.interval = interval;
    this.onVisible = () => this.#visible();
  }

  start() {
    this.#running = true;
    document.addEventListener('visibilitychange', this.onVisible);
    return this.now();
  }

  stop() {
    this.#running = false;
    document.removeEventListener('visibilitychange', this.onVisible);
    this.#cancel();
  }

  #cancel() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#abort = null;
  }

  #visible() {
    if (document.hidden) this.#cancel();
    else this.now();
  }

  // Asks at once, instead of what is under way.
  async now() {
    this.#cancel();
    if (!this.#running) return;
    const abort = (this.#abort = new AbortController());
    const started = performance.now();
    let failed = null;
    try {
      await this.task(abort.signal);
    } catch (error) {
      if (abort.signal.aborted) return;
      failed = error;
    }
    if (abort !== this.#abort || !this.#running) return;
    this.#failures = failed ? this.#failures + 1 : 0;
    this.done(failed);
    this.#plan(performance.now() - started);
  }

  #plan(took) {
    const wanted = this.interval();
    if (wanted === 0 || document.hidden || !this.#running) return;
    const delay = Math.max(wanted * 2 ** Math.min(this.#failures, 5), took * 4);
    this.#timer = setTimeout(() => this.now(), Math.min(delay, Math.max(wanted, SLOWEST)));
  }
}
