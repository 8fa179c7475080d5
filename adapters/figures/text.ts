/** `12,345`. */
export const whole = (number: number) => Math.round(number).toLocaleString("en-GB");

/** `1 key`, `2,345 keys`. */
export const counted = (number: number, noun: string) => `${whole(number)} ${noun}${number === 1 ? "" : "s"}`;

/** `98.7 %` of 0.987. Only what is all shows as 100. */
export function percent(share: number): string {
  if (share >= 1) return "100 %";
  return `${Math.min(99.9, share * 100).toFixed(1)} %`;
}

/** Bytes: `1.4 GiB`. */
export function bytes(number: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = number < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(number) / 10));
  const value = number / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** Milliseconds in the unit that suits them: `0.25 ms`, `812 ms`, `1.4 s`, `3 min`, `2.5 h`, `4.0 d`. */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${(ms / 3_600_000).toFixed(1)} h`;
  return `${(ms / 86_400_000).toFixed(1)} d`;
}

/** On one line, at most `most` signs of it. */
export function short(text: string, most = 60): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}
