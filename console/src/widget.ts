// For a shop's own page: a call button in the corner, and behind it the page /call in a frame.
//
//   <script src="https://calls.shop.example/call/widget.js" data-language="en" data-token="..." async></script>
//
// It brings its own looks within a shadow root, so that neither page's styles touch the other's.

(() => {
  const script = document.currentScript as HTMLScriptElement | null;
  if (!script) return;
  const { language, to, token, label } = script.dataset;
  const chinese = (language ?? document.documentElement.lang ?? navigator.language).toLowerCase().startsWith('zh');
  const words = chinese ? { call: '联系我们', close: '收起' } : { call: 'Call us', close: 'Close' };

  const page = new URL('../call', script.src);
  page.searchParams.set('embed', '1');
  page.searchParams.set('language', language ?? (chinese ? 'zh' : 'en'));
  if (to) page.searchParams.set('to', to);
  if (token) page.hash = new URLSearchParams({ token }).toString();

  const host = document.createElement('div');
  const root = host.attachShadow({ mode: 'closed' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    .open { position: fixed; right: 20px; bottom: 20px; z-index: 2147483000; border: 0; border-radius: 999px;
      padding: 14px 22px; font: 600 16px/1 system-ui, sans-serif; color: #fff; background: #12805c; cursor: pointer;
      box-shadow: 0 6px 24px rgb(0 0 0 / .28); }
    .open:hover { background: #0e6b4d; }
    .open.live::before { content: ''; display: inline-block; width: 10px; height: 10px; margin-right: 9px;
      border-radius: 50%; background: #ffd24d; }
    :focus-visible { outline: 3px solid #ffb300; outline-offset: 2px; }
    .panel { position: fixed; right: 20px; bottom: 78px; z-index: 2147483000; width: 380px;
      height: min(640px, calc(100vh - 100px)); border: 0; border-radius: 18px; background: transparent;
      box-shadow: 0 12px 48px rgb(0 0 0 / .35); color-scheme: light dark; }
    .panel[hidden] { display: none; }
    @media (max-width: 480px) { .panel { inset: 0 0 70px 0; width: 100%; height: calc(100% - 70px); border-radius: 0; } }
  `);
  root.adoptedStyleSheets = [sheet];

  const open = document.createElement('button');
  open.type = 'button';
  open.className = 'open';
  open.textContent = label ?? words.call;
  open.setAttribute('aria-expanded', 'false');
  let frame: HTMLIFrameElement | null = null;

  const setOpen = (isOpen: boolean): void => {
    if (!frame) {
      // Made when it is wanted, so that a shop's visitors load nothing before.
      frame = document.createElement('iframe');
      frame.className = 'panel';
      frame.title = words.call;
      frame.allow = 'microphone; autoplay';
      frame.src = page.href;
      root.append(frame);
    }
    frame.hidden = !isOpen;
    open.setAttribute('aria-expanded', String(isOpen));
    open.textContent = isOpen ? words.close : (label ?? words.call);
    if (isOpen) frame.focus();
  };

  open.addEventListener('click', () => setOpen(frame === null || frame.hidden));
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && frame && !frame.hidden) {
      setOpen(false);
      open.focus();
    }
  });
  addEventListener('message', (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== page.origin) return;
    open.classList.toggle('live', ['connecting', 'talking', 'reconnecting'].includes(event.data?.hotline));
  });
  root.append(open);
  const attach = (): void => void document.body.append(host);
  if (document.body) attach();
  else addEventListener('DOMContentLoaded', attach);
})();
