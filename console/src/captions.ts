// What is said, as it is said: one line for each sentence, replaced until its words will not change.

import type { Who } from './call';

export class Captions {
  /** The line of each speaker that may still change. */
  private readonly open = new Map<Who, HTMLElement>();

  constructor(private readonly list: HTMLElement, private readonly name: (who: Who) => string) {}

  /** Shows all words of a speaker's sentence so far. */
  show(who: Who, text: string, done: boolean): void {
    if (!text.trim()) return;
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 48;
    const line = this.open.get(who) ?? this.add(who);
    line.lastElementChild!.textContent = text;
    line.classList.toggle('open', !done);
    if (done) this.open.delete(who);
    else this.open.set(who, line);
    // Whoever has scrolled up wants to read.
    if (atEnd) this.list.scrollTop = this.list.scrollHeight;
  }

  /** Shows a key that was understood. */
  key(label: string): void {
    const line = this.add('caller');
    line.classList.add('key');
    line.lastElementChild!.textContent = label;
    this.list.scrollTop = this.list.scrollHeight;
  }

  /** Forgets everything, and says what will be here. */
  clear(): void {
    this.open.clear();
    this.list.replaceChildren();
  }

  /** Nothing changes any more. */
  settle(): void {
    for (const line of this.open.values()) line.classList.remove('open');
    this.open.clear();
  }

  private add(who: Who): HTMLElement {
    const line = document.createElement('li');
    line.className = `line ${who}`;
    const name = document.createElement('span');
    name.className = 'who';
    name.textContent = this.name(who);
    const words = document.createElement('span');
    words.className = 'words';
    line.append(name, words);
    this.list.append(line);
    if (this.list.childElementCount > LINES_MAX) this.list.firstElementChild?.remove();
    return line;
  }
}

const LINES_MAX = 300;
