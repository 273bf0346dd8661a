// Drives one call in a real browser for the tests in server/tests/house: opens the page with a WAV file as microphone,
// does what the plan says, and prints what it saw as one line of JSON.
//
//   node drive.mjs '{"url": "...", "microphone": "words.wav", "folder": "...", "steps": [["call"], ["hear", "..."]]}'
//
// Steps: [name, ...arguments]; each has a limit, and the first that fails ends the run.
import { chromium } from 'playwright-core';

const plan = JSON.parse(process.argv[2]);
const flags = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Without these, a machine whose only network is the loopback could not call.
  '--allow-loopback-in-peer-connection',
  '--use-fake-device-for-media-stream',
  ...(plan.refuse ? ['--deny-permission-prompts'] : ['--use-fake-ui-for-media-stream']),
  ...(plan.microphone ? [`--use-file-for-fake-audio-capture=${plan.microphone}%noloop`] : []),
];
const context = await chromium.launchPersistentContext(plan.folder, {
  executablePath: plan.browser ?? '/usr/bin/chromium',
  headless: true,
  chromiumSandbox: false,
  args: flags,
  viewport: plan.viewport ?? { width: 900, height: 860 },
  colorScheme: plan.dark ? 'dark' : 'light',
  locale: plan.locale ?? 'en-US',
});
const page = context.pages()[0] ?? (await context.newPage());
page.setDefaultTimeout(LIMIT());
const seen = { console: [], captions: [], energy: 0, received: 0 };
page.on('console', (message) => seen.console.push(message.text()));
page.on('pageerror', (error) => seen.console.push(String(error)));

function LIMIT() {
  return plan.limit_ms ?? 60_000;
}

async function measure() {
  const figures = await page.evaluate(async () => {
    const report = await window.hotline.call()?.peer.getStats();
    for (const entry of report?.values() ?? []) {
      if (entry.type === 'inbound-rtp') return { energy: entry.totalAudioEnergy, received: entry.packetsReceived };
    }
    return null;
  });
  Object.assign(seen, figures ?? {});
}

const steps = {
  /** Waits until the page is at a state: idle, talking, ended, failed and so on. */
  at: (state) => page.waitForSelector(`#phone[data-at="${state}"]`),
  call: () => page.click('#call'),
  /** Closes the tab, as a caller does. */
  close: () => page.close({ runBeforeUnload: false }),
  /** Evaluates an expression in the page. */
  do: (expression) => page.evaluate(expression),
  /** Waits until a caption of someone holds a word. */
  hear: async (who, word) => {
    const line = page.locator(`.line.${who} .words`).filter({ hasText: new RegExp(word, 'i') });
    await line.first().waitFor();
    await measure();
  },
  hangUp: () => page.click('#call.hang-up'),
  keypad: () => page.click('#keys'),
  language: (language) => page.click(`[data-language="${language}"]`),
  mute: () => page.click('#mute'),
  offline: (is) => context.setOffline(is),
  open: () => page.goto(plan.url),
  press: (key) => page.click(`[data-key="${key}"]`),
  shot: (file) => page.screenshot({ path: file }),
  type: (key) => page.keyboard.press(key),
  wait: (ms) => page.waitForTimeout(ms),
};

let failure = null;
for (const [name, ...rest] of plan.steps) {
  try {
    await steps[name](...rest);
  } catch (error) {
    failure = `${name} ${rest.join(' ')}: ${String(error).split('\n')[0]}`;
    break;
  }
}
if (!page.isClosed()) {
  await measure().catch(() => undefined);
  seen.at = await page.getAttribute('#phone', 'data-at').catch(() => null);
  seen.text = await page.innerText('body').catch(() => null);
  seen.captions = await page.locator('.line').allInnerTexts().catch(() => []);
}
// A browser that hangs must not hang the test.
await Promise.race([context.close(), new Promise((done) => setTimeout(done, 5_000))]);
console.log(JSON.stringify({ ...seen, failure }));
process.exit(0);
