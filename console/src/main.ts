// The page: draws what a call tells, and hands on what the caller does.

import './style.css';
import { Call, type News, type Problem, type With } from './call';
import { Captions } from './captions';
import { Meters } from './meter';
import { firstLanguage, remember, say, type Language, type Text } from './texts';

/** What the page shows. */
type Screen =
  | { at: 'idle' }
  | { at: 'asking' | 'connecting' | 'reconnecting' }
  | { at: 'talking'; with: With }
  | { at: 'ended' }
  | { at: 'failed'; problem: Problem };

const query = new URLSearchParams(location.search);
// What must not be in any server's log comes behind the "#".
const secret = new URLSearchParams(location.hash.slice(1));

const part = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const button = part<HTMLButtonElement>('call');
const muteButton = part<HTMLButtonElement>('mute');
const keysButton = part<HTMLButtonElement>('keys');
const keypad = part('keypad');
const voice = part<HTMLAudioElement>('voice');

let language: Language = firstLanguage(query.get('language'));
let screen: Screen = { at: 'idle' };
let call: Call | null = null;
let meters: Meters | null = null;
let muted = false;
let began = 0;
let clockTimer: number | undefined;

const captions = new Captions(part('captions'), (who) => say(language, who === 'caller' ? 'you' : who));

function isLive(): boolean {
  return ['asking', 'connecting', 'reconnecting', 'talking'].includes(screen.at);
}

function show(next: Screen): void {
  screen = next;
  draw();
  // For the page around this one, if any.
  parent.postMessage({ hotline: screen.at }, '*');
}

function statusText(): Text {
  switch (screen.at) {
    case 'talking':
      if (muted) return 'muted';
      return ({ agent: 'withAgent', bot: 'talking', ringing: 'ringing' } as const)[screen.with];
    case 'failed':
      return screen.problem;
    default:
      return screen.at;
  }
}

function draw(): void {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  document.title = say(language, 'title');
  for (const node of document.querySelectorAll<HTMLElement>('[data-text]')) {
    node.textContent = say(language, node.dataset['text'] as Text);
  }
  for (const node of document.querySelectorAll<HTMLElement>('[data-label]')) {
    node.setAttribute('aria-label', say(language, node.dataset['label'] as Text));
  }
  for (const node of document.querySelectorAll<HTMLButtonElement>('[data-language]')) {
    node.setAttribute('aria-pressed', String(node.dataset['language'] === language));
    // The call's language is chosen with the call.
    node.disabled = isLive();
  }
  const live = isLive();
  part('phone').dataset['at'] = screen.at;
  const status = screen.at === 'failed' ? '' : say(language, statusText());
  if (part('status').textContent !== status) part('status').textContent = status;
  part('call-text').textContent = say(language, live ? 'hangUp' : screen.at === 'idle' ? 'call' : 'again');
  button.classList.toggle('hang-up', live);
  part('captions').dataset['empty'] = say(language, 'captionsEmpty');
  const talking = screen.at === 'talking' || screen.at === 'reconnecting';
  part('they').textContent = say(language, screen.at === 'talking' && screen.with === 'agent' ? 'agent' : 'bot');
  part('meters').hidden = !talking;
  muteButton.hidden = keysButton.hidden = !talking;
  if (!talking) setKeypad(false);
  muteButton.setAttribute('aria-pressed', String(muted));
  muteButton.querySelector('span')!.textContent = say(language, muted ? 'unmute' : 'mute');
  drawProblem();
}

function drawProblem(): void {
  const problem = part('problem');
  problem.hidden = screen.at !== 'failed';
  if (screen.at !== 'failed') return;
  part('problem-what').textContent = say(language, screen.problem);
  part('problem-way').textContent = say(language, `${screen.problem}Way`);
}

function setKeypad(open: boolean): void {
  keypad.hidden = !open;
  keysButton.setAttribute('aria-expanded', String(open));
}

function tick(): void {
  const seconds = Math.floor((performance.now() - began) / 1000);
  part('clock').textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function follow(news: News): void {
  switch (news.kind) {
    case 'asking':
    case 'connecting':
    case 'reconnecting':
      return show({ at: news.kind });
    case 'caption':
      return captions.show(news.who, news.text, news.done);
    case 'digit':
      return captions.key(`${say(language, 'key')} ${news.digit}`);
    case 'sound':
      meters?.stop();
      meters = new Meters([
        [news.mine, part<HTMLCanvasElement>('meter-you')],
        [news.theirs, part<HTMLCanvasElement>('meter-they')],
      ]);
      return;
    case 'talking':
      if (!began) {
        began = performance.now();
        part('clock').hidden = false;
        tick();
        clockTimer = setInterval(tick, 500);
      }
      return show({ at: 'talking', with: news.with });
    case 'ended':
      close();
      return show({ at: 'ended' });
    case 'failed':
      close();
      return show({ at: 'failed', problem: news.problem });
  }
}

function close(): void {
  clearInterval(clockTimer);
  meters?.stop();
  meters = null;
  call = null;
  captions.settle();
}

function begin(): void {
  const hindrance = Call.hindrance();
  if (hindrance) return show({ at: 'failed', problem: hindrance });
  captions.clear();
  muted = false;
  began = 0;
  part('clock').hidden = true;
  call = new Call({ language, token: secret.get('token'), to: query.get('to') }, voice, follow);
  void call.begin();
}

function press(digit: string): void {
  call?.press(digit);
}

for (const digit of '123456789*0#') {
  const key = document.createElement('button');
  key.type = 'button';
  key.textContent = digit;
  key.dataset['key'] = digit;
  key.addEventListener('click', () => press(digit));
  keypad.append(key);
}

button.addEventListener('click', () => (isLive() ? call?.hangUp() : begin()));
muteButton.addEventListener('click', () => {
  muted = !muted;
  call?.setMuted(muted);
  draw();
});
keysButton.addEventListener('click', () => setKeypad(keypad.hidden));
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || screen.at !== 'talking') return;
  if (/^[0-9*#]$/.test(event.key)) press(event.key);
  if (event.key === 'Escape') setKeypad(false);
});
for (const choice of document.querySelectorAll<HTMLButtonElement>('[data-language]')) {
  choice.addEventListener('click', () => {
    language = choice.dataset['language'] as Language;
    remember(language);
    draw();
  });
}

if (query.has('embed')) document.documentElement.classList.add('embedded');
show(Call.hindrance() ? { at: 'failed', problem: Call.hindrance()! } : { at: 'idle' });

declare global {
  interface Window {
    /** The live call, for those who want to measure it from the browser's console. */
    hotline: { call: () => Call | null };
  }
}
window.hotline = { call: () => call };
