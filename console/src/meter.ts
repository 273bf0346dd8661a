// Level meters: how loud each side is, drawn as bars.

/** Draws the loudness of two streams until it is stopped. */
export class Meters {
  private readonly audio = new AudioContext();
  private readonly meters: Meter[];
  private frame = 0;

  constructor(sources: [MediaStream, HTMLCanvasElement][]) {
    this.meters = sources.map(([stream, canvas]) => new Meter(this.audio, stream, canvas));
    void this.audio.resume();
    this.draw();
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    void this.audio.close();
  }

  private readonly draw = (): void => {
    for (const meter of this.meters) meter.draw();
    this.frame = requestAnimationFrame(this.draw);
  };
}

class Meter {
  private readonly analyser: AnalyserNode;
  private readonly samples: Float32Array<ArrayBuffer>;
  private level = 0;

  constructor(audio: AudioContext, stream: MediaStream, private readonly canvas: HTMLCanvasElement) {
    this.analyser = audio.createAnalyser();
    this.analyser.fftSize = 1024;
    this.samples = new Float32Array(this.analyser.fftSize);
    audio.createMediaStreamSource(stream).connect(this.analyser);
  }

  draw(): void {
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    // From -54 dB (nothing) to -9 dB (full).
    const wanted = Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-9) + 54) / 45));
    this.level = wanted > this.level ? wanted : this.level * 0.9 + wanted * 0.1;
    const context = this.canvas.getContext('2d');
    if (!context) return;
    const { width, height } = this.canvas;
    const style = getComputedStyle(this.canvas);
    context.clearRect(0, 0, width, height);
    const bar = width / BARS;
    for (let n = 0; n < BARS; n += 1) {
      const on = n < Math.round(this.level * BARS);
      context.fillStyle = on ? style.color : style.getPropertyValue('--off');
      context.beginPath();
      context.roundRect(n * bar + 1, 4, bar - 3, height - 8, 3);
      context.fill();
    }
  }
}

const BARS = 24;
