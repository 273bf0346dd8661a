// One call: microphone, connection, keys and captions, and the way back after a change of network.
//
// The page only draws what this tells. Nothing here touches the document but the audio element it is given.

import type { Language } from './texts';

/** Why there is no call. Each has its words in texts.ts. */
export type Problem =
  | 'forbidden' | 'full' | 'insecure' | 'lost' | 'microphoneBusy' | 'noMicrophone' | 'noRoute' | 'off' | 'offline'
  | 'refused' | 'server' | 'unsupported';

/** Who the caller has. */
export type With = 'agent' | 'bot' | 'ringing';

export type Who = 'agent' | 'bot' | 'caller';

/** What a call tells. */
export type News =
  | { kind: 'asking' }
  | { kind: 'caption'; who: Who; text: string; done: boolean }
  | { kind: 'connecting' }
  | { kind: 'digit'; digit: string }
  | { kind: 'ended'; reason: string }
  | { kind: 'failed'; problem: Problem }
  | { kind: 'reconnecting' }
  | { kind: 'sound'; mine: MediaStream; theirs: MediaStream }
  | { kind: 'talking'; with: With };

export interface Wishes {
  language: Language;
  token: string | null;
  to: string | null;
}

export class Call {
  private readonly connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  private readonly channel = this.connection.createDataChannel('hotline');
  private microphone: MediaStream | null = null;
  private place: string | null = null;
  private over = false;
  private with: With = 'bot';
  /** When the connection was lost, in milliseconds; null while it is there. */
  private lostAt: number | null = null;
  private timer: number | undefined;

  constructor(
    private readonly wishes: Wishes,
    private readonly voice: HTMLAudioElement,
    private readonly tell: (news: News) => void,
  ) {
    this.channel.onmessage = (event) => this.hear(String(event.data));
    this.connection.ontrack = (event) => this.play(event.streams[0] ?? new MediaStream([event.track]));
    this.connection.onconnectionstatechange = () => this.follow();
    addEventListener('online', this.onNetwork);
    addEventListener('pagehide', this.onPageHide);
  }

  /** Why this browser cannot call from this page, if so. */
  static hindrance(): Problem | null {
    if (!isSecureContext) return 'insecure';
    if (typeof RTCPeerConnection === 'undefined' || !navigator.mediaDevices?.getUserMedia) return 'unsupported';
    return null;
  }

  /** Asks for the microphone and places the call. */
  async begin(): Promise<void> {
    this.tell({ kind: 'asking' });
    try {
      this.microphone = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
      });
    } catch (error) {
      return this.fail(microphoneProblem(error));
    }
    if (this.over) return this.release();
    this.tell({ kind: 'connecting' });
    for (const track of this.microphone.getAudioTracks()) this.connection.addTrack(track, this.microphone);
    try {
      await this.connection.setLocalDescription();
      const query = new URLSearchParams({ language: this.wishes.language });
      if (this.wishes.to) query.set('to', this.wishes.to);
      const response = await this.send('POST', `/v1/webrtc/offer?${query}`, this.connection.localDescription!.sdp);
      if (this.over) return void this.forget(response.headers.get('Location'));
      if (!response.ok) return this.fail(statusProblem(response.status));
      this.place = response.headers.get('Location');
      await this.connection.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    } catch (error) {
      return this.fail(error instanceof TypeError || isTimeout(error) ? 'offline' : 'server');
    }
    this.timer = setTimeout(() => this.lostAt === null && !this.isUp() && this.fail('noRoute'), CONNECT_MS);
  }

  /** Presses a key. */
  press(digit: string): void {
    if (this.channel.readyState === 'open') this.channel.send(JSON.stringify({ type: 'digit', digit }));
  }

  /** Lets the microphone through, or not. */
  setMuted(muted: boolean): void {
    for (const track of this.microphone?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  /** Hangs up. */
  hangUp(): void {
    this.finish({ kind: 'ended', reason: 'caller_hung_up' });
  }

  /** The connection, for those who want to measure it. */
  get peer(): RTCPeerConnection {
    return this.connection;
  }

  private isUp(): boolean {
    return this.connection.connectionState === 'connected';
  }

  private hear(text: string): void {
    const message = parse(text);
    switch (message?.type) {
      case 'caption':
        return this.tell({ kind: 'caption', who: message.who, text: message.text, done: message.done });
      case 'digit':
        return this.tell({ kind: 'digit', digit: message.digit });
      case 'ended':
        return this.finish(message.reason === 'busy' ? { kind: 'failed', problem: 'full' } : { kind: 'ended', reason: message.reason });
      case 'state':
        this.with = message.state;
        if (this.lostAt === null) this.tell({ kind: 'talking', with: this.with });
    }
  }

  private play(theirs: MediaStream): void {
    this.voice.srcObject = theirs;
    // A page that the caller has clicked in may play; where it may not, the browser shows so.
    this.voice.play().catch(() => undefined);
    if (this.microphone) this.tell({ kind: 'sound', mine: this.microphone, theirs });
  }

  private follow(): void {
    if (this.over) return;
    switch (this.connection.connectionState) {
      case 'connected':
        return this.recover();
      case 'disconnected':
        // It often comes back by itself within a moment.
        return this.lose(PATIENCE_MS);
      case 'failed':
        return this.lose(0);
      case 'closed':
        return this.finish({ kind: 'ended', reason: 'closed' });
    }
  }

  private recover(): void {
    clearTimeout(this.timer);
    this.lostAt = null;
    this.tell({ kind: 'talking', with: this.with });
  }

  private lose(wait: number): void {
    if (this.lostAt === null) {
      this.lostAt = performance.now();
      this.tell({ kind: 'reconnecting' });
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.comeBack(), wait);
  }

  /** A new offer from the network as it is now; again and again, until it works or takes too long. */
  private async comeBack(): Promise<void> {
    if (this.over || this.lostAt === null || !this.place) return;
    if (performance.now() - this.lostAt > LOST_MS) return this.fail('lost');
    try {
      if (this.connection.signalingState === 'stable') {
        await this.connection.setLocalDescription(await this.connection.createOffer({ iceRestart: true }));
      }
      const response = await this.send('PATCH', this.place, this.connection.localDescription!.sdp);
      if (response.status === 404) return this.fail('lost');
      if (response.ok) {
        await this.connection.setRemoteDescription({ type: 'answer', sdp: await response.text() });
        // The old way may have come back meanwhile, and then no change of state will say so.
        if (this.isUp()) return this.recover();
      }
    } catch {
      // No network yet; the next turn tries again.
    }
    if (!this.over && this.lostAt !== null) this.timer = setTimeout(() => void this.comeBack(), RETRY_MS);
  }

  private readonly onNetwork = (): void => {
    if (this.place && !this.over && !this.isUp()) this.lose(0);
  };

  private readonly onPageHide = (): void => this.hangUp();

  private fail(problem: Problem): void {
    this.finish({ kind: 'failed', problem });
  }

  private finish(news: News): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    removeEventListener('online', this.onNetwork);
    removeEventListener('pagehide', this.onPageHide);
    this.forget(this.place);
    this.release();
    this.connection.onconnectionstatechange = null;
    this.connection.close();
    this.voice.srcObject = null;
    this.tell(news);
  }

  /** Tells the server that the call is over; also while the page goes away. */
  private forget(place: string | null): void {
    if (place) void fetch(place, { method: 'DELETE', headers: this.headers(), keepalive: true }).catch(() => undefined);
  }

  private release(): void {
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
  }

  private headers(): Record<string, string> {
    return this.wishes.token ? { Authorization: `Bearer ${this.wishes.token}` } : {};
  }

  private send(method: string, path: string, sdp: string): Promise<Response> {
    const headers = { ...this.headers(), 'Content-Type': 'application/sdp' };
    return fetch(path, { method, headers, body: sdp, signal: AbortSignal.timeout(ANSWER_MS) });
  }
}

type Message =
  | { type: 'caption'; who: Who; text: string; done: boolean }
  | { type: 'digit'; digit: string }
  | { type: 'ended'; reason: string }
  | { type: 'state'; state: With };

function parse(text: string): Message | null {
  try {
    return JSON.parse(text) as Message;
  } catch {
    return null;
  }
}

function microphoneProblem(error: unknown): Problem {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'refused';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'noMicrophone';
    default:
      return 'microphoneBusy';
  }
}

function statusProblem(status: number): Problem {
  if (status === 401 || status === 403) return 'forbidden';
  if (status === 404) return 'off';
  return status === 503 ? 'full' : 'server';
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

/** How long sound may take to find its way. */
const CONNECT_MS = 15_000;
/** How long the server may take to answer. */
const ANSWER_MS = 10_000;
/** How long a lost connection may take to come back by itself. */
const PATIENCE_MS = 2_000;
/** The pause between attempts to come back. */
const RETRY_MS = 3_000;
/** After so long the server has given up too. */
const LOST_MS = 30_000;
