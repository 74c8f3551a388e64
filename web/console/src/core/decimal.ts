// Exact decimals for checking what the server computed: a BigInt and a scale.
// Division rounds half to even at 40 digits after the point, far beyond any
// figure shown.

export interface Decimal {
  /** value = units / 10^scale */
  units: bigint;
  scale: number;
}

const quotientScale = 40;

export function parseDecimal(text: string): Decimal | null {
  const m = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text.trim());
  if (!m || (m[2] === "" && (m[3] ?? "") === "")) return null;
  const fraction = m[3] ?? "";
  let units = BigInt((m[2] ?? "") + fraction || "0");
  if (m[1] === "-") units = -units;
  let scale = fraction.length - Number(m[4] ?? 0);
  if (scale < 0) {
    units *= 10n ** BigInt(-scale);
    scale = 0;
  }
  return { units, scale };
}

function align(a: Decimal, b: Decimal): [bigint, bigint, number] {
  const scale = Math.max(a.scale, b.scale);
  return [a.units * 10n ** BigInt(scale - a.scale), b.units * 10n ** BigInt(scale - b.scale), scale];
}

function divideRounded(n: bigint, d: bigint): bigint {
  let q = n / d;
  const twice = (n % d) * 2n;
  const over = twice < 0n ? -twice : twice;
  const unit = d < 0n ? -d : d;
  if (over > unit || (over === unit && q % 2n !== 0n)) q += n < 0n !== d < 0n ? -1n : 1n;
  return q;
}

function divide(a: Decimal, b: Decimal): Decimal | null {
  if (b.units === 0n) return null;
  const [x, y] = align(a, b);
  return { units: divideRounded(x * 10n ** BigInt(quotientScale), y), scale: quotientScale };
}

export function round(a: Decimal, scale: number): Decimal {
  if (a.scale <= scale) return { units: a.units * 10n ** BigInt(scale - a.scale), scale };
  return { units: divideRounded(a.units, 10n ** BigInt(a.scale - scale)), scale };
}

export function equal(a: Decimal, b: Decimal): boolean {
  const [x, y] = align(a, b);
  return x === y;
}

/**
 * evaluate computes a formula over operands named a, b, c … in order. It knows
 * + - * / (also × ÷ −), parentheses and numbers; null = not a formula it
 * can check (unknown word, missing operand, division by zero).
 */
export function evaluate(formula: string, operands: Decimal[]): Decimal | null {
  const tokens = formula.replaceAll("−", "-").replaceAll("×", "*").replaceAll("÷", "/").match(/\d+(?:\.\d+)?|[a-z]|[-+*/()]|\S/g);
  if (!tokens) return null;
  let i = 0;
  const sum = (): Decimal | null => {
    let left = product();
    while (left && (tokens[i] === "+" || tokens[i] === "-")) {
      const minus = tokens[i++] === "-";
      const right = product();
      if (!right) return null;
      const [x, y, scale]: [bigint, bigint, number] = align(left, right);
      left = { units: minus ? x - y : x + y, scale };
    }
    return left;
  };
  const product = (): Decimal | null => {
    let left = unary();
    while (left && (tokens[i] === "*" || tokens[i] === "/")) {
      const over = tokens[i++] === "/";
      const right = unary();
      if (!right) return null;
      left = over ? divide(left, right) : { units: left.units * right.units, scale: left.scale + right.scale };
    }
    return left;
  };
  const unary = (): Decimal | null => {
    const token = tokens[i++];
    if (token === undefined) return null;
    if (token === "-") {
      const inner = unary();
      return inner && { units: -inner.units, scale: inner.scale };
    }
    if (token === "(") {
      const inner = sum();
      return tokens[i++] === ")" ? inner : null;
    }
    if (/^\d/.test(token)) return parseDecimal(token);
    if (/^[a-z]$/.test(token)) return operands[token.charCodeAt(0) - 97] ?? null;
    return null;
  };
  const result = sum();
  return i === tokens.length ? result : null;
}
