// Everything the page says, in both languages. A key that is missing in one does not compile.

export type Language = 'en' | 'zh';

const en = {
  title: 'Call us',
  call: 'Call',
  hangUp: 'Hang up',
  again: 'Call again',
  mute: 'Mute',
  unmute: 'Unmute',
  keypad: 'Keypad',
  language: 'Language',
  captions: 'What is said',
  captionsEmpty: 'What you and we say will appear here.',
  you: 'You',
  bot: 'Assistant',
  agent: 'Agent',
  key: 'Key',
  privacy: 'Your microphone is used during the call only. Calls may be recorded; you are told when they are.',
  idle: 'Ready when you are.',
  asking: 'Please allow the microphone.',
  connecting: 'Connecting …',
  talking: 'You are connected. Just speak.',
  muted: 'You are muted.',
  ringing: 'We are calling a colleague …',
  withAgent: 'You are talking to a colleague.',
  reconnecting: 'The connection was lost. Reconnecting …',
  ended: 'The call is over. Thank you.',
  insecure: 'This page was not opened over a secure connection.',
  insecureWay: 'Open it with an address that begins with https://. Browsers give the microphone to such pages only.',
  unsupported: 'This browser cannot make calls.',
  unsupportedWay: 'Open this page in a current Chrome, Edge, Firefox or Safari.',
  refused: 'The microphone was refused.',
  refusedWay: 'Allow it in the address bar or in the settings of the browser, then call again.',
  noMicrophone: 'No microphone was found.',
  noMicrophoneWay: 'Plug one in or switch it on, then call again.',
  microphoneBusy: 'The microphone cannot be used.',
  microphoneBusyWay: 'Perhaps another program has it. Close that program, then call again.',
  offline: 'There is no connection to our server.',
  offlineWay: 'Check your network, then call again.',
  full: 'All lines are busy.',
  fullWay: 'Please call again in a few minutes.',
  forbidden: 'This page may not call here.',
  forbiddenWay: 'Please tell the owner of this site that its call button needs a valid token.',
  off: 'Calls from the browser are switched off.',
  offWay: 'Please call us by telephone.',
  server: 'Our server could not take the call.',
  serverWay: 'Please try again in a moment.',
  noRoute: 'The sound found no way to us.',
  noRouteWay: 'Your network may block calls. Try another network, such as your mobile phone\'s.',
  lost: 'The connection was lost and did not come back.',
  lostWay: 'Check your network, then call again.',
};

export type Text = keyof typeof en;

const zh: Record<Text, string> = {
  title: '联系我们',
  call: '呼叫',
  hangUp: '挂断',
  again: '再次呼叫',
  mute: '静音',
  unmute: '取消静音',
  keypad: '键盘',
  language: '语言',
  captions: '通话内容',
  captionsEmpty: '您和我们说的话会显示在这里。',
  you: '您',
  bot: '助手',
  agent: '客服',
  key: '按键',
  privacy: '仅在通话期间使用您的麦克风。通话可能会被录音，录音时会告知您。',
  idle: '准备就绪，随时可以呼叫。',
  asking: '请允许使用麦克风。',
  connecting: '正在连接……',
  talking: '已接通，请讲。',
  muted: '您已静音。',
  ringing: '正在为您转接人工客服……',
  withAgent: '您正在与人工客服通话。',
  reconnecting: '连接中断，正在重新连接……',
  ended: '通话已结束，谢谢。',
  insecure: '此页面不是通过安全连接打开的。',
  insecureWay: '请使用以 https:// 开头的地址打开。浏览器只允许这样的页面使用麦克风。',
  unsupported: '此浏览器无法通话。',
  unsupportedWay: '请使用新版的 Chrome、Edge、Firefox 或 Safari 打开此页面。',
  refused: '麦克风被拒绝使用。',
  refusedWay: '请在地址栏或浏览器设置中允许使用麦克风，然后再次呼叫。',
  noMicrophone: '没有找到麦克风。',
  noMicrophoneWay: '请插入或打开麦克风，然后再次呼叫。',
  microphoneBusy: '麦克风无法使用。',
  microphoneBusyWay: '可能正被其他程序占用。请关闭该程序，然后再次呼叫。',
  offline: '无法连接到我们的服务器。',
  offlineWay: '请检查您的网络，然后再次呼叫。',
  full: '线路全忙。',
  fullWay: '请过几分钟再呼叫。',
  forbidden: '此页面无权在这里呼叫。',
  forbiddenWay: '请告知网站所有者：呼叫按钮需要有效的令牌。',
  off: '网页呼叫功能已关闭。',
  offWay: '请通过电话联系我们。',
  server: '我们的服务器未能接听。',
  serverWay: '请稍后再试。',
  noRoute: '声音无法传到我们这里。',
  noRouteWay: '您的网络可能阻止了通话。请换一个网络，例如手机网络。',
  lost: '连接中断，未能恢复。',
  lostWay: '请检查您的网络，然后再次呼叫。',
};

const all: Record<Language, Record<Text, string>> = { en, zh };

/** What the page says for `text`. */
export function say(language: Language, text: Text): string {
  return all[language][text];
}

/** The language to begin in: the one asked for, else the last chosen here, else the browser's. */
export function firstLanguage(asked: string | null): Language {
  const wishes = [asked, remembered(), ...navigator.languages];
  for (const wish of wishes) {
    const short = wish?.slice(0, 2).toLowerCase();
    if (short === 'en' || short === 'zh') return short;
  }
  return 'en';
}

/** Keeps the choice for the next visit, where the browser lets us. */
export function remember(language: Language): void {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // A page within another site's may have no storage; then the choice lasts as long as the page.
  }
}

function remembered(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

const KEY = 'hotline-language';
