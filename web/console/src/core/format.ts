// Numbers, times and sizes for reading (console design, section 7, Values).

const grouped = new Intl.NumberFormat("en");

export const count = (n: number): string => grouped.format(n);

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

export function when(iso: string): string {
  const d = new Date(iso);
  if (Number.isNaN(d.getTime())) return iso;
  return d.toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
}

const numeric = /^http:\/\/www\.w3\.org\/2001\/XMLSchema#(?:integer|decimal|double|float|(?:non)?(?:Positive|Negative)Integer|nonNegativeInteger|nonPositiveInteger|positiveInteger|negativeInteger|int|long|short|byte|unsigned(?:Int|Long|Short|Byte))$/;

export const isNumeric = (datatype: string | undefined): boolean => datatype !== undefined && numeric.test(datatype);

/** Control and bidirectional characters drawn, so that a label cannot pretend to be another. */
export function visible(s: string): string {
  return s.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, (c) => (c === "\u007f" ? "␡" : String.fromCharCode(0x2400 + c.charCodeAt(0))))
    .replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, "⍰");
}

/** The local part of an IRI, for want of a label. */
export function localName(iri: string): string {
  const m = /[^/#:]+[/#]?$/.exec(iri);
  if (!m || m[0] === iri) return iri;
  try {
    return decodeURIComponent(m[0].replace(/[/#]$/, ""));
  } catch {
    return m[0];
  }
}

export function ellipsisMiddle(s: string, max = 60): string {
  if (s.length <= max) return s;
  const half = Math.floor((max - 1) / 2);
  return s.slice(0, half) + "…" + s.slice(s.length - half);
}
