// Two short tones for an alert, made here: nothing to load. Off until a person switches it on.

import { memory } from "./dom.js";

let context = null;

export const isOn = () => memory.get("sound") === "on";

/** Switches it; a person's click is what lets a browser play at all. */
export function switchSound(on) {
  memory.set("sound", on ? "on" : "off");
  if (on) {
    wake();
    play("info");
  }
}

function wake() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume();
}

// After a reload the browser wants one more touch before it plays.
for (const event of ["pointerdown", "keydown"]) addEventListener(event, () => isOn() && wake(), { once: true });

export function play(severity) {
  if (!isOn() || context?.state === "closed" || !context) return;
  const tones = { critical: [880, 660, 880, 660], warning: [740, 590] }[severity] ?? [660];
  tones.forEach((pitch, index) => {
    const start = context.currentTime + index * 0.18;
    const tone = new OscillatorNode(context, { type: "sine", frequency: pitch });
    const loudness = new GainNode(context, { gain: 0 });
    loudness.gain.setValueAtTime(0, start);
    loudness.gain.linearRampToValueAtTime(0.2, start + 0.02);
    loudness.gain.exponentialRampToValueAtTime(0.001, start + 0.16);
    tone.connect(loudness).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.17);
  });
}
